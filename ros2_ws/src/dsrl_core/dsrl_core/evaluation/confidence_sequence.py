"""Intervals that hold at every look: one may peek after each episode and stop whenever one likes.

Both are sets of means that no gambler has become rich against. For a candidate m, a capital that
starts at 1 and cannot grow on average if m is the true mean is a nonnegative (super)martingale;
by Ville's inequality it ever reaches 1/alpha with probability at most alpha. The means whose
capital stays below 1/alpha are a confidence sequence [WSR, section 4].

References:
    [WSR] Waudby-Smith, Ramdas: Estimating means of bounded random variables by betting, JRSS B 86
        (2024), arXiv 2010.09686.
    [R] Robbins: Statistical methods related to the law of the iterated logarithm, Annals of
        Mathematical Statistics 41 (1970); the beta-binomial mixture as in Howard, Ramdas,
        McAuliffe, Sekhon: Time-uniform, nonparametric, nonasymptotic confidence sequences, Annals
        of Statistics 49 (2021), section 3.

What they assume: given the past, each value has the same mean. Values need not be independent, nor
of equal spread. Where the mean drifts, a sequence still tests "never above (below) m" at alpha.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.types import Float64Array

_NODES: Final = 32
_POINTS: Final = np.arange(1, 17) / 17
_CLOSE: Final = 1e-9
"""A sample mean so close to an end of the range is taken for it: no candidate is between them."""
_ROUNDS: Final = 6
"""Each narrows the boundary 17-fold: to 1e-7 of the scale at the end."""


class Interval(NamedTuple):
    """Both ends belong to it; `low` above `high`: nothing does."""

    low: float
    high: float

    def meet(self, other: Interval) -> Interval:
        """What belongs to both."""
        return Interval(max(self.low, other.low), min(self.high, other.high))


def _fractions() -> tuple[Float64Array, Float64Array]:
    """Shares of the capital that the gamblers stake, uniform on (0, 1), and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1.0) / 2.0, weights / 2.0


_STAKE, _WEIGHT = _fractions()


def check_alpha(alpha: float) -> None:
    """Raise `InvalidValue` unless 0 < alpha < 1."""
    if not 0.0 < alpha < 1.0:
        raise InvalidValue(f"alpha is {alpha}, expected between 0 and 1, as 0.05")


class DifferenceSequence:
    """Confidence sequence of a mean difference of pairs, from differences in [-1, 1].

    Capital against m is that of [WSR]'s hedged process (theorem 3), on [-1, 1] in place of [0, 1],
        1/2 sum_k w_k (K_k^+(m) + K_k^-(m)),
        K_k^+(m) = prod_i (1 + f_k (d_i - m) / (1 + m)),
        K_k^-(m) = prod_i (1 - f_k (d_i - m) / (1 - m)),
    the stakes f_k being mixed over (0, 1), as in Cover's universal portfolio, instead of tuned on
    the way: against m = 0 it is a sign test of the pairs that differ.
    The mixture is finite, so that it is a martingale exactly. Every factor is log-convex in m, so
    the capital is convex and what it leaves is an interval; at the sample mean no gambler has won
    (Jensen), so the sample mean is in it. It depends on the differences, not on their order.
    """

    def __init__(self, alpha: float = 0.05) -> None:
        check_alpha(alpha)
        self.alpha = alpha
        self._counts: dict[float, int] = {}
        self._log_e_max = 0.0
        self.count = 0
        self.interval = Interval(-1.0, 1.0)
        """After the values so far."""
        self.running = Interval(-1.0, 1.0)
        """Intersection of all intervals so far: as valid, and never wider than before."""

    def add(self, difference: float) -> Interval:
        """Take one difference; the running intersection.

        Raises:
            InvalidValue: it is not within [-1, 1].
        """
        if not -1.0 <= difference <= 1.0:
            raise InvalidValue(f"the difference of a pair is {difference}, expected -1 to 1")
        self._counts[float(difference)] = self._counts.get(float(difference), 0) + 1
        self.count += 1
        inside, threshold = self.mean, -math.log(self.alpha)
        self.interval = Interval(
            _boundary(self._log_capital, inside, -1.0, threshold),
            _boundary(self._log_capital, inside, 1.0, threshold),
        )
        self.running = self.running.meet(self.interval)
        self._log_e_max = max(self._log_e_max, float(self._log_capital(np.zeros(1))[0]))
        return self.running

    def extend(self, differences: Iterable[float]) -> list[Interval]:
        """Take differences in order; the running intersection after each."""
        return [self.add(difference) for difference in differences]

    @property
    def mean(self) -> float:
        """Of the differences so far; NaN before the first."""
        total = math.fsum(value * count for value, count in self._counts.items())
        return min(1.0, max(-1.0, total / self.count)) if self.count else math.nan

    @property
    def e_value(self) -> float:
        """Evidence against "no difference": capital of who bet against it. 1/alpha rejects."""
        return float(np.exp(self._log_capital(np.zeros(1))[0]))

    @property
    def p_value(self) -> float:
        """Of "no difference", valid at every look: 1 over the largest capital so far."""
        return math.exp(-self._log_e_max)

    def _log_capital(self, means: Float64Array) -> Float64Array:
        """Log of the capital against every mean in (-1, 1); means (n,)."""
        values = np.fromiter(self._counts, dtype=np.float64)
        counts = np.fromiter(self._counts.values(), dtype=np.float64)
        up = (1.0 + values) / (1.0 + means[:, None, None])
        down = (1.0 - values) / (1.0 - means[:, None, None])
        stake = _STAKE[:, None]
        logs = [np.log1p(stake * (ratio - 1.0)) @ counts + np.log(_WEIGHT) for ratio in (up, down)]
        both = np.concatenate(logs, axis=1)
        largest = both.max(axis=1)
        capital: Float64Array = largest + np.log(np.exp(both - largest[:, None]).sum(axis=1) / 2.0)
        return capital


