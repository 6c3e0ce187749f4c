"""How regularly set-points go out, on this machine's clock."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import numpy as np

from dsrl_core.types import to_nanoseconds

_LATELY: Final = 2000
_ENOUGH: Final = 100
_SKEW_PERIODS: Final = 2
"""A tick may come early or late by so many periods and still bear the stamp that was due."""
_GAP_NS: Final = to_nanoseconds(60.0)
"""A longer gap, or one back in time, is none: somebody set the clock."""


class Pace:
    """Counts set-points, the periods without one, and the times in between."""

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._last_ns: int | None = None
        self._stamp_ns = 0
        self._between_ns: deque[int] = deque(maxlen=_LATELY)
        self.set_points = 0
        self.missed = 0
        """Periods without a set-point while one was due."""

    def tick(self, now_ns: int) -> int:
        """A set-point goes out at this time; its stamp [ns].

        Between two of them lies one period of motion, whatever the jitter of the ticks: so it does
        between their stamps, unless the ticks went away from them.
        """
        due_ns = self._stamp_ns + self._period_ns
        is_near = abs(now_ns - due_ns) <= _SKEW_PERIODS * self._period_ns
        self._stamp_ns = due_ns if is_near and self._last_ns is not None else now_ns
        if self._last_ns is not None:
            between_ns = now_ns - self._last_ns
            if 0 <= between_ns <= _GAP_NS:
                self._between_ns.append(between_ns)
                self.missed += max(round(between_ns / self._period_ns) - 1, 0)
        self._last_ns = now_ns
        self.set_points += 1
        return self._stamp_ns

    def pause(self) -> None:
        """No set-point is due until the next tick."""
        self._last_ns = None

    def p99_s(self) -> float:
        """Of the times between set-points of late; NaN: too few yet."""
        if len(self._between_ns) < _ENOUGH:
            return math.nan
        return float(np.percentile(self._between_ns, 99)) / 1e9
