"""How early the next chunk is asked for, by how long answers take."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from dsrl_core.control.reference import LEAD_NS
from dsrl_core.types import ChunkRequest

_LATELY: Final = 20
_MARGIN: Final = 1.25
"""The next answer may take so many times as long as the slowest of the latest."""


class AnswerTimes:
    """How long the latest answers took, from the request to the chunk, and which came too late.

    The first one of an episode stands for itself only: the arm is at rest, and whoever answers may
    have to wait for word that the episode runs.
    """

    def __init__(self, row_ns: int) -> None:
        """`row_ns`: the time of an action."""
        self._row_ns = row_ns
        self._latencies_ns: deque[int] = deque(maxlen=_LATELY)
        self._first_ns = 0
        self.count = 0
        """Answers since the start of the process, first ones left out."""
        self.late = 0
        """Of those that were asked for ahead: so many took longer than what was committed."""
        self.late_ns = 0
        """So much longer, all together."""

    def took(self, request: ChunkRequest, latency_ns: int) -> None:
        """Another answer."""
        if request.sequence == 0:
            self._first_ns = latency_ns
            return
        self._latencies_ns.append(latency_ns)
        self.count += 1
        late_ns = latency_ns - len(request.committed) * self._row_ns
        if request.committed and late_ns > 0:
            self.late += 1
            self.late_ns += late_ns

    @property
    def median_ns(self) -> int:
        return int(np.median(self._latencies_ns)) if self._latencies_ns else self._first_ns

    @property
    def slowest_ns(self) -> int:
        return max(self._latencies_ns, default=self._first_ns)


def actions_ahead(slowest_ns: int, horizon: int, row_ns: int) -> int:
    """Actions before the end of a chunk that cover an answer; at most all of it.

    A chunk has to be there a little before it begins: from then on the arm turns into its first
    action, or brakes.
    """
    covered_ns = max(_MARGIN * slowest_ns, slowest_ns + LEAD_NS)
    return min(horizon, -int(-covered_ns // row_ns))
