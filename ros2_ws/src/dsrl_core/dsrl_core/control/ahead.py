"""How early the next chunk is asked for, by how long answers take."""

from __future__ import annotations

from collections import deque
from typing import Final

_ANSWERS: Final = 20
_MARGIN: Final = 1.25
"""The next answer may take so many times as long as the slowest of the latest."""


class AheadByLatency:
    """The smallest whole number of actions that covers the slowest of the latest answers."""

    def __init__(self, horizon: int, row_ns: int) -> None:
        self._most, self._row_ns = horizon, row_ns
        self._latencies_ns: deque[int] = deque(maxlen=_ANSWERS)

    def after(self, latency_ns: int) -> int:
        """Actions before the end of a chunk, now that an answer has taken so long; at
        most all of it."""
        self._latencies_ns.append(latency_ns)
        covered_ns = _MARGIN * max(self._latencies_ns)
        return min(self._most, int(-(-covered_ns // self._row_ns)))
