"""Where the arm starts: the joint positions that put the tool at a place, pointing down."""

from __future__ import annotations

from typing import Final

import mujoco
import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import RobotSpec, Vector3
from dsrl_core.types import Float64Array

_ITERATIONS: Final = 100
_DAMPING: Final = 1e-4
_ACCURACY_M: Final = 1e-6


def start_posture(model: mujoco.MjModel, robot: RobotSpec, tool_position_m: Vector3) -> Float64Array:
    """Joint positions (joints,) [rad] by damped least squares from the robot's start pose.

    The tool keeps the orientation that it has in that pose.

    Raises:
        InvalidValue: the arm cannot reach there within its joint limits.
    """
    data = mujoco.MjData(model)
    joints = len(robot.joint_names)
    data.qpos[:joints] = robot.start_joint_positions_rad
    mujoco.mj_kinematics(model, data)
    site = model.site(robot.tool_site).id
    goal = np.zeros(4)
    mujoco.mju_mat2Quat(goal, data.site_xmat[site])
    jacobian = np.zeros((6, model.nv))
    error = np.zeros(6)
    for _ in range(_ITERATIONS):
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        error[:3] = np.asarray(tool_position_m) - data.site_xpos[site]
        error[3:] = _rotation_between(data.site_xmat[site], goal)
        if np.linalg.norm(error) < _ACCURACY_M:
            return _within_limits(robot, data.qpos[:joints].copy())
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site)
        arm = jacobian[:, :joints]
        data.qpos[:joints] += arm.T @ np.linalg.solve(arm @ arm.T + _DAMPING * np.eye(6), error)
    raise InvalidValue(f"start_tool_position_m {list(tool_position_m)} is out of the arm's reach")


def _rotation_between(matrix: Float64Array, goal: Float64Array) -> Float64Array:
    """Rotation vector (3,) [rad] in the base frame from a matrix (9,) to a quaternion (4,)."""
    current, inverse, difference, vector = np.zeros(4), np.zeros(4), np.zeros(4), np.zeros(3)
    mujoco.mju_mat2Quat(current, matrix)
    mujoco.mju_negQuat(inverse, current)
    mujoco.mju_mulQuat(difference, goal, inverse)
    mujoco.mju_quat2Vel(vector, difference, 1.0)
    return vector


def _within_limits(robot: RobotSpec, positions: Float64Array) -> Float64Array:
    low, high = np.asarray(robot.joint_position_min_rad), np.asarray(robot.joint_position_max_rad)
    if np.any(positions < low) or np.any(positions > high):
        raise InvalidValue(f"start_tool_position_m needs joint positions {positions} beyond limits")
    return positions
