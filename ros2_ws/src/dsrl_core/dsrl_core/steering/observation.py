"""From what the robot reports to the vector that the frozen policy was trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

import numpy as np

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float64Array, Observation, Pose, UInt8Array


@dataclass(frozen=True)
class RobotInputs:
    """What an observation is made of, as the robot and its perception report it."""

    tool_pose: Pose
    gripper_width_m: float
    object_pose: Pose | None = None
    goal_pose: Pose | None = None
    """Where the object is to go, in tasks that place it."""
    images: UInt8Array | None = None
    """Shape (cameras, height, width, 3), RGB, in the order of the policy's file."""


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


@dataclass(frozen=True)
class _Field:
    """Where a part of an observation comes from: the input that it needs, and how it is read."""

    needs: str
    read: Callable[[RobotInputs], Float64Array]


FIELDS: Final[Mapping[str, _Field]] = MappingProxyType(
    {
        "tool_position": _Field("tool_pose", lambda inputs: inputs.tool_pose.position),
        "tool_yaw": _Field("tool_pose", lambda inputs: _scalar(tool_yaw(inputs.tool_pose))),
        "gripper_width": _Field("gripper_width_m", lambda inputs: _scalar(inputs.gripper_width_m)),
        "object_position": _Field("object_pose", lambda inputs: _object(inputs).position),
        "object_yaw": _Field(
            "object_pose", lambda inputs: _scalar(wrap(_object(inputs).yaw, OBJECT_SYMMETRY_RAD))
        ),
        "goal_position": _Field("goal_pose", lambda inputs: _goal(inputs).position),
    }
)
"""Every name that a policy file may use for a part of its observation."""


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


def tool_yaw(pose: Pose) -> float:
    """Yaw [rad] of a tool that points down: of its x axis, seen from above."""
    w, x, y, z = (float(value) for value in pose.quaternion_wxyz)
    return math.atan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z))


class ObservationBuilder:
    """Lays robot inputs out as a policy's file asks; one instance per policy."""

    def __init__(self, policy: PolicySpec) -> None:
        needed_inputs(policy)
        self._parts = [(part, FIELDS[part.name].read) for part in policy.observation]
        self._images_shape = policy.images_shape

    def build(self, stamp_ns: int, inputs: RobotInputs) -> Observation:
        """One observation: values (observation_size,) float32, and images if the policy sees any.

        Raises:
            InvalidFile: an input is not of the size that the policy's file says.
        """
        values = []
        for part, read in self._parts:
            value = read(inputs)
            if value.shape != (part.size,):
                raise InvalidFile(
                    f"observation field '{part.name}' has size {value.shape[0]}, "
                    f"the policy file says {part.size}"
                )
            values.append(value)
        if self._images_shape is None:
            return Observation(stamp_ns, np.concatenate(values).astype(np.float32))
        images = inputs.images
        if images is None or images.shape != self._images_shape:
            raise InvalidFile(
                f"images of shape {None if images is None else images.shape}, the policy file says "
                f"{self._images_shape}"
            )
        return Observation(stamp_ns, np.concatenate(values).astype(np.float32), images)
