"""Brings labels and recorded episodes, which arrive in any order, to the learner in a fixed one.

The ledger's order rules: an entry is taken once the episode that it labels is on disk, and no entry
overtakes another. What the learner holds then depends on the ledger alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from dsrl_core.types import Episode, Label, Mode


class Trainee(Protocol):
    """What is fed: `dsrl_core.learning.learner.Learner`."""

    def add_episode(self, episode: Episode) -> None: ...

    def set_label(self, label: Label) -> None: ...


class LearnerFeed:
    """`read` gives a stored episode by its number; `stored` are those on disk at the start.

    An entry about an episode from before the start that is not on disk any more is passed over.
    """

    def __init__(
        self, trainee: Trainee, read: Callable[[int], Episode], stored: Iterable[int]
    ) -> None:
        self._trainee, self._read = trainee, read
        self._stored = set(stored)
        self._before_start = max(self._stored, default=-1)
        self._taken: set[int] = set()
        self._waiting: deque[Label] = deque()
        self.entries = 0
        """Entries of the ledger that were taken into account."""

    def recorded(self, episode: int, mode: Mode) -> None:
        """An episode is on disk; only training episodes are ever read."""
        self._stored.add(episode)
        if mode is not Mode.TRAIN:
            self._taken.add(episode)
        self._feed()

    def labelled(self, labels: Iterable[Label]) -> None:
        """New entries of the ledger, in its order."""
        self._waiting.extend(labels)
        self._feed()

    def _feed(self) -> None:
        while self._waiting:
            label = self._waiting[0]
            if label.episode in self._stored and label.episode not in self._taken:
                self._taken.add(label.episode)
                self._trainee.add_episode(self._read(label.episode))
            elif label.episode not in self._taken and label.episode > self._before_start:
                return
            self._trainee.set_label(label)
            self._waiting.popleft()
            self.entries += 1
