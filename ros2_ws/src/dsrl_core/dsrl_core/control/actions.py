"""What the rows of a chunk mean: every kind of action becomes an aim of the joints.

A row begins where the commands before it have led, not at what is measured, so that the arm's lag
does not add up. What the kinds say is written at `dsrl_core.specs.policy.ActionKind`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

import mujoco
import numpy as np

from dsrl_core.control.kinematics import Kinematics, Solution, pointing_down
from dsrl_core.control.safety import Safety
from dsrl_core.errors import InvalidFile
from dsrl_core.specs import ActionSpec
from dsrl_core.specs.policy import ActionKind
from dsrl_core.types import Float32Array, Float64Array, Pose

_LEAST_NORM: Final = 1e-3
"""A quaternion shorter than this says nothing about a rotation."""
_FITS: Final = ("", "")


class _Kind(ABC):
    """One kind of action; `joints` (joints,) [rad] is where the commands have led."""

    parts: tuple[str, ...]
    """What its fields are, in order, before the gripper width."""
    joints: Float64Array

    def __init__(self, kinematics: Kinematics, safety: Safety, period_s: float) -> None:
        self._kinematics, self._safety, self._period = kinematics, safety, period_s

    @staticmethod
    @abstractmethod
    def sizes(joints: int) -> tuple[int, ...]:
        """Sizes of these fields for an arm of so many joints."""

    @abstractmethod
    def aim(self, row: Float64Array) -> Solution:
        """Joints for a row; a tool point out of bounds is moved to the nearest inside."""

    @abstractmethod
    def leaps(self, rows: Float64Array, joints: Float64Array) -> tuple[Float64Array, Float64Array]:
        """What every row asks for at once, the first one from `joints` (joints,) [rad] on: the
        largest angle (rows,) [rad] and the tool's way (rows,) [m], zero where it has none."""

    def senseless(self, rows: Float64Array) -> str:
        """Why a row means nothing at all, or empty."""
        return ""

    def rest_at(self, joints: Float64Array) -> None:
        """Begin anew at joints (joints,) [rad]."""
        self.joints = joints

    def settle(self, joints: Float64Array, is_whole: bool) -> None:
        """The row leads to these joints; whether that is all that it asked for."""
        self.joints = joints


class _JointKind(_Kind):
    @staticmethod
    def sizes(joints: int) -> tuple[int, ...]:
        return (joints,)

    def aim(self, row: Float64Array) -> Solution:
        joints = self._target(row[:-1])
        return Solution(joints, self._kinematics.tool_pose(joints), 0.0, 0.0, 0)

    def leaps(self, rows: Float64Array, joints: Float64Array) -> tuple[Float64Array, Float64Array]:
        return np.abs(self._steps(rows[:, :-1], joints)).max(axis=1), np.zeros(len(rows))

    @abstractmethod
    def _target(self, values: Float64Array) -> Float64Array: ...

    @abstractmethod
    def _steps(self, values: Float64Array, joints: Float64Array) -> Float64Array: ...


class _JointPosition(_JointKind):
    parts = ("joint positions",)

    def _target(self, values: Float64Array) -> Float64Array:
        return values

    def _steps(self, values: Float64Array, joints: Float64Array) -> Float64Array:
        return np.diff(values, axis=0, prepend=joints[None])


class _JointDelta(_JointKind):
    parts = ("changes of the joints",)

    def _target(self, values: Float64Array) -> Float64Array:
        return self.joints + values

    def _steps(self, values: Float64Array, joints: Float64Array) -> Float64Array:
        return values


class _JointVelocity(_JointKind):
    parts = ("velocities of the joints",)

    def _target(self, values: Float64Array) -> Float64Array:
        return self.joints + values * self._period

    def _steps(self, values: Float64Array, joints: Float64Array) -> Float64Array:
        return values * self._period


