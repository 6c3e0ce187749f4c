"""From what the robot reports to the vector that the frozen policy was trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

import numpy as np

from dsrl_core.errors import InvalidFile, InvalidValue, UnknownName
from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_core.steering import tool_rotation
from dsrl_core.types import Float64Array, Observation, Pose, UInt8Array


@dataclass(frozen=True)
class MeasuredJoints:
    """The arm's joints in the order of the robot's file, (joints,) each."""

    positions: Float64Array
    """[rad]"""
    velocities: Float64Array
    """[rad/s]"""


@dataclass(frozen=True)
class RobotInputs:
    """What an observation of one moment is made of, as the robot and its perception report it."""

    tool_pose: Pose
    gripper_width_m: float
    object_pose: Pose | None = None
    goal_pose: Pose | None = None
    """Where the object is to go, in tasks that place it."""
    images: UInt8Array | None = None
    """Shape (cameras, height, width, 3), RGB, in the order of the policy's file."""
    joints: MeasuredJoints | None = None


OBJECT_SYMMETRY_RAD: Final = math.pi / 2
"""A cube looks the same after a quarter turn; its yaw is reported within half of that."""


def wrap(angle: float, period: float) -> float:
    """The angle [rad] in [-period / 2, period / 2)."""
    return (angle + period / 2) % period - period / 2


def _scalar(value: float) -> Float64Array:
    return np.array([value], dtype=np.float64)


def _object(inputs: RobotInputs) -> Pose:
    assert inputs.object_pose is not None, "the input gate waits for what the policy's file names"
    return inputs.object_pose


def _goal(inputs: RobotInputs) -> Pose:
    assert inputs.goal_pose is not None, "the input gate waits for what the policy's file names"
    return inputs.goal_pose


def _joints(inputs: RobotInputs) -> MeasuredJoints:
    assert inputs.joints is not None, "the input gate waits for what the policy's file names"
    return inputs.joints


@dataclass(frozen=True)
class _Field:
    """Where a part of an observation comes from: the input that it needs, and how it is read."""

    needs: str
    read: Callable[[RobotInputs, RobotSpec], Float64Array]
    size: Callable[[RobotSpec], int]
    unit: str


def _of_tool(size: int, unit: str, read: Callable[[Pose], Float64Array]) -> _Field:
    return _Field("tool_pose", lambda inputs, _: read(inputs.tool_pose), lambda _: size, unit)


def _of_width(size: int, unit: str, read: Callable[[float, RobotSpec], Float64Array]) -> _Field:
    return _Field(
        "gripper_width_m",
        lambda inputs, robot: read(inputs.gripper_width_m, robot),
        lambda _: size,
        unit,
    )


def _of_joints(unit: str, read: Callable[[MeasuredJoints], Float64Array]) -> _Field:
    return _Field(
        "joints",
        lambda inputs, _: read(_joints(inputs)),
        lambda robot: len(robot.joint_names),
        unit,
    )


FIELDS: Final[Mapping[str, _Field]] = MappingProxyType(
    {
        "tool_position": _of_tool(3, "m", lambda pose: pose.position),
        "tool_yaw": _of_tool(1, "rad", lambda pose: _scalar(tool_yaw(pose))),
        "tool_quaternion": _of_tool(4, "1", tool_rotation.quaternion_wxyz),
        "tool_quaternion_xyzw": _of_tool(4, "1", tool_rotation.quaternion_xyzw),
        "tool_rotation": _of_tool(3, "rad", tool_rotation.rotation_vector),
        "tool_rotation_6d": _of_tool(6, "1", tool_rotation.rotation_6d),
        "tool_rotation_6d_columns": _of_tool(6, "1", tool_rotation.rotation_6d_columns),
        "gripper_width": _of_width(1, "m", lambda width, _: _scalar(width)),
        "gripper_opening": _of_width(
            1, "1", lambda width, robot: _scalar(width / robot.gripper_width_max_m)
        ),
        "finger_positions": _of_width(
            2, "m", lambda width, _: np.array([width / 2, -width / 2], dtype=np.float64)
        ),
        "joint_positions": _of_joints("rad", lambda joints: joints.positions),
        "joint_velocities": _of_joints("rad/s", lambda joints: joints.velocities),
        "object_position": _Field(
            "object_pose", lambda inputs, _: _object(inputs).position, lambda _: 3, "m"
        ),
        "object_yaw": _Field(
            "object_pose",
            lambda inputs, _: _scalar(wrap(_object(inputs).yaw, OBJECT_SYMMETRY_RAD)),
            lambda _: 1,
            "rad",
        ),
        "goal_position": _Field(
            "goal_pose", lambda inputs, _: _goal(inputs).position, lambda _: 3, "m"
        ),
    }
)
"""Every name that a policy file may use for a part of its observation; docs/policies.md explains
them. gripper_opening: the share of the largest width, 1 is open. finger_positions: of both fingers,
the second one negative, as robosuite has it."""


