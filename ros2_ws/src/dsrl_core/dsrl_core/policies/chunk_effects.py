"""What chunks do, in units in which policies can be compared."""

from __future__ import annotations

from typing import Final

import numpy as np

from dsrl_core.specs import PolicySpec
from dsrl_core.specs.policy import ActionKind
from dsrl_core.types import Float32Array, Float64Array

_ADDING: Final[tuple[ActionKind, ...]] = (
    "joint_delta",
    "joint_velocity",
    "tool_delta",
    "end_effector_delta",
)
"""Kinds whose rows add up; of the others the last row is where a chunk leads."""


class ChunkEffects:
    """Reads the chunks of one policy."""

    def __init__(self, policy: PolicySpec) -> None:
        fields = policy.action.fields
        self.scale = np.repeat([part.scale for part in fields], [part.size for part in fields])
        self.center = np.repeat([part.center for part in fields], [part.size for part in fields])
        self.names = tuple(
            part.name if part.size == 1 else f"{part.name}[{index}]"
            for part in fields
            for index in range(part.size)
        )
        self.adds = policy.action.kind in _ADDING
        self._levels = np.array(policy.action.gripper_levels_m)

    def typical(self, chunks: Float32Array) -> Float64Array:
        """Chunks (..., horizon, action_dim) in typical magnitudes about their centre."""
        return np.asarray((chunks - self.center) / self.scale, dtype=np.float64)

    def effect(self, chunks: Float32Array) -> Float64Array:
        """(..., horizon, action_dim) to (..., action_dim): what a chunk comes to.

        Motion that adds up: its mean over the steps. Otherwise where the last row leads. The
        gripper, where it has levels: the share of rows at each, as that is what is commanded.
        """
        rows = self.typical(chunks)
        effect = rows.mean(axis=-2) if self.adds else rows[..., -1, :].copy()
        if len(self._levels):
            widths = chunks[..., -1].astype(np.float64)
            nearest = np.abs(widths[..., None] - self._levels).argmin(axis=-1)
            effect[..., -1] = ((self._levels[nearest] - self.center[-1]) / self.scale[-1]).mean(-1)
        return effect

    def jump(self, before: Float32Array, after: Float32Array) -> Float64Array:
        """Rows (n, action_dim) before and after a seam to their distances (n,), without the
        gripper, in typical magnitudes."""
        difference = (after - before)[:, :-1] / self.scale[:-1]
        return np.asarray(np.linalg.norm(difference, axis=1), dtype=np.float64)