class RateSequence:
    """Confidence sequence of one arm's mean, from values in [0, 1].

    Capital against p is the beta-binomial mixture [R] with the prior Beta(1/2, 1/2); after s
    successes of n
        B(s + 1/2, n - s + 1/2) / B(1/2, 1/2) / (p^s (1 - p)^(n - s)).
    For graded values it is a supermartingale by convexity of (q/p)^x ((1-q)/(1-p))^(1-x) in x:
    valid, if wider than it need be.
    """

    def __init__(self, alpha: float = 0.05) -> None:
        check_alpha(alpha)
        self.alpha = alpha
        self._total = 0.0
        self.count = 0
        self.interval = Interval(0.0, 1.0)
        self.running = Interval(0.0, 1.0)

    def add(self, value: float) -> Interval:
        """Take one value; the running intersection.

        Raises:
            InvalidValue: it is not within [0, 1].
        """
        if not 0.0 <= value <= 1.0:
            raise InvalidValue(f"the outcome is {value}, expected 0 to 1")
        self._total += value
        self.count += 1
        inside, threshold = min(1.0, self._total / self.count), -math.log(self.alpha)
        self.interval = Interval(
            _boundary(self._log_capital, inside, 0.0, threshold),
            _boundary(self._log_capital, inside, 1.0, threshold),
        )
        self.running = self.running.meet(self.interval)
        return self.running

    def extend(self, values: Iterable[float]) -> list[Interval]:
        """Take values in order; the running intersection after each."""
        return [self.add(value) for value in values]

    def _log_capital(self, means: Float64Array) -> Float64Array:
        return rate_log_e_values(np.array([self._total]), np.array([self.count]), means)


def rate_log_e_values(
    totals: Float64Array, counts: Float64Array, means: Float64Array | float
) -> Float64Array:
    """Log of `RateSequence`'s capital against `means`, after `counts` values of these `totals`."""
    # It takes a second to import, which every node would pay for at its start.
    from scipy.special import betaln, xlog1py, xlogy

    rest = counts - totals
    mixture = betaln(totals + 0.5, rest + 0.5) - betaln(0.5, 0.5)
    with np.errstate(divide="ignore"):
        capital: Float64Array = mixture - xlogy(totals, means) - xlog1py(rest, -np.asarray(means))
    return capital


def difference_e_values(differences: Float64Array, mean: float) -> Float64Array:
    """Capital of `DifferenceSequence` against one mean, for many runs at once.

    Args:
        differences: (runs, pairs), in [-1, 1].
        mean: the candidate, -1 to 1.

    Returns:
        (runs, pairs): after each pair.
    """
    runs, pairs = differences.shape
    capital = np.ones((2, runs, _NODES))
    found = np.empty((runs, pairs))
    for pair in range(pairs):
        for side, sign in enumerate((1.0, -1.0)):
            gain = 1.0 + sign * differences[:, pair]
            room = 1.0 + sign * mean
            with np.errstate(divide="ignore", over="ignore"):
                ratio = np.divide(gain, room, out=np.zeros(runs), where=gain > 0.0)
                capital[side] *= 1.0 + (ratio - 1.0)[:, None] * _STAKE
        found[:, pair] = 0.5 * (capital[0] + capital[1]) @ _WEIGHT
    return found


def _boundary(
    log_capital: Callable[[Float64Array], Float64Array],
    inside: float,
    end: float,
    threshold: float,
) -> float:
    """Where the capital crosses the threshold between a mean that is left and an end that is not.

    The end is one of the range's; it is left only where it is the sample mean. Errs outwards.
    """
    if abs(inside - end) < _CLOSE:
        return end
    outside = end
    for _ in range(_ROUNDS):
        points = inside + (outside - inside) * _POINTS
        excluded = np.flatnonzero(log_capital(points) >= threshold)
        first = int(excluded[0]) if excluded.size else len(points)
        inside, outside = (
            float(points[first - 1]) if first else inside,
            float(points[first]) if first < len(points) else outside,
        )
    return outside
