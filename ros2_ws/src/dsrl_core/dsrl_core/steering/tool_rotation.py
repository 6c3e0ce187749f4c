"""How the tool is turned in the base frame, in the ways that policies write it.

A rotation has two quaternions. Of both we give the one with x >= 0, which is continuous wherever
the tool is less than half a turn away from pointing down; the usual w >= 0 would jump at every
tremble there, where w is about 0. The rotation vector is made of the same one.
"""

from __future__ import annotations

import math

import numpy as np

from dsrl_core.types import Float64Array, Pose


def quaternion_wxyz(pose: Pose) -> Float64Array:
    """Unit quaternion (4,) (w, x, y, z) with x >= 0."""
    quaternion = pose.quaternion_wxyz / np.linalg.norm(pose.quaternion_wxyz)
    return np.asarray(quaternion if quaternion[1] >= 0.0 else -quaternion)


def quaternion_xyzw(pose: Pose) -> Float64Array:
    """The same as (x, y, z, w): ROS, robosuite and scipy write it so."""
    return np.roll(quaternion_wxyz(pose), -1)


def rotation_vector(pose: Pose) -> Float64Array:
    """Axis times angle (3,) [rad], the angle from 0 to 2 pi; pointing down: (pi, 0, 0)."""
    w, *rest = quaternion_wxyz(pose)
    vector = np.array(rest)
    length = float(np.linalg.norm(vector))
    if length == 0.0:
        return np.zeros(3)
    return np.asarray(vector * (2.0 * math.atan2(length, float(w)) / length))


def rotation_6d(pose: Pose) -> Float64Array:
    """The rotation matrix's first two rows (6,), as PyTorch3D and Diffusion Policy have it."""
    return _matrix(pose)[:2].ravel()


def rotation_6d_columns(pose: Pose) -> Float64Array:
    """Its first two columns (6,), one after the other, as in Zhou et al. 2019."""
    return _matrix(pose)[:, :2].T.ravel()


def _matrix(pose: Pose) -> Float64Array:
    w, x, y, z = quaternion_wxyz(pose)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
