"""Success rates with their uncertainty, and latencies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Annotated, Final

import numpy as np
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from dsrl_core.errors import InvalidValue
from dsrl_core.types import Outcome

CONFIDENCE: Final = 0.95
"""Of every interval that is reported."""
_QUANTILE: Final = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)

_STRICT = ConfigDict(extra="forbid")
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval of a success rate, corrected for continuity; (0, 1) without trials.

    [N, method 4], and two limits more: that of a single success reaches down, and that of a single
    failure up, to where the other outcome alone has 95 %. So it covers at least 95 % at every rate
    and number of trials. Uncorrected it has 95 % on average over rates only; [N] alone falls to
    94.5 % (1 trial) to 94.9 % (200) just beside those two limits.

    References:
        [N] Newcombe: Two-sided confidence intervals for the single proportion, Statistics in
            Medicine 17 (1998).

    Raises:
        InvalidValue: a negative count, or more successes than trials.
    """
    if not 0 <= successes <= trials:
        raise InvalidValue(
            f"{successes} successes of {trials} trials; expected 0 <= successes <= trials"
        )
    if trials == 0:
        return 0.0, 1.0
    # Not by scipy.stats: its import takes a second or two, for which the operator's window stood
    # still at the first label.
    return _lower_limit(successes, trials), 1.0 - _lower_limit(trials - successes, trials)


def _lower_limit(successes: int, trials: int) -> float:
    """Of a rate, with at least one trial."""
    if successes == 0:
        return 0.0
    failures, square = trials - successes, _QUANTILE**2
    root = square - 2 - 1 / trials + 4 * successes * (failures + 1) / trials
    low = (2 * successes + square - 1 - _QUANTILE * math.sqrt(root)) / (2 * (trials + square))
    if successes == 1:
        low = min(low, 1.0 - CONFIDENCE ** (1 / trials))
    return low


@dataclass(frozen=True, config=_STRICT)
class SuccessCount:
    """Successes among trials, with Wilson's 95% interval of the rate, see `wilson_interval`."""

    successes: Count
    trials: Count
    wilson_low: Share
    wilson_high: Share

    @model_validator(mode="after")
    def _counts_fit(self) -> SuccessCount:
        if self.successes > self.trials:
            raise ValueError(f"{self.successes} successes of {self.trials} trials")
        return self

    @property
    def rate(self) -> float:
        """Share of successes; NaN without trials."""
        return self.successes / self.trials if self.trials else float("nan")

    @staticmethod
    def of(successes: int, trials: int) -> SuccessCount:
        """The count with its interval."""
        return SuccessCount(successes, trials, *wilson_interval(successes, trials))

    @staticmethod
    def of_outcomes(outcomes: Iterable[Outcome]) -> SuccessCount:
        """Successes among successes and failures; a discarded episode is no trial."""
        counted = [o for o in outcomes if o in (Outcome.SUCCESS, Outcome.FAILURE)]
        return SuccessCount.of(counted.count(Outcome.SUCCESS), len(counted))


@dataclass(frozen=True, config=_STRICT)
class Latency:
    """Percentiles of `count` latencies [ms]."""

    p50: Annotated[float, Field(ge=0)]
    p99: Annotated[float, Field(ge=0)]
    count: Count

    @staticmethod
    def of_seconds(latencies_s: Sequence[float]) -> Latency | None:
        """From latencies [s]; None where nothing was measured."""
        if not latencies_s:
            return None
        p50, p99 = np.percentile(np.asarray(latencies_s, dtype=np.float64) * 1e3, [50, 99])
        return Latency(float(p50), float(p99), len(latencies_s))
