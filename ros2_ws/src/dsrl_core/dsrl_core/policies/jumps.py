"""Which chunks lead further at once than a policy's file says that motion can."""

from __future__ import annotations

import numpy as np

from dsrl_core.specs import ActionSpec
from dsrl_core.types import Float32Array, Float64Array


def jump_share(action: ActionSpec, chunks: Float32Array) -> float:
    """Share of chunks (n, horizon, action_dim) with a row beyond `jump_max_rad` or `jump_max_m`.

    Of kinds that replace, from row to row; the way to the first row needs a robot.
    """
    turn, way = _steps(action, chunks.astype(np.float64)[..., :-1])
    leaps = (turn > action.jump_max_rad) | (way > action.jump_max_m)
    return float(leaps.any(axis=1).mean()) if leaps.size else 0.0


def _steps(action: ActionSpec, rows: Float64Array) -> tuple[Float64Array, Float64Array]:
    """[rad] and [m] of every row; rows (n, horizon, action_dim without the gripper)."""
    none = np.zeros(())
    if action.kind == "joint_position":
        return np.abs(np.diff(rows, axis=1)).max(axis=-1, initial=0.0), none
    if action.kind == "joint_delta":
        return np.abs(rows).max(axis=-1), none
    if action.kind == "joint_velocity":
        return np.abs(rows).max(axis=-1) * action.period_s, none
    if action.kind == "end_effector_pose":
        turned = (
            rows[..., 3:7] / np.maximum(np.linalg.norm(rows[..., 3:7], axis=-1), 1e-9)[..., None]
        )
        aligned = np.abs((turned[:, 1:] * turned[:, :-1]).sum(axis=-1))
        way = np.linalg.norm(np.diff(rows[..., :3], axis=1), axis=-1)
        return 2.0 * np.arccos(np.minimum(aligned, 1.0)), way
    return np.linalg.norm(rows[..., 3:], axis=-1), np.linalg.norm(rows[..., :3], axis=-1)
