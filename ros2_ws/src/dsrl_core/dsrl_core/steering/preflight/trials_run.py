"""Episodes with several kinds of noise in turn, on the robot: a preflight asks for them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from dsrl_core.episode_run import NextEpisode, Run
from dsrl_core.errors import InvalidValue
from dsrl_core.seeding import reset_seed
from dsrl_core.status import RUN_TRIALS
from dsrl_core.steering.preflight.noise_kinds import BASE_NOISE, NoiseKind
from dsrl_core.types import Label, Mode, Outcome

_CODE_BYTES: Final = 3
_MANY: Final = 1000
"""Of each kind: more than anybody plays before learning begins."""


@dataclass(frozen=True)
class TrialsRun(Run):
    """Every kind of noise once in each round, in an order drawn anew for the round and known to
    nobody; all of a round from one reset, where a simulator puts things where its number says.

    None of it is learned from: the modes are base and shaped. What is invalid or discarded is
    played again, in its place.
    """

    order: tuple[str, ...] = field(kw_only=True)
    """Noise of each episode: `base`, or the name of a kind."""
    codes: tuple[str, ...] = field(kw_only=True)
    """What each is called meanwhile."""
    kinds: int = field(kw_only=True)

    @staticmethod
    def drawn(noises: Sequence[str], each: int, seed: int, first_index: int) -> TrialsRun:
        """`each` rounds of these noises, by the operating system's randomness.

        Raises:
            InvalidValue: one is no kind of noise or comes twice, or `each` is out of range.
        """
        if not noises or len(set(noises)) < len(noises):
            raise InvalidValue(f"noises {list(noises)}, expected one or more that differ")
        if not 1 <= each <= _MANY:
            raise InvalidValue(f"{each} episodes of each noise, expected 1 to {_MANY}")
        for noise in noises:
            if noise != BASE_NOISE:
                NoiseKind.named(noise)
        chance = secrets.SystemRandom()
        order = [one for _ in range(each) for one in chance.sample(noises, len(noises))]
        codes: dict[str, None] = {}
        while len(codes) < len(order):
            codes.setdefault(secrets.token_hex(_CODE_BYTES).upper())
        return TrialsRun(
            Mode.BASE,
            len(order),
            seed,
            first_index,
            order=tuple(order),
            codes=tuple(codes),
            kinds=len(noises),
        )

    @property
    def shown_mode(self) -> str:
        return RUN_TRIALS

    def next(self, evaluation_share: float, entries: Sequence[Label]) -> NextEpisode:
        noise, code = self.order[self.done], self.codes[self.done]
        seed = reset_seed(self.seed, Mode.BASE, self.first_index + self.done // self.kinds)
        if noise == BASE_NOISE:
            return NextEpisode(Mode.BASE, seed, code)
        return NextEpisode(Mode.SHAPED, seed, code, noise=noise)

    def after(self, outcome: str, number: int) -> Self:
        if outcome == Outcome.DISCARD:
            return replace(self, invalid_in_a_row=0)
        return super().after(outcome, number)
