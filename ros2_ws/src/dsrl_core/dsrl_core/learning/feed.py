"""Brings labels and recorded episodes, which arrive in any order, to the learner in a fixed one.

The ledger's order rules: an entry is taken once the episode that it labels is on disk, no entry
overtakes another, and none is taken before what those before it brought is learned. What the
learner holds then depends on the ledger alone, at every moment of its training. An episode that is
not as it must be is refused with the reason, and all others go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from dsrl_core.data.reading_ahead import ReadingAhead
from dsrl_core.errors import DsrlError
from dsrl_core.learning.learner import TASK_KEY
from dsrl_core.types import Episode, Label, Mode, Outcome


@dataclass(frozen=True)
class Attempt:
    """What is known of an episode without what happened in it."""

    mode: Mode
    version: int
    """Of the weights under which it ran; 0: none yet."""
    is_valid: bool = True
    task: str | None = None
    """Its name, where the episode tells it."""

    @staticmethod
    def of(episode: Episode) -> Attempt:
        decisions = [step.decision for step in episode.steps if not step.decision.is_final]
        version = decisions[-1].weights_version if decisions else 0
        task = episode.metadata.get(TASK_KEY)
        return Attempt(episode.mode, version, episode.is_valid, task)


class Trainee(Protocol):
    """What is fed: `dsrl_core.learning.training_run.TrainingRun`."""

    @property
    def is_busy(self) -> bool: ...

    def add_episode(self, episode: Episode) -> None: ...

    def set_label(self, label: Label, attempt: Attempt) -> None: ...


class LearnerFeed:
    """`read` gives a stored episode by its number; `stored` are those on disk at the start.

    An entry about an episode from before the start that is not on disk any more is passed over.
    """

    def __init__(
        self, trainee: Trainee, read: Callable[[int], Episode], stored: Iterable[int]
    ) -> None:
        self._trainee, self._read = trainee, ReadingAhead(read)
        self._stored = set(stored)
        self._before_start = max(self._stored, default=-1)
        self._attempts: dict[int, Attempt] = {}
        self._waiting: deque[Label] = deque()
        self.entries = 0
        """Entries of the ledger that were taken into account."""
        self.refused: dict[int, str] = {}
        """Why an episode was not taken, for people, by its number."""

    def recorded(self, episode: int, attempt: Attempt) -> None:
        """An episode is on disk; a measurement need not be read."""
        self._stored.add(episode)
        if attempt.mode is not Mode.TRAIN:
            self._attempts.setdefault(episode, attempt)

    def labelled(self, labels: Iterable[Label]) -> None:
        """New entries of the ledger, in its order."""
        new = list(labels)
        self._waiting.extend(new)
        unread = dict.fromkeys(entry.episode for entry in new if entry.outcome is not Outcome.MARK)
        self._read.expect(
            number for number in unread if number in self._stored and number not in self._attempts
        )

    @property
    def may_go_on(self) -> bool:
        """Whether the next entry can be taken as soon as the trainee has time for it."""
        if not self._waiting:
            return False
        number = self._waiting[0].episode
        return number in self._stored or number <= self._before_start

    def go_on(self) -> bool:
        """Take the next entry if it is time for it; whether it was."""
        if self._trainee.is_busy or not self.may_go_on:
            return False
        label = self._waiting.popleft()
        self.entries += 1
        if label.outcome is not Outcome.MARK and label.episode not in self.refused:
            try:
                self._take(label)
            except DsrlError as error:
                self.refused[label.episode] = str(error)
        return True

    def _take(self, label: Label) -> None:
        attempt = self._attempts.get(label.episode)
        if attempt is None:
            episode = self._read(label.episode)
            attempt = Attempt.of(episode)
            self._trainee.add_episode(episode)
            self._attempts[label.episode] = attempt
        self._trainee.set_label(label, attempt)
