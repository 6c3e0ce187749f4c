"""From what the robot reports to the vector that the frozen policy was trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float64Array, Observation, Pose


@dataclass(frozen=True)
class RobotInputs:
    """What an observation is made of, as the robot and its perception report it."""

    tool_pose: Pose
    gripper_width_m: float
    object_pose: Pose


OBJECT_SYMMETRY_RAD: Final = math.pi / 2
"""A cube looks the same after a quarter turn; its yaw is reported within half of that."""


def wrap(angle: float, period: float) -> float:
    """The angle [rad] in [-period / 2, period / 2)."""
    return (angle + period / 2) % period - period / 2


def _scalar(value: float) -> Float64Array:
    return np.array([value], dtype=np.float64)


FIELDS: Final[Mapping[str, Callable[[RobotInputs], Float64Array]]] = MappingProxyType(
    {
        "tool_position": lambda inputs: inputs.tool_pose.position,
        "tool_yaw": lambda inputs: _scalar(tool_yaw(inputs.tool_pose)),
        "gripper_width": lambda inputs: _scalar(inputs.gripper_width_m),
        "object_position": lambda inputs: inputs.object_pose.position,
        "object_yaw": lambda inputs: _scalar(wrap(inputs.object_pose.yaw, OBJECT_SYMMETRY_RAD)),
    }
)
"""Every name that a policy file may use for a part of its observation."""


def tool_yaw(pose: Pose) -> float:
    """Yaw [rad] of a tool that points down: of its x axis, seen from above."""
    w, x, y, z = (float(value) for value in pose.quaternion_wxyz)
    return math.atan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z))


class ObservationBuilder:
    """Lays robot inputs out as a policy's file asks; one instance per policy."""

    def __init__(self, policy: PolicySpec) -> None:
        self._parts = []
        for part in policy.observation:
            if part.name not in FIELDS:
                raise UnknownName("observation field", part.name, FIELDS)
            self._parts.append((part, FIELDS[part.name]))

    def build(self, stamp_ns: int, inputs: RobotInputs) -> Observation:
        """One observation, (observation_size,) float32."""
        values = []
        for part, read in self._parts:
            value = read(inputs)
            if value.shape != (part.size,):
                raise InvalidFile(
                    f"observation field '{part.name}' has size {value.shape[0]}, "
                    f"the policy file says {part.size}"
                )
            values.append(value)
        return Observation(stamp_ns, np.concatenate(values).astype(np.float32))
