"""What a tool has heard of a graph until now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from dsrl_core.data.ledger import standing_labels
from dsrl_core.status import (
    EpisodeStatus,
    LearnerStatus,
    Phase,
    RecordedEpisode,
    RunBudget,
    SafetyStatus,
)
from dsrl_core.types import Label

SILENT_S: Final = 3.0
"""The episode manager tells its budget every second: one that is not heard for so long is gone."""


@dataclass(frozen=True)
class Seen:
    """What was told of an episode while it was the present one."""

    mode: str
    """As people may be told: in a blinded comparison the episode's code."""
    is_hidden: bool
    """Whether that is a code."""
    outcome: str


def _nothing() -> Mapping[int, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Heard:
    """Newest word of every part of a graph; None: not heard of yet."""

    status: EpisodeStatus | None = None
    safety: SafetyStatus | None = None
    learner: LearnerStatus | None = None
    budget: RunBudget | None = None
    entries: tuple[Label, ...] = ()
    """Of the label ledger, in its order; its oldest may be missing."""
    recorded: Mapping[int, RecordedEpisode] = field(default_factory=_nothing)
    seen: Mapping[int, Seen] = field(default_factory=_nothing)
    now_ns: int = 0
    """ROS time."""
    quiet_s: float = math.inf
    """Since the episode manager was last heard [s], wall clock."""

    @property
    def is_silent(self) -> bool:
        return self.quiet_s > SILENT_S

    @property
    def is_hidden(self) -> bool:
        """Whether a comparison is under way of which people must not know which arm acts."""
        return self.status is not None and bool(self.status.code)

    @property
    def held(self) -> bool:
        return self.safety is not None and self.safety.held

    def standing(self) -> dict[int, Label]:
        """The label that holds, by episode."""
        return standing_labels(self.entries)

    def present(self) -> int | None:
        """The episode that buttons speak of: it runs or is over; None where there is none."""
        status = self.status
        if status is None or status.phase not in (
            Phase.RUNNING,
            Phase.AWAITING_LABEL,
            Phase.DONE,
        ):
            return None
        return status.episode


def see(seen: Mapping[int, Seen], status: EpisodeStatus) -> dict[int, Seen]:
    """What was seen, with what this status tells of its episode."""
    before = seen.get(status.episode)
    # An idle manager that has just been started knows nothing of its last episode.
    if status.phase is Phase.IDLE and not status.run_mode:
        return dict(seen)
    outcome = status.outcome or (before.outcome if before and status.phase is Phase.IDLE else "")
    return {**seen, status.episode: Seen(status.shown_mode, bool(status.code), outcome)}
