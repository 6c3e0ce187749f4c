"""A run's folder as a report reads it: episodes, what was said of them, and where the time went."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from dsrl_core.data.episode_index import EpisodeIndex
from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.film_strips import read_strip
from dsrl_core.data.ledger import LEDGER, LedgerFollower, standing_labels
from dsrl_core.data.timeline import Moment, read_timeline
from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.evaluation.ab_run import read_plans, recorded_test
from dsrl_core.evaluation.ab_test import AbTest
from dsrl_core.evaluation.budget import Activity, Budget
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.learning.run_record import read_about
from dsrl_core.status import EpisodeStatus, Phase
from dsrl_core.types import (
    NANOSECONDS_PER_SECOND,
    Episode,
    Float32Array,
    Label,
    Mode,
    Outcome,
    UInt8Array,
)

STEERED: Final = (Mode.TRAIN, Mode.EVAL)
FRAMES: Final = 6
"""Pictures of an episode that are kept for its film strip, evenly spread."""


@dataclass(frozen=True)
class EpisodeFacts:
    """One episode, without what only a learner needs."""

    number: int
    mode: Mode
    is_valid: bool
    end_reason: str
    decisions: int
    steps: int
    """Actions that reached the robot."""
    duration_s: float
    weights_version: int
    noise_rms: float
    """Root mean square of the executed noises; 1 is what the frozen policy draws by itself."""
    value: float
    """The critic's estimate at the first decision; NaN without a critic."""
    latencies_s: tuple[float, ...]
    observations: Float32Array
    """Shape (decisions + 1, observation_size)."""
    frames: tuple[UInt8Array, ...]
    """Each (height, width, 3): all cameras side by side; none where none were recorded."""
    has_images: bool = False
    """Whether what cameras saw was recorded."""
    said: tuple[Label, ...] = ()
    """The ledger's entries about it, in order."""
    label: Label | None = None
    """What holds; None: unlabelled, or invalid."""
    code: str = ""
    """What it is called in a comparison that is not over; its mode is then nobody's business."""
    film: tuple[UInt8Array, ...] = ()
    """Each (height, width, 3): small pictures that an operator's window kept; none: none did."""

    @property
    def shown_mode(self) -> str:
        return self.code or str(self.mode)

    @property
    def outcome(self) -> str:
        """success, failure, discard, unlabelled or invalid."""
        if not self.is_valid:
            return "invalid"
        return str(self.label.outcome) if self.label else "unlabelled"

    @property
    def was_corrected(self) -> bool:
        return sum(label.outcome is not Outcome.MARK for label in self.said) > 1

    @property
    def is_steered(self) -> bool:
        """Whether weights had a say: a warm-up is the frozen policy by itself."""
        return self.mode in STEERED and self.weights_version > 0 and not self.code