def needed_inputs(policy: PolicySpec) -> tuple[str, ...]:
    """Names of `RobotInputs` without which there is no observation for this policy.

    Raises:
        UnknownName: the policy's file names a part that there is not.
    """
    needed = {"tool_pose", "gripper_width_m"}
    for part in policy.observation:
        if part.name not in FIELDS:
            raise UnknownName("observation field", part.name, FIELDS)
        needed.add(FIELDS[part.name].needs)
    if policy.cameras:
        needed.add("images")
    return tuple(entry.name for entry in fields(RobotInputs) if entry.name in needed)


def check_fields(policy: PolicySpec, robot: RobotSpec) -> None:
    """Whether this robot gives what the policy's file says that it observes.

    Raises:
        UnknownName: the file names a part that there is not.
        InvalidFile: a part has another size or unit on this robot.
    """
    needed_inputs(policy)
    for part in policy.observation:
        found = FIELDS[part.name]
        size = found.size(robot)
        if size != part.size:
            raise InvalidFile(
                f"policy '{policy.name}': observation field '{part.name}' has size {part.size}; "
                f"robot '{robot.name}' gives {size}"
            )
        if part.unit not in ("", found.unit):
            raise InvalidFile(
                f"policy '{policy.name}': observation field '{part.name}' is in "
                f"'{part.unit}'; expected '{found.unit}' (a model of another unit has "
                "model_scale and model_offset)"
            )


def tool_yaw(pose: Pose) -> float:
    """Yaw [rad] of a tool that points down: of its x axis, seen from above."""
    w, x, y, z = (float(value) for value in pose.quaternion_wxyz)
    return math.atan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z))


class ObservationBuilder:
    """Lays robot inputs out as a policy's file asks; one instance per policy and robot."""

    def __init__(self, policy: PolicySpec, robot: RobotSpec) -> None:
        """
        Raises:
            UnknownName: the policy's file names a part that there is not.
            InvalidFile: a part has another size or unit on this robot.
        """
        check_fields(policy, robot)
        self._robot, self._policy = robot, policy
        self._parts = [(part, FIELDS[part.name].read) for part in policy.observation]
        shape = policy.images_shape
        self._images_shape = shape and (len(policy.cameras), *shape[1:])

    def build(self, stamp_ns: int, *steps: RobotInputs) -> Observation:
        """One observation: values (observation_size,) float32, and images if the policy sees any.

        `steps`: what was measured at as many moments as the policy sees, the newest first.

        Raises:
            InvalidValue: there are more or fewer of them, or one is not of the policy's sizes.
        """
        if len(steps) != self._policy.observation_steps:
            raise InvalidValue(
                f"{len(steps)} moments for policy '{self._policy.name}', which sees "
                f"{self._policy.observation_steps}"
            )
        values = np.concatenate([self._values(inputs) for inputs in steps]).astype(np.float32)
        if self._images_shape is None:
            return Observation(stamp_ns, values)
        return Observation(
            stamp_ns, values, np.concatenate([self._images(inputs) for inputs in steps])
        )

    def _values(self, inputs: RobotInputs) -> Float64Array:
        values = []
        for part, read in self._parts:
            value = read(inputs, self._robot)
            if value.shape != (part.size,):
                raise InvalidValue(
                    f"observation field '{part.name}' has shape {value.shape}, the policy file "
                    f"says ({part.size},)"
                )
            values.append(value)
        return np.concatenate(values)

    def _images(self, inputs: RobotInputs) -> UInt8Array:
        images = inputs.images
        if images is None or images.shape != self._images_shape:
            raise InvalidValue(
                f"images of shape {None if images is None else images.shape}, the policy file says "
                f"{self._images_shape}"
            )
        return images
