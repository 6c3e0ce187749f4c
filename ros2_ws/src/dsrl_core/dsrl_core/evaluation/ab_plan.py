"""Who runs when in an A/B test: pairs of episodes on one reset, in an order that nobody can guess.

Everything follows from the plan's few numbers and an index, so that a test that was interrupted
goes on where it stopped, and a reviewer can derive it again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.types import Mode

_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 of them, without those that are misread for one another (I and 1, O and 0)."""
_CODE_LENGTH: Final = 6
_VERSIONED: Final = (Mode.EVAL, Mode.ACTOR)
_COMPARABLE: Final = (Mode.BASE, Mode.ZERO, *_VERSIONED)
_ARM: Final = re.compile(r"(?P<mode>[^@]*)(?:@(?P<version>.*))?", re.DOTALL)


@dataclass(frozen=True)
class Arm:
    """One of the two that are compared: what picks the noise, and with which weights."""

    mode: Mode
    weights_version: int | None = None
    """Of the steering; None: those in use when the test begins, or nothing steers."""

    def __post_init__(self) -> None:
        if self.mode not in _COMPARABLE:
            raise InvalidValue(
                f"an arm cannot be '{self.mode}': it explores and learns while it is measured; "
                f"expected one of {', '.join(_COMPARABLE)}"
            )
        if self.weights_version is None:
            return
        if self.mode not in _VERSIONED:
            raise InvalidValue(
                f"'{self.mode}' uses no weights, expected no version; with one: "
                f"{', '.join(f'{mode}@{self.weights_version}' for mode in _VERSIONED)}"
            )
        if self.weights_version < 0:
            raise InvalidValue(f"weights version {self.weights_version}, expected 0 or more")

    def __str__(self) -> str:
        version = "" if self.weights_version is None else f"@{self.weights_version}"
        return f"{self.mode}{version}"

    @property
    def is_pinned(self) -> bool:
        """Whether it says by itself what is run, whatever weights are in use."""
        return self.mode not in _VERSIONED or self.weights_version is not None

    def pinned(self, versions: Sequence[int]) -> Arm:
        """The same with a version: the newest of those that are kept (rising), unless it has one.

        Where none is kept yet it is 0: nothing steers.

        Raises:
            UnknownName: its version is not kept.
        """
        if self.mode not in _VERSIONED:
            return self
        if self.weights_version is None:
            return Arm(self.mode, versions[-1] if versions else 0)
        if self.weights_version not in versions:
            available = [f"{self.mode}@{version}" for version in versions]
            raise UnknownName("weights", str(self), available)
        return self

    @staticmethod
    def parse(text: str) -> Arm:
        """From `mode` or `mode@version`, as in "base", "eval", "eval@12".

        Raises:
            UnknownName: there is no such mode.
            InvalidValue: the version is no number, or the mode cannot be an arm.
        """
        found = _ARM.fullmatch(text.strip())
        assert found is not None
        mode, version = found["mode"], found["version"]
        if mode not in tuple(Mode):
            raise UnknownName("arm", mode, _COMPARABLE)
        if version is None:
            return Arm(Mode(mode))
        if not (version.isascii() and version.isdecimal()):
            raise InvalidValue(
                f"arm '{text}': the weights version is '{version}', expected a number as in "
                f"{mode}@12"
            )
        return Arm(Mode(mode), int(version))


@dataclass(frozen=True)
class AbPlan:
    """`pairs` pairs of planned episodes; each arm runs once per pair, both on one reset.

    Which arm of a pair runs first is a fair coin of its own. An index counts planned episodes from
    0. An episode that was invalid or discarded is repeated under its index: the same arm, reset and
    code. A new draw would let what happened choose the design: whoever could discard an episode
    could draw again until a promising start, and pairs would lose their common reset.
    """

    first: Arm
    """The reference; differences are `second` less `first`."""
    second: Arm
    seed: int
    """Draw it (`drawn`): a seed that the operator guesses is an order that the operator knows."""
    pairs: int
    first_reset: int = 0
    """Index of the first pair's reset in the run's series of evaluation resets."""

    def __post_init__(self) -> None:
        if self.first == self.second:
            raise InvalidValue(f"both arms are '{self.first}', expected two that differ")
        for name, value, least in (
            ("seed", self.seed, 0),
            ("pairs", self.pairs, 1),
            ("first_reset", self.first_reset, 0),
        ):
            if value < least:
                raise InvalidValue(f"{name} is {value}, expected {least} or more")

    @staticmethod
    def drawn(first: Arm, second: Arm, pairs: int, first_reset: int = 0) -> AbPlan:
        """A plan whose seed nobody knows, 62 bits of the operating system's randomness."""
        return AbPlan(first, second, secrets.randbits(62), pairs, first_reset)

    @property
    def arms(self) -> tuple[Arm, Arm]:
        return self.first, self.second

    @property
    def episodes(self) -> int:
        """Planned episodes; repetitions come on top."""
        return 2 * self.pairs

    def pair_of(self, index: int) -> int:
        """Number of the pair, from 0, that a planned episode belongs to."""
        self._check(index)
        return index // 2

    def arm_number_of(self, index: int) -> int:
        """0 for the first arm, 1 for the second. Not for the operator's eyes, like `arm_of`."""
        second_begins = self._digest("order", self.pair_of(index))[0] & 1
        return (index & 1) ^ second_begins

    def arm_of(self, index: int) -> Arm:
        return self.arms[self.arm_number_of(index)]

    def reset_index_of(self, index: int) -> int:
        """Index of the reset in the series of evaluation resets: equal for both of a pair."""
        return self.first_reset + self.pair_of(index)

    def code_of(self, index: int) -> str:
        """What an operator's tool may show of the arm: six letters of this episode alone."""
        self._check(index)
        return self._codes[index]

    @cached_property
    def _codes(self) -> tuple[str, ...]:
        codes: dict[str, None] = {}
        number = 0
        while len(codes) < self.episodes:
            # One that was drawn before is drawn over: a code finds its episode again.
            digest = self._digest("code", number)
            code = "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:_CODE_LENGTH])
            codes.setdefault(code)
            number += 1
        return tuple(codes)

    @property
    def key(self) -> str:
        """The whole plan as text: what is shown when the test is unblinded, and not before."""
        lines = [
            f"A/B plan: {self.first} against {self.second}, seed {self.seed}, {self.pairs} pairs",
            *(
                f"{index + 1} {self.code_of(index)} reset {self.reset_index_of(index)} "
                f"{self.arm_of(index)}"
                for index in range(self.episodes)
            ),
        ]
        return "\n".join(lines) + "\n"

    @property
    def seal(self) -> str:
        """SHA-256 of `key`, to be told before the first episode: the plan was made beforehand."""
        return hashlib.sha256(self.key.encode()).hexdigest()

    def _digest(self, purpose: str, number: int) -> bytes:
        # Codes and orders are keyed apart: all codes of a test together tell nothing of an order.
        text = f"{purpose} {number} {self.first} {self.second}"
        return hmac.digest(str(self.seed).encode(), text.encode(), "sha256")

    def _check(self, index: int) -> None:
        if not 0 <= index < self.episodes:
            raise InvalidValue(
                f"the plan has no episode {index}; available: 0 to {self.episodes - 1}"
            )
