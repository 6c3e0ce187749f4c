"""What a learner is fed from: the run's own folder, or those of several robots as if of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower
from dsrl_core.learning.feed import Attempt
from dsrl_core.learning.joined import JoinedRuns
from dsrl_core.types import Episode, Label


class Trained(Protocol):
    """What takes it in: `dsrl_core.learning.training_run.TrainingRun`."""

    def recorded(self, episode: int, attempt: Attempt) -> None: ...

    def labelled(self, labels: Iterable[Label]) -> None: ...


class Intake(Protocol):
    """Where episodes and labels come from."""

    def read(self, number: int) -> Episode:
        """A stored episode by the number that the learner knows it by."""

    def numbers(self) -> list[int]:
        """Those that are stored at the start, as far as they can be told from the disk alone."""

    def recorded(self, robot: str, episode: int, attempt: Attempt) -> None:
        """An episode is on disk; its number is the robot's own."""

    def give(self, training: Trained) -> None:
        """Pass on whatever is new."""

    def entries_of(self, robot: str, taken: int) -> int:
        """How many of a robot's labels are among the first `taken`."""

    def pending_of(self, robot: str, taken: int, pending: int) -> int:
        """How many of the pending updates are due to this robot's labels."""

    def problems(self) -> list[str]:
        """What has gone wrong since it was asked last, for people."""


class OneRun:
    """The only robot's run; `robot` is of no meaning."""

    def __init__(self, out: Path) -> None:
        self._store, self._ledger = EpisodeStore(out / EPISODES), LedgerFollower(out / LEDGER)
        self._recorded: list[tuple[int, Attempt]] = []
        self.read, self.numbers = self._store.read, self._store.numbers

    def recorded(self, robot: str, episode: int, attempt: Attempt) -> None:
        self._recorded.append((episode, attempt))

    def give(self, training: Trained) -> None:
        recorded, self._recorded = self._recorded, []
        for episode, attempt in recorded:
            training.recorded(episode, attempt)
        training.labelled(self._ledger.new())

    def entries_of(self, robot: str, taken: int) -> int:
        return taken

    def pending_of(self, robot: str, taken: int, pending: int) -> int:
        return pending

    def problems(self) -> list[str]:
        return []


class SeveralRuns:
    """The runs of several robots, in the order that `JoinedRuns` keeps."""

    def __init__(self, runs: JoinedRuns) -> None:
        self._runs = runs
        self.read, self.recorded = runs.read, runs.recorded
        self.entries_of = runs.entries_of

    def numbers(self) -> list[int]:
        return []

    def give(self, training: Trained) -> None:
        for label, attempt in self._runs.new():
            training.recorded(label.episode, attempt)
            training.labelled([label])

    def pending_of(self, robot: str, taken: int, pending: int) -> int:
        # No entry is taken before what the one before it brought is learned.
        return pending if self._runs.last_of(taken) == robot else 0

    def problems(self) -> list[str]:
        told, self._runs.problems = self._runs.problems, []
        return told


def intake_of(out: Path, robots: Sequence[str]) -> Intake:
    """Of the run in `out`; with `robots`, of theirs below it.

    Raises:
        DsrlError: a folder cannot be used, or its files contradict each other.
    """
    return SeveralRuns(JoinedRuns(out, robots)) if robots else OneRun(out)
