"""The interval of a rate that never covers less than it says; trials are fixed beforehand."""

from __future__ import annotations

from dsrl_core.evaluation.confidence_sequence import Interval
from dsrl_core.evaluation.statistics import CONFIDENCE, SuccessCount


def clopper_pearson_interval(count: SuccessCount) -> Interval:
    """Clopper and Pearson's 95% interval, wider than Wilson's; (0, 1) without trials.

    Wilson's covers 95% on average over rates, but less at some; a decision must not rest on it.
    """
    if count.trials == 0:
        return Interval(0.0, 1.0)
    # It takes a second to import, which every node would pay for at its start.
    from scipy.stats import binomtest

    found = binomtest(count.successes, count.trials).proportion_ci(CONFIDENCE, method="exact")
    return Interval(float(found.low), float(found.high))
