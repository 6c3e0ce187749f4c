"""What the episode manager did and waited for, moment by moment: one file per run, added to.

A line is a JSON object. The wall's time says when, for people; durations come from a clock that
never jumps, which is only comparable within one `session` (one start of the episode manager).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from dsrl_core.status import EpisodeStatus

TIMELINE_FILE: Final = "timeline.jsonl"


@dataclass(frozen=True)
class Moment:
    """A change of the episode manager's state."""

    session: int
    """Wall time [ns] at which the episode manager was started."""
    wall_ns: int
    monotonic_s: float
    episode: int
    phase: str
    waits_for: str
    mode: str
    """As people may be told: in a blinded comparison the episode's code."""
    outcome: str
    message: str
    idle_s: float = 0.0
    """For which chunks were late within episodes until then, see `SafetyStatus`."""


class Timeline:
    """The writer of a run's timeline."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / TIMELINE_FILE
        self._session = time.time_ns()

    def add(self, status: EpisodeStatus, idle_s: float = 0.0) -> None:
        """Write a change down; `idle_s` is the chunk player's.

        Raises:
            OSError: it cannot be written; a timeline is for reports, so this is to be told only.
        """
        moment = Moment(
            self._session,
            time.time_ns(),
            time.monotonic(),
            status.episode,
            status.phase.name,
            status.waits_for,
            status.shown_mode,
            status.outcome,
            status.message,
            idle_s,
        )
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(moment)) + "\n")


def read_timeline(folder: Path) -> Iterator[Moment]:
    """The moments of a run in order; none where there is no timeline.

    A line that was cut off or is of another kind is passed over: durations are then those between
    its neighbours.
    """
    path = folder / TIMELINE_FILE
    if not path.exists():
        return
    expected = {part.name for part in fields(Moment)}
    needed = expected - {"idle_s"}  # not there in earlier files
    for line in path.read_text().splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, dict) and needed <= set(values) <= expected:
            yield Moment(**values)