class _ToolDelta(_Kind):
    parts = ("displacement", "yaw")

    @staticmethod
    def sizes(joints: int) -> tuple[int, ...]:
        return (3, 1)

    def rest_at(self, joints: Float64Array) -> None:
        super().rest_at(joints)
        pose = self._kinematics.tool_pose(joints)
        self._point, self._yaw = pose.position, pose.yaw

    def aim(self, row: Float64Array) -> Solution:
        self._point = self._safety.tool_point(self._point + row[:3])
        self._yaw += float(row[3])
        return self._kinematics.solve(pointing_down(self._point, self._yaw), self.joints)

    def settle(self, joints: Float64Array, is_whole: bool) -> None:
        if is_whole:
            self.joints = joints
        else:
            self.rest_at(joints)

    def leaps(self, rows: Float64Array, joints: Float64Array) -> tuple[Float64Array, Float64Array]:
        return np.abs(rows[:, 3]), np.linalg.norm(rows[:, :3], axis=1)


class _EndEffectorKind(_Kind):
    def rest_at(self, joints: Float64Array) -> None:
        super().rest_at(joints)
        self._pose = self._kinematics.tool_pose(joints)

    def aim(self, row: Float64Array) -> Solution:
        pose = self._target(row[:-1])
        self._pose = Pose(self._safety.tool_point(pose.position), pose.quaternion_wxyz)
        return self._kinematics.solve(self._pose, self.joints)

    def settle(self, joints: Float64Array, is_whole: bool) -> None:
        if is_whole:
            self.joints = joints
        else:
            self.rest_at(joints)

    @abstractmethod
    def _target(self, values: Float64Array) -> Pose: ...


class _EndEffectorDelta(_EndEffectorKind):
    parts = ("displacement", "rotation vector")

    @staticmethod
    def sizes(joints: int) -> tuple[int, ...]:
        return (3, 3)

    def _target(self, values: Float64Array) -> Pose:
        angle = float(np.linalg.norm(values[3:]))
        turn, quaternion = np.array([1.0, 0.0, 0.0, 0.0]), np.empty(4)
        if angle > 0.0:
            mujoco.mju_axisAngle2Quat(turn, values[3:] / angle, angle)
        mujoco.mju_mulQuat(quaternion, turn, self._pose.quaternion_wxyz)
        mujoco.mju_normalize4(quaternion)
        return Pose(self._pose.position + values[:3], quaternion)

    def leaps(self, rows: Float64Array, joints: Float64Array) -> tuple[Float64Array, Float64Array]:
        return np.linalg.norm(rows[:, 3:6], axis=1), np.linalg.norm(rows[:, :3], axis=1)


class _EndEffectorPose(_EndEffectorKind):
    parts = ("position", "quaternion w, x, y, z")

    @staticmethod
    def sizes(joints: int) -> tuple[int, ...]:
        return (3, 4)

    def _target(self, values: Float64Array) -> Pose:
        return Pose(values[:3], values[3:] / np.linalg.norm(values[3:]))

    def senseless(self, rows: Float64Array) -> str:
        norms = np.linalg.norm(rows[:, 3:7], axis=1)
        if (norms >= _LEAST_NORM).all():
            return ""
        row = int(norms.argmin())
        return f"row {row}: quaternion {rows[row, 3:7].tolist()} of length {norms[row]:.2g}"

    def leaps(self, rows: Float64Array, joints: Float64Array) -> tuple[Float64Array, Float64Array]:
        begin = self._kinematics.tool_pose(joints)
        points = np.diff(rows[:, :3], axis=0, prepend=begin.position[None])
        turns = rows[:, 3:7] / np.linalg.norm(rows[:, 3:7], axis=1, keepdims=True)
        turns = np.vstack([begin.quaternion_wxyz[None], turns])
        alike = np.minimum(np.abs((turns[1:] * turns[:-1]).sum(axis=1)), 1.0)
        return 2.0 * np.arccos(alike), np.linalg.norm(points, axis=1)


