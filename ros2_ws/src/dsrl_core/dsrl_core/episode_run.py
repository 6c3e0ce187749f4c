"""A run of episodes: how many, which mode each has, from which reset each begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from dsrl_core.errors import DsrlError
from dsrl_core.seeding import reset_seed
from dsrl_core.status import INVALID, EpisodeStatus, Phase, Waits
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
class NextEpisode:
    """The episode that a run wants next."""

    mode: Mode
    seed: int
    """Of its reset and of its noise."""
    code: str = ""
    """What people call it while its mode is hidden; empty: nothing is hidden."""
    weights_version: int = 0
    """In a comparison: with exactly which weights it is to run; 0: without any."""
    noise: str = ""
    """In mode `shaped` the name of the kind of noise."""


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
    def shown_mode(self) -> str:
        """What people are told of the run."""
        return str(self.mode)

    def is_complete(self, entries: Sequence[Label]) -> bool:
        """`entries`: of the ledger so far; a comparison may end by what they say."""
        return 0 < self.count <= self.done

    def next(self, evaluation_share: float, entries: Sequence[Label]) -> NextEpisode:
        """What comes next; `evaluation_share` as the episode manager's."""
        place = self.first_index + self.done
        mode, index = self.mode, place
        if mode is Mode.TRAIN:
            before, after = (_evaluations(evaluation_share, p) for p in (place, place + 1))
            mode, index = (Mode.EVAL, before) if after > before else (mode, place - before)
        return NextEpisode(mode, reset_seed(self.seed, mode, index))

    def begun(self, wanted: NextEpisode, number: int) -> Self:
        """The run once the episode that it wanted is under way with this number."""
        return self

    def after(self, outcome: str, number: int) -> Self:
        """The run once an episode has ended so: an invalid one is repeated."""
        if outcome == INVALID:
            return replace(self, invalid_in_a_row=self.invalid_in_a_row + 1)
        return replace(self, done=self.done + 1, invalid_in_a_row=0)


def _evaluations(share: float, episodes: int) -> int:
    """How many of the first `episodes` of a training series are evaluations."""
    # A share such as 0.1 is no exact number: the tenth episode is not to be missed by a hair.
    return math.floor(share * episodes + 1e-9)


def check_may_run(status: EpisodeStatus, is_running: bool, no_room: str) -> None:
    """Refuse a run while another is not over, or while the disk takes no episode, for which
    `no_room` is the reason."""
    if is_running or status.phase not in (Phase.IDLE, Phase.DONE):
        total = status.run_total or "unlimited"
        raise DsrlError(
            f"episode {status.episode} is {status.phase.name} in a run of {total} episodes; "
            "expected IDLE: stop it first"
        )
    if no_room:
        raise DsrlError(no_room)


def why_not_start(status: EpisodeStatus) -> str:
    """Why a person's start has no effect in this state, for people; empty: it has."""
    if status.waits_for in (Waits.OPERATOR, Waits.LABEL):
        return ""
    waits = status.waits_for or "nothing"
    return (
        f"episode {status.episode} is {status.phase.name} and waits for {waits}; expected one that "
        "waits for the operator, or for a label that may come later"
    )
