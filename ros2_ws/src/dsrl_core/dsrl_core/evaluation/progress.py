"""When will the target be reached? From the outcomes so far, with its uncertainty, or not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from dsrl_core.types import Float64Array

LEAST_OUTCOMES: Final = 8
"""With fewer there is no trend to speak of."""
HORIZON: Final = 400
"""Episodes ahead that are looked at: beyond that a forecast is a guess."""
_MASS: Final = (0.1, 0.9)
"""Quantiles of the forecast that are told."""

_LEVELS: Final = np.linspace(-6.0, 5.0, 56)
_SLOPES: Final = np.concatenate([[0.0], np.geomspace(0.02, 4.0, 40)])


def episodes_to_target(outcomes: Sequence[float], target: float) -> tuple[int, int] | None:
    """Further episodes until success comes at the rate `target`, least and most.

    `outcomes`: of the steered episodes so far, in order, 0 to 1. The rate is taken to follow
    sigmoid(a + b log(k)) in the number k of episodes, with b >= 0, and the answer is the interval
    between the 10 % and the 90 % quantile of its posterior on a grid with flat priors. None where
    there are too few outcomes, or where it is more likely than not that the target is further than
    `HORIZON` away or never reached.
    """
    if len(outcomes) < LEAST_OUTCOMES or not 0.0 < target < 1.0:
        return None
    weights = _posterior(np.asarray(outcomes, dtype=np.float64))
    ahead = np.log(len(outcomes) + np.arange(HORIZON + 1.0))
    wanted = np.log(target / (1.0 - target))
    levels, slopes = _LEVELS[:, None], _SLOPES[None, :]
    # The rate never falls: the first episode at which it is high enough is a count of those before.
    reached = np.array([weights[levels + slopes * moment >= wanted].sum() for moment in ahead])
    low, high = (int(np.searchsorted(reached, mass)) for mass in _MASS)
    if reached[-1] < 0.5:
        return None
    return low, min(high, HORIZON)


def _posterior(outcomes: Float64Array) -> Float64Array:
    """Probability of every level and slope, (levels, slopes)."""
    moments = np.log(np.arange(1.0, len(outcomes) + 1))
    logits = _LEVELS[:, None, None] + _SLOPES[None, :, None] * moments
    likelihood = (outcomes * logits - np.logaddexp(0.0, logits)).sum(axis=-1)
    weights = np.exp(likelihood - likelihood.max())
    normalised: Float64Array = weights / weights.sum()
    return normalised
