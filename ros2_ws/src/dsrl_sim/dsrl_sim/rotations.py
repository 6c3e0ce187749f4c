"""Frames as MuJoCo turns them: differences, products, 4x4 matrices."""

from __future__ import annotations

import mujoco
import numpy as np

from dsrl_core.types import Float64Array, Pose

IDENTITY = Pose(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))


def rotation_vector(start: Pose, end: Pose) -> Float64Array:
    """The turn (3,) [rad] from one orientation to another, in the base frame."""
    back, turn, vector = np.empty(4), np.empty(4), np.empty(3)
    mujoco.mju_negQuat(back, start.quaternion_wxyz)
    mujoco.mju_mulQuat(turn, end.quaternion_wxyz, back)
    mujoco.mju_quat2Vel(vector, turn, 1.0)
    return vector


def matrix_of(quaternion_wxyz: Float64Array) -> Float64Array:
    """Rotation matrix (3, 3)."""
    flat = np.empty(9)
    mujoco.mju_quat2Mat(flat, quaternion_wxyz)
    return flat.reshape(3, 3)


def quaternion_of(matrix: Float64Array) -> Float64Array:
    """(4,) (w, x, y, z) of a rotation matrix (3, 3)."""
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(matrix).reshape(9))
    return quaternion


def compose(first: Pose, second: Pose) -> Pose:
    """`second`, given in the frame `first`, in the frame in which `first` is given."""
    position, quaternion = np.empty(3), np.empty(4)
    mujoco.mju_mulPose(
        position,
        quaternion,
        first.position,
        first.quaternion_wxyz,
        second.position,
        second.quaternion_wxyz,
    )
    return Pose(position, quaternion)


def pose_of(transformation: Float64Array) -> Pose | None:
    """Of a 4x4 matrix in column-major order, (16,); None if it is no transformation."""
    matrix = np.asarray(transformation, dtype=np.float64).reshape(4, 4).T
    rotation = matrix[:3, :3]
    if not np.isfinite(matrix).all() or np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-6:
        return None
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-5 or np.linalg.det(rotation) < 0:
        return None
    return Pose(matrix[:3, 3].copy(), quaternion_of(rotation))
