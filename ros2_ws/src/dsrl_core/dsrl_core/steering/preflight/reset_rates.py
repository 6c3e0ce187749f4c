"""What outcomes of repeated resets say: does noise decide, or does the reset?

Every reset has a success rate of its own. A share `possible` of them has one above zero, drawn from
a Beta distribution; at the others nothing ever succeeds. Outcomes at one reset are independent. The
priors are flat: over the share, over the Beta's mean, and over how much resets differ (rho, 0: all
alike, 1: each always succeeds or always fails). The posterior is taken on a grid, exactly.

A flat prior alone does not hold what 95 % promises: where every reset was tried once, which tells
nothing of the share, it rules out a share of 1 up to every fourth time, and base rates over 0.9
likewise. So every interval also holds all that is likely: parameters whose likelihood is at least a
twentieth of the greatest (95 % of the likelihood ratio's chi square with two degrees of freedom,
since how often and how much resets differ are both unknown; with one degree, six resets that differ
as much as they can are held by 86 % of the intervals). The wider end of both counts, and it is that
of a grid's cell, not its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from dsrl_core.types import Float64Array

_POSSIBLE_EDGES: Final = np.linspace(0.0, 1.0, 51)
_POSSIBLE: Final = (_POSSIBLE_EDGES[:-1] + _POSSIBLE_EDGES[1:]) / 2
_MEAN_EDGES: Final = np.linspace(0.0, 1.0, 51)
_MEAN: Final = (_MEAN_EDGES[:-1] + _MEAN_EDGES[1:]) / 2
_RHO: Final = (np.arange(20) + 0.5) / 20
_CREDIBLE: Final = 0.95
_LIKELY: Final = 3.0
"""Half the 95 % quantile of chi square with two degrees of freedom."""


class ResetRates:
    """The posterior after `(successes, trials)` of each reset."""

    def __init__(self, counts: Sequence[tuple[int, int]]) -> None:
        # It takes a second to import, which nobody waits for who asks for help only.
        from scipy.special import betaln

        spread = 1.0 / _RHO - 1.0
        self._a = _MEAN[:, None] * spread[None]
        self._b = (1.0 - _MEAN)[:, None] * spread[None]
        self._log_beta = betaln(self._a, self._b)
        self._betaln = betaln
        log_posterior = np.zeros((len(_POSSIBLE), len(_MEAN), len(_RHO)))
        for successes, trials in counts:
            log_given = betaln(self._a + successes, self._b + trials - successes) - self._log_beta
            of_possible = _POSSIBLE[:, None, None] * np.exp(log_given)
            never = (1.0 - _POSSIBLE)[:, None, None] if successes == 0 else 0.0
            log_posterior += np.log(of_possible + never)
        weights = np.exp(log_posterior - log_posterior.max())
        self._weights: Float64Array = weights / weights.sum()
        self._likely = log_posterior >= log_posterior.max() - _LIKELY

    def base_rate(self) -> tuple[float, float]:
        """95 % interval of the success rate over resets."""
        middle, low, high = (
            possible[:, None, None] * mean[None, :, None]
            for possible, mean in (
                (_POSSIBLE, _MEAN),
                (_POSSIBLE_EDGES[:-1], _MEAN_EDGES[:-1]),
                (_POSSIBLE_EDGES[1:], _MEAN_EDGES[1:]),
            )
        )
        tail = (1.0 - _CREDIBLE) / 2
        return (
            min(_quantile(middle, self._weights, tail), float(self._of_likely(low).min())),
            max(_quantile(middle, self._weights, 1.0 - tail), float(self._of_likely(high).max())),
        )

    def best_of(self, choices: int) -> tuple[float, float]:
        """Success rate of one who may pick the best of so many episodes at each reset: the lower
        end of the 95 % interval, and the posterior's median."""
        failing = np.exp(self._betaln(self._a, self._b + choices) - self._log_beta)
        values = _POSSIBLE[:, None, None] * (1.0 - failing)[None]
        low = _POSSIBLE_EDGES[:-1, None, None] * (1.0 - failing)[None]
        tail = (1.0 - _CREDIBLE) / 2
        lowest = min(_quantile(values, self._weights, tail), float(self._of_likely(low).min()))
        return lowest, _quantile(values, self._weights, 0.5)

    def possible_at_most(self) -> float:
        """Upper end of the (shortest) 95 % interval of the share of resets where success is
        possible at all; 1 unless the data speak against it."""
        mass = self._weights.sum(axis=(1, 2))
        sums = np.concatenate([[0.0], np.cumsum(mass)])
        best = (0, len(mass))
        for first in range(len(mass)):
            last = int(np.searchsorted(sums, sums[first] + _CREDIBLE))
            # Of equally short ones the higher: nothing is ruled out that the data allow.
            if last <= len(mass) and last - first <= best[1] - best[0]:
                best = (first, last)
        likely = np.flatnonzero(self._likely.any(axis=(1, 2)))
        return float(_POSSIBLE_EDGES[max(best[1], int(likely.max()) + 1)])

    def _of_likely(self, values: Float64Array) -> Float64Array:
        """Values of all cells of the grid that are likely."""
        return np.asarray(np.broadcast_to(values, self._weights.shape)[self._likely])


def _quantile(values: Float64Array, weights: Float64Array, share: float) -> float:
    """Of values that are broadcast to the weights' shape."""
    flat = np.broadcast_to(values, weights.shape).ravel()
    order = np.argsort(flat)
    sums = np.cumsum(weights.ravel()[order])
    place = min(int(np.searchsorted(sums, share)), len(flat) - 1)
    return float(flat[order][place])
