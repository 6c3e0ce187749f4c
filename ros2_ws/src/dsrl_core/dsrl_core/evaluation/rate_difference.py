"""The difference of two success rates that were counted apart from each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dsrl_core.evaluation.statistics import SuccessCount


@dataclass(frozen=True)
class RateDifference:
    """Second less first, with Newcombe's 95 % interval (1998, method 11) from Wilson's limits
    that are corrected for continuity.

    It holds for two counts that were fixed beforehand; it knows nothing of resets that were easier
    for one of both, which is what an A/B test is for.
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
        down = math.hypot(other.rate - other.wilson_low, one.wilson_high - one.rate)
        up = math.hypot(other.wilson_high - other.rate, one.rate - one.wilson_low)
        difference = other.rate - one.rate
        return RateDifference(first, second, difference, difference - down, difference + up)
