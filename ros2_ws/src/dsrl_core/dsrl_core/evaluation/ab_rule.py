"""When an A/B test may stop, and what it has then shown; for one test and for thousands at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.confidence_sequence import check_alpha, difference_e_values
from dsrl_core.types import Float64Array


class AbVerdict(StrEnum):
    """What a test has shown."""

    OPEN = "open"
    """Nothing yet; it goes on."""
    SECOND_BETTER = "second better"
    FIRST_BETTER = "first better"
    EQUIVALENT = "equivalent"
    """They differ by less than the margin."""
    NOT_SHOWN = "not shown"
    """The planned pairs are used up."""


_VERDICTS: Final = tuple(AbVerdict)


@dataclass(frozen=True)
class StopRule:
    """Stop at the first pair after which the confidence sequence tells something.

    That is when it excludes 0, or when it lies within `margin` of 0. Wrong are at most a share
    `alpha` of all tests, however often one looks.
    """

    alpha: float = 0.05
    margin: float | None = None
    """Differences smaller than this do not matter, (0, 1); None: never stop for want of one."""

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if self.margin is not None and not 0.0 < self.margin < 1.0:
            raise InvalidValue(f"the margin is {self.margin}, expected between 0 and 1, as 0.1")

    def __str__(self) -> str:
        errs = f"errs in {100 * self.alpha:g}% at most"
        if self.margin is None:
            return errs
        return f"{errs}, and differences below {100 * self.margin:g} points count as none"


def asked_rule(alpha: float, margin: float) -> StopRule:
    """The rule that somebody asks for by numbers, of which 0 stands for what is usual.

    Raises:
        InvalidValue: a number is negative, or 1 or more.
    """
    return StopRule(alpha or StopRule.alpha, margin or None)


class Stops(NamedTuple):
    """Where each of many tests stopped; arrays of shape (runs,)."""

    pairs: npt.NDArray[np.int64]
    """Complete pairs when it stopped, or all of them."""
    verdicts: npt.NDArray[np.int64]
    """Index in `AbVerdict`; OPEN where no rule fired."""

    def verdict(self, run: int) -> AbVerdict:
        return _VERDICTS[int(self.verdicts[run])]

    def share(self, verdict: AbVerdict) -> float:
        """Of the runs with this verdict."""
        return float(np.mean(self.verdicts == _VERDICTS.index(verdict)))


def stops_of(differences: Float64Array, rule: StopRule) -> Stops:
    """Look after every pair, stop at the first that the rule is met at.

    `differences`: (runs, pairs), in [-1, 1].
    """
    pairs = differences.shape[1]
    sums = np.cumsum(differences, axis=1)
    rejected = difference_e_values(differences, 0.0) >= 1.0 / rule.alpha
    fired = [rejected & (sums > 0.0), rejected & (sums < 0.0)]
    if rule.margin is not None:
        counts = np.arange(1, pairs + 1)
        above, below = (
            (difference_e_values(differences, sign * rule.margin) >= 1.0 / rule.alpha)
            & (-sign * (sums - sign * rule.margin * counts) > 0.0)
            for sign in (-1.0, 1.0)
        )
        # Each end of the running intersection keeps what it has excluded.
        both = np.logical_or.accumulate(above, axis=1) & np.logical_or.accumulate(below, axis=1)
        fired.append(both)
    at = np.stack([np.where(f.any(axis=1), f.argmax(axis=1), pairs) for f in fired])
    first, which = at.min(axis=0), at.argmin(axis=0)
    kinds = (AbVerdict.SECOND_BETTER, AbVerdict.FIRST_BETTER, AbVerdict.EQUIVALENT)
    codes = np.array([_VERDICTS.index(kind) for kind in kinds])
    verdicts = np.where(first < pairs, codes[which], _VERDICTS.index(AbVerdict.OPEN))
    return Stops(np.minimum(first + 1, pairs), verdicts.astype(np.int64))


class Forecast(NamedTuple):
    """How long a test is going to take, at assumed rates."""

    rates: tuple[float, float]
    earliest_pairs: int | None
    """Fewest pairs at which it could stop at all, every pair saying the same; None: not in time."""
    median_pairs: int
    most_pairs: int
    """90% of the tests are over by then."""
    share_shown: float
    """Of the tests that show which arm is better, the right way round."""
    share_equivalent: float


def earliest_stop(rule: StopRule, pairs: int) -> int | None:
    """Fewest pairs after which a test can stop: the least that has to be run; None: more than all.

    Raises:
        InvalidValue: there is no pair.
    """
    if pairs < 1:
        raise InvalidValue(f"{pairs} pairs, expected 1 or more")
    extremes = np.stack([np.ones(pairs), np.zeros(pairs)])
    stops = stops_of(extremes, rule)
    stopped = stops.pairs[stops.verdicts != _VERDICTS.index(AbVerdict.OPEN)]
    return int(stopped.min()) if stopped.size else None


def forecast(
    rule: StopRule, rates: tuple[float, float], pairs: int, runs: int = 2000, seed: int = 0
) -> Forecast:
    """What to expect if the arms succeeded at these rates, from simulated tests.

    Arms are taken as independent given their rates; where a reset that is hard for one is hard for
    the other, a test is over sooner.

    Raises:
        InvalidValue: a rate is not 0 to 1, or there is no pair or run.
    """
    for rate in rates:
        if not 0.0 <= rate <= 1.0:
            raise InvalidValue(f"the assumed rate is {rate}, expected 0 to 1")
    if runs < 1:
        raise InvalidValue(f"{runs} runs, expected 1 or more")
    earliest = earliest_stop(rule, pairs)
    draws = np.random.default_rng(seed).random((2, runs, pairs))
    first, second = (draw < rate for draw, rate in zip(draws, rates, strict=True))
    stops = stops_of(second.astype(np.float64) - first, rule)
    right = AbVerdict.SECOND_BETTER if rates[1] > rates[0] else AbVerdict.FIRST_BETTER
    return Forecast(
        rates,
        earliest,
        int(np.median(stops.pairs)),
        int(np.quantile(stops.pairs, 0.9, method="higher")),
        stops.share(right) if rates[0] != rates[1] else 0.0,
        stops.share(AbVerdict.EQUIVALENT),
    )