@dataclass(frozen=True)
class RunData:
    """All of a run that a report tells."""

    folder: Path
    episodes: tuple[EpisodeFacts, ...]
    entries: tuple[Label, ...]
    seconds: Mapping[Activity, float]
    """Of the wall's clock, by activity; empty where no time line was kept."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What the learner wrote of itself; empty where none has learned."""
    comparisons: tuple[AbTest, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Episodes that could not be read, and why."""

    @property
    def name(self) -> str:
        return self.folder.name

    def count(self, episodes: Sequence[EpisodeFacts]) -> SuccessCount:
        """Successes among those that are labelled success or failure."""
        labels = [episode.label for episode in episodes if episode.label and episode.is_valid]
        return SuccessCount.of_outcomes(label.outcome for label in labels)

    @property
    def base(self) -> tuple[EpisodeFacts, ...]:
        """Of the frozen policy by itself, warm-up included."""
        warm_up = (Mode.BASE, Mode.TRAIN)
        shown = (episode for episode in self.episodes if not episode.code)
        return tuple(e for e in shown if e.mode in warm_up and not e.weights_version)

    @property
    def steered(self) -> tuple[EpisodeFacts, ...]:
        return tuple(episode for episode in self.episodes if episode.is_steered)


def read_run(folder: Path) -> RunData:
    """Read a run's folder; an episode that cannot be read is told and left out.

    Raises:
        DsrlError: there is no run in it, or its ledger or plans cannot be what was written.
    """
    return RunReader(folder).read()


class RunReader:
    """Reads a run's folder, again and again if need be: every episode once."""

    def __init__(self, folder: Path, *, for_curves: bool = False) -> None:
        """`for_curves`: keep neither pictures nor observations, which grow with the run, and read
        only bags that are not in the run's index."""
        self._folder, self._for_curves = folder, for_curves
        self._known: dict[int, EpisodeFacts] = {}
        self._unreadable: dict[int, str] = {}

    def read(self) -> RunData:
        """The run as it is now.

        Raises:
            DsrlError: there is no run in it, or its ledger or plans cannot be what was written.
        """
        folder = self._folder
        if not (folder / EPISODES).is_dir():
            raise DsrlError(
                f"there is no run in {folder}: expected a folder with episodes/ and ledger.jsonl, "
                "as ./dsrl up, demo and launch files write it"
            )
        entries = LedgerFollower(folder / LEDGER).new()
        standing = standing_labels(entries)
        comparisons = tuple(recorded_test(folder, planned) for planned in read_plans(folder))
        codes = {
            attempt.number: test.plan.code_of(attempt.index)
            for test in comparisons
            if not test.should_stop
            for attempt in test.episodes
        }
        self._read_new(EpisodeStore(folder / EPISODES))
        said: dict[int, list[Label]] = {number: [] for number in self._known}
        for entry in entries:
            if entry.episode in said:
                said[entry.episode].append(entry)
        episodes = tuple(
            replace(
                facts,
                code=codes.get(number, ""),
                said=tuple(said[number]),
                label=standing.get(number),
            )
            for number, facts in sorted(self._known.items())
        )
        return RunData(
            folder,
            episodes,
            entries,
            _seconds(read_timeline(folder)),
            read_about(folder) or {},
            comparisons,
            tuple(self._unreadable.values()),
        )

    def _read_new(self, store: EpisodeStore) -> None:
        index = EpisodeIndex(store) if self._for_curves else None
        for number in store.numbers():
            if number in self._known or number in self._unreadable:
                continue
            if index and (facts := _remembered(index.get(number))) is not None:
                self._known[number] = facts
                continue
            try:
                facts = _facts(store.read(number))
            except InvalidFile as error:
                self._unreadable[number] = str(error)
                continue
            if index:
                facts = replace(facts, observations=facts.observations[:0], frames=())
                index.put(number, {name: getattr(facts, name) for name in _REMEMBERED})
            else:
                film = tuple(picture for _, picture in read_strip(self._folder, number))
                facts = replace(facts, film=film)
            self._known[number] = facts
        if index:
            index.save()


_REMEMBERED: Final = (
    *("number", "mode", "is_valid", "end_reason", "decisions", "steps", "duration_s"),
    *("weights_version", "noise_rms", "value", "latencies_s", "has_images"),
)
"""What an index keeps of an episode: what its bag says, but neither observations nor pictures."""


def _remembered(kept: Mapping[str, Any] | None) -> EpisodeFacts | None:
    """Facts of an index; None: it has not all of them."""
    if kept is None or kept.keys() != set(_REMEMBERED):
        return None
    values = {**kept, "mode": Mode(kept["mode"]), "latencies_s": tuple(kept["latencies_s"])}
    nothing = np.zeros((0, 0), dtype=np.float32)
    return EpisodeFacts(**values, observations=nothing, frames=())


def _facts(episode: Episode) -> EpisodeFacts:
    steps = episode.steps
    decisions = [step.decision for step in steps if not step.decision.is_final]
    stamps = [step.decision.observation.stamp_ns for step in steps]
    noises = [decision.noise.ravel() for decision in decisions]
    return EpisodeFacts(
        episode.number,
        episode.mode,
        episode.is_valid,
        episode.end_reason,
        len(decisions),
        sum(step.steps_executed for step in steps),
        (stamps[-1] - stamps[0]) / NANOSECONDS_PER_SECOND if stamps else 0.0,
        decisions[-1].weights_version if decisions else 0,
        float(np.sqrt(np.mean(np.square(np.concatenate(noises))))) if noises else math.nan,
        decisions[0].value if decisions else math.nan,
        tuple(decision.latency_s for decision in decisions if decision.latency_s > 0),
        np.stack([step.decision.observation.values for step in steps])
        if steps
        else np.zeros((0, 0), dtype=np.float32),
        _frames(episode),
        any(step.decision.observation.images is not None for step in steps),
    )


def _frames(episode: Episode) -> tuple[UInt8Array, ...]:
    seen = [step.decision.observation.images for step in episode.steps]
    pictures = [images for images in seen if images is not None]
    if not pictures:
        return ()
    chosen = np.unique(np.linspace(0, len(pictures) - 1, FRAMES).round().astype(int))
    return tuple(np.concatenate(list(pictures[index]), axis=1) for index in chosen)


def _seconds(moments: Sequence[Moment] | Any) -> dict[Activity, float]:
    """By activity; between two starts of the episode manager nothing is known."""
    budget, session, last_s = Budget(), None, 0.0
    for moment in moments:
        if session is not None and moment.session != session:
            budget.close(last_s)
        session, last_s = moment.session, moment.monotonic_s
        state = EpisodeStatus(phase=Phase[moment.phase], waits_for=moment.waits_for)
        budget.see(state, moment.monotonic_s)
        budget.idle(moment.idle_s, moment.monotonic_s)
    found = budget.seconds(last_s)
    return {activity: value for activity, value in found.items() if value > 0}
