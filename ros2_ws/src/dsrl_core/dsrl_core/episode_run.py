"""A run of episodes: how many, which mode each has, and from which reset each begins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from dsrl_core.types import Label, Mode


class Ledger(Protocol):
    """What the episode manager needs of `dsrl_core.data.ledger.LabelLedger`."""

    @property
    def entries(self) -> tuple[Label, ...]: ...

    def append(self, label: Label) -> Label: ...


@dataclass(frozen=True)
class ResetWanted:
    """The world is to be put into the start state of this seed, for this episode."""

    episode: int
    seed: int


@dataclass(frozen=True)
class Run:
    """Episodes that were asked for together, and how far they are."""

    mode: Mode
    count: int
    """0: until stopped."""
    seed: int
    first_index: int
    done: int = 0
    invalid_in_a_row: int = 0

    @property
    def is_complete(self) -> bool:
        return 0 < self.count <= self.done

    def next(self, evaluation_share: float) -> tuple[Mode, int]:
        """Mode of the next episode and the index of its reset in the seed's series."""
        place = self.first_index + self.done
        if self.mode is not Mode.TRAIN:
            return self.mode, place
        before, after = (_evaluations(evaluation_share, p) for p in (place, place + 1))
        return (Mode.EVAL, before) if after > before else (Mode.TRAIN, place - before)


def _evaluations(share: float, episodes: int) -> int:
    """How many of the first `episodes` of a training series are evaluations."""
    # A share such as 0.1 is no exact number: the tenth episode is not to be missed by a hair.
    return math.floor(share * episodes + 1e-9)
