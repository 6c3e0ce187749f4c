"""Does a quantity that was sampled over time grow? A robust slope with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import theilslopes

from dsrl_core.errors import InvalidValue

LEAST_SAMPLES: Final = 8
_CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Growth:
    """Theil and Sen's slope per unit of time, and its interval of 95 %."""

    slope: float
    low: float
    high: float
    samples: int
    first: float
    last: float

    def is_flat(self, allowed: float) -> bool:
        """Whether it grows by no more than this per unit of time, as far as can be told: unless all
        of the interval lies above."""
        return self.low <= allowed

    def is_sure(self, allowed: float) -> bool:
        """Whether more samples could not turn the verdict: none of the interval, or all of it, lies
        above."""
        return self.high <= allowed or self.low > allowed


def growth(times: Sequence[float], values: Sequence[float], warm_up: float) -> Growth:
    """Of the samples after `warm_up`, a share of all time.

    Raises:
        InvalidValue: too few samples are left.
    """
    begin = times[0] + warm_up * (times[-1] - times[0]) if len(times) else math.nan
    kept = [(time, value) for time, value in zip(times, values, strict=True) if time >= begin]
    if len(kept) < LEAST_SAMPLES:
        raise InvalidValue(
            f"{len(kept)} samples after the warm-up, expected at least {LEAST_SAMPLES}: sample "
            "more often or run longer"
        )
    x, y = np.array(kept, dtype=np.float64).T
    slope, _, low, high = theilslopes(y, x, _CONFIDENCE)
    return Growth(float(slope), float(low), float(high), len(kept), float(y[0]), float(y[-1]))
