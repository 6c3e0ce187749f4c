"""Which chunk may be played: the one that was asked for, whole, and of what was just seen."""

from __future__ import annotations

from typing import Final

import numpy as np

from dsrl_core.types import NANOSECONDS_PER_SECOND, ChunkRequest, Decision

_PAST_NS: Final = 1_000_000_000
_FUTURE_NS: Final = 100_000_000
"""An observation may be so much older than the request that it answers, or newer than now."""


def misfit(
    decision: Decision,
    pending: ChunkRequest | None,
    episode: int | None,
    shape: tuple[int, int],
    now_ns: int,
) -> tuple[str, str]:
    """Why a chunk is not the one that `pending` asks for in `episode`, of this shape: a countable
    reason and the particulars, both empty if it is."""
    chunk = decision.chunk
    if episode is None or decision.episode != episode:
        return "another episode", f"{decision.episode}, playing {episode}"
    if pending is None:
        return "not asked for", f"sequence {decision.sequence}, nothing is pending"
    if decision.sequence != pending.sequence:
        return "another sequence", f"{decision.sequence}, asked for {pending.sequence}"
    seen_ns = decision.observation.stamp_ns
    if not pending.stamp_ns - _PAST_NS <= seen_ns <= now_ns + _FUTURE_NS:
        ago_s = (now_ns - seen_ns) / NANOSECONDS_PER_SECOND
        return "another time", f"made of an observation of {ago_s:.3f} s ago"
    if chunk.shape != shape:
        return "wrong shape", f"{chunk.shape}, expected {shape}"
    if not np.isfinite(chunk).all():
        row = int(np.argwhere(~np.isfinite(chunk))[0, 0])
        return "not finite", f"row {row}: {chunk[row].tolist()}"
    return "", ""
