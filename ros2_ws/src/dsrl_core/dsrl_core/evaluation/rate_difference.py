"""The difference of two success rates that were counted apart from each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from dsrl_core.evaluation.statistics import CONFIDENCE, SuccessCount
from dsrl_core.types import Float64Array

_GRID: Final = 200
"""Limits are multiples of one over that, rounded outward; looked for in steps of so many first:"""
_COARSE: Final = 4
_NUISANCE: Final = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class RateDifference:
    """Second less first, with an exact 95 % interval: it covers at least 95 % whatever both rates
    are [C].

    It holds for two counts that were fixed beforehand; it knows nothing of resets that were easier
    for one of both, which is what an A/B test is for.

    References:
        [C] Chan, Zhang: Test-based exact confidence intervals for the difference of two binomial
            proportions, Biometrics 55 (1999); here with Agresti and Caffo's statistic. Newcombe's
            interval from Wilson's limits falls to 91 % where one rate is near 0 and the other
            near 1.
    """

    first: str
    second: str
    difference: float
    """NaN where one of both was not counted."""
    low: float
    high: float

    @staticmethod
    def of(
        first: str, first_count: SuccessCount, second: str, second_count: SuccessCount
    ) -> RateDifference:
        one, other = first_count, second_count
        if not (one.trials and other.trials):
            return RateDifference(first, second, math.nan, -1.0, 1.0)
        low = _lower_limit(one.successes, one.trials, other.successes, other.trials)
        # The other way round, what is highest is lowest.
        high = -_lower_limit(other.successes, other.trials, one.successes, one.trials)
        return RateDifference(first, second, other.rate - one.rate, low, high)


@cache
def _lower_limit(first: int, first_trials: int, second: int, second_trials: int) -> float:
    """The lowest difference that a one-sided test does not reject, rounded down to the grid."""
    test = _Test(first, first_trials, second, second_trials)
    place = -_GRID
    for step in (_COARSE, 1):
        while place + step < _GRID and test.rejects((place + step) / _GRID):
            place += step
    return min(place / _GRID, second / second_trials - first / first_trials)


class _Test:
    """Whether two counts speak against differences as low as a given one."""

    def __init__(self, first: int, first_trials: int, second: int, second_trials: int) -> None:
        self._trials, self._seen = (first_trials, second_trials), (first, second)
        (p, p_variance), (q, q_variance) = (_smoothed(n) for n in self._trials)
        self._differences = q[None, :] - p[:, None]
        self._deviations = np.sqrt(p_variance[:, None] + q_variance[None, :])

    def rejects(self, difference: float) -> bool:
        """At half of what the interval may miss, for every pair of rates so far apart."""
        statistics = (self._differences - difference) / self._deviations
        extreme = (statistics >= statistics[self._seen] - 1e-9).astype(np.float64)
        low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
        rates = low + (high - low) * _NUISANCE
        first, second = (
            _chances(trials, np.clip(values, 0.0, 1.0))
            for trials, values in zip(self._trials, (rates, rates + difference), strict=True)
        )
        most = float(np.einsum("ik,ik->k", first, extreme @ second).max())
        return most <= (1.0 - CONFIDENCE) / 2


def _smoothed(trials: int) -> tuple[Float64Array, Float64Array]:
    """Rate and its variance for every number of successes, with one of each more (Agresti and
    Caffo, The American Statistician 54, 2000)."""
    rates = np.arange(1.0, trials + 2.0, dtype=np.float64) / (trials + 2.0)
    return rates, rates * (1.0 - rates) / (trials + 2.0)


def _chances(trials: int, rates: Float64Array) -> Float64Array:
    """Of every number of successes at every rate, (trials + 1, rates)."""
    # Not from scipy.stats, whose import takes a second or two.
    from scipy.special import gammaln, xlog1py, xlogy

    counts = np.arange(trials + 1)[:, None]
    ways = gammaln(trials + 1) - gammaln(counts + 1) - gammaln(trials - counts + 1)
    logs = ways + xlogy(counts, rates) + xlog1py(trials - counts, -rates)
    return np.asarray(np.exp(logs))