_KINDS: Final[dict[ActionKind, type[_Kind]]] = {
    "joint_position": _JointPosition,
    "joint_delta": _JointDelta,
    "joint_velocity": _JointVelocity,
    "tool_delta": _ToolDelta,
    "end_effector_delta": _EndEffectorDelta,
    "end_effector_pose": _EndEffectorPose,
}


class Actions:
    """The actions of one policy on one arm."""

    def __init__(
        self,
        action: ActionSpec,
        joint_names: tuple[str, ...],
        kinematics: Kinematics,
        safety: Safety,
    ) -> None:
        """`joint_names`: the arm's, in its order.

        Raises:
            InvalidFile: the action's fields are not those of its kind, or its joints others.
        """
        kind = _KINDS[action.kind]
        _require_joints(action, kind, joint_names)
        expected = (*kind.sizes(len(joint_names)), 1)
        if tuple(part.size for part in action.fields) != expected:
            names = ", ".join(f"{part.name} ({part.size})" for part in action.fields)
            meaning = ", ".join((*kind.parts, "gripper width"))
            raise InvalidFile(
                f"action of kind {action.kind} has the fields {names}; expected sizes "
                f"{expected}: {meaning}"
            )
        self.columns = sum(expected)
        """Of a chunk's rows."""
        self._spec, self._safety = action, safety
        self._kind = kind(kinematics, safety, action.period_s)

    @property
    def joints(self) -> Float64Array:
        """Where the rows so far lead to, (joints,) [rad]."""
        return self._kind.joints

    def rest_at(self, joints: Float64Array) -> None:
        """Forget the rows so far; the next one begins at joints (joints,) [rad]."""
        self._kind.rest_at(joints)

    def begin(self, row: Float64Array) -> Float64Array:
        """Take the next row (columns,); gives the joints (joints,) [rad] that it leads to."""
        start = self._kind.joints
        solution = self._kind.aim(row)
        joints, is_whole = self._safety.row_target(start, solution, self._spec.period_s)
        self._kind.settle(joints, is_whole)
        return joints

    def width_m(self, row: Float64Array) -> float:
        """The gripper width [m] that a row asks for, or the nearest of the policy's levels."""
        width = float(row[-1])
        levels = self._spec.gripper_levels_m
        return min(levels, key=lambda level: abs(level - width)) if levels else width

    def unfit(
        self, chunk: Float32Array, position: Float64Array, before: Float64Array | None = None
    ) -> tuple[str, str]:
        """Why no arm should play a chunk (rows, columns) of finite numbers from a set-point
        (joints,) [rad] on: a countable reason and the particulars, or both empty.

        `before`: the action (columns,) that it follows, if that still is to be played.
        """
        rows = chunk.astype(np.float64)
        if senseless := self._kind.senseless(rows):
            return "no rotation", senseless
        followed = rows if before is None else np.vstack([before, rows])
        limits = (self._spec.jump_max_rad, "rad"), (self._spec.jump_max_m, "m")
        found = self._kind.leaps(followed, position)
        for leaps_of_all, (most, unit) in zip(found, limits, strict=True):
            leaps = leaps_of_all[-len(rows) :]
            row = int(leaps.argmax())
            if leaps[row] > most:
                return "jump", f"row {row} leads {leaps[row]:.3g} {unit} at once, at most {most}"
        return _FITS


def _require_joints(action: ActionSpec, kind: type[_Kind], joint_names: tuple[str, ...]) -> None:
    given, robots = ", ".join(action.joints), ", ".join(joint_names)
    if action.joints and not issubclass(kind, _JointKind):
        told = f"action of kind {action.kind} names joints ({given})"
        raise InvalidFile(f"{told}; its rows speak of the tool, expected none")
    if action.joints and action.joints != joint_names:
        told = f"action of kind {action.kind} has its joints in the order {given}"
        raise InvalidFile(f"{told}; the robot file's are {robots}")
