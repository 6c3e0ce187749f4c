"""Success rates with their uncertainty, and latencies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import numpy as np
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from dsrl_core.errors import InvalidValue
from dsrl_core.types import Outcome

CONFIDENCE: Final = 0.95
"""Of every interval that is reported."""

_STRICT = ConfigDict(extra="forbid")
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval of a success rate; (0, 1) without trials.

    Raises:
        InvalidValue: a negative count, or more successes than trials.
    """
    if not 0 <= successes <= trials:
        raise InvalidValue(
            f"{successes} successes of {trials} trials; expected 0 <= successes <= trials"
        )
    if trials == 0:
        return 0.0, 1.0
    # It takes a second to import, which every node would pay for at its start.
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True, config=_STRICT)
class SuccessCount:
    """Successes among trials, with Wilson's 95% interval of the rate."""

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
