"""Clopper and Pearson's interval of a rate, as it is asked for by name; trials fixed beforehand."""

from __future__ import annotations

from dsrl_core.evaluation.confidence_sequence import Interval
from dsrl_core.evaluation.statistics import CONFIDENCE, SuccessCount


def clopper_pearson_interval(count: SuccessCount) -> Interval:
    """Clopper and Pearson's 95% interval, "exact"; (0, 1) without trials."""
    if count.trials == 0:
        return Interval(0.0, 1.0)
    # It takes a second to import, which every node would pay for at its start.
    from scipy.stats import binomtest

    found = binomtest(count.successes, count.trials).proportion_ci(CONFIDENCE, method="exact")
    return Interval(float(found.low), float(found.high))
