"""A scripted picker: what the frozen policy learns from, and the yardstick of a perfect one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.types import Float32Array, Float64Array

OPEN_M: Final = 0.08
CLOSED_M: Final = 0.0

_STEP_MAX_M: Final = 0.02
_YAW_STEP_MAX_RAD: Final = 0.12
_GAIN: Final = 0.3
"""Share of the remaining way that one action goes."""

_HOVER_M: Final = 0.08
"""Height above the grasp at which the open fingers clear the cube."""
_FUNNEL_START_M: Final = 0.008
_FUNNEL_SLOPE: Final = 8.0
"""Rise of the allowed height over the distance from the axis of the grasp."""
_AT_GRASP_M: Final = 0.004
UNTOUCHED_M: Final = 0.078
"""A wider gripper has not been told to close."""
GRASPED_M: Final = 0.045
"""A narrower gripper has closed, on the cube or on nothing."""
_LIFTED_M: Final = 0.22
"""Height of the tool at the end."""


@dataclass(frozen=True)
class PickView:
    """The observation of a pick by name; positions [m] and yaws [rad] in the base frame."""

    tool_position: Float64Array
    tool_yaw: float
    gripper_width: float
    object_position: Float64Array
    object_yaw: float

    @staticmethod
    def of(values: Float32Array) -> PickView:
        """From the policy's observation, shape (9,)."""
        v = np.asarray(values, dtype=np.float64)
        return PickView(v[0:3], float(v[3]), float(v[4]), v[5:8], float(v[8]))


class ScriptedExpert:
    """Approaches from above, closes, lifts; one action per 0.1 s.

    Its action is a function of the observation and the error alone, so that a policy without
    memory can learn it. What it takes for the cube's centre is wrong by `error_m`.
    """

    def __init__(self, error_m: tuple[float, float] = (0.0, 0.0)) -> None:
        """`error_m`: (x, y) [m] in the gripper's frame; y is the way of the fingers."""
        self.error_m = error_m

    def action(self, observation: Float32Array) -> Float32Array:
        """Shape (5,): (dx, dy, dz) [m] and dyaw [rad] of the commanded tool, width [m]."""
        view = PickView.of(observation)
        remaining_yaw = view.object_yaw - view.tool_yaw
        if view.gripper_width < GRASPED_M:
            rise = _LIFTED_M - view.tool_position[2]
            return action_of(np.array([0.0, 0.0, rise]), 0.0, CLOSED_M)
        if view.gripper_width < UNTOUCHED_M:
            return action_of(np.zeros(3), 0.0, CLOSED_M)
        way = view.object_position + _turned(self.error_m, view.object_yaw) - view.tool_position
        distance = math.hypot(way[0], way[1])
        if distance < _AT_GRASP_M and abs(way[2]) < _AT_GRASP_M:
            return action_of(way, remaining_yaw, CLOSED_M)
        way[2] += float(approach_height(np.array(distance)))
        return action_of(way, remaining_yaw, OPEN_M)


def approach_height(distance_m: Float64Array) -> Float64Array:
    """How far above the grasp [m] the tool stays at lateral distances from its axis."""
    return np.clip((distance_m - _FUNNEL_START_M) * _FUNNEL_SLOPE, 0.0, _HOVER_M)


def ideal_action(observation: Float32Array) -> Float32Array:
    """The action, shape (5,), of an expert without error."""
    return ScriptedExpert().action(observation)


def draw_error(
    rng: np.random.Generator,
    mean_m: tuple[float, float] = (0.022, -0.018),
    sigma_m: float = 0.028,
) -> tuple[float, float]:
    """A demonstration's lateral error (x, y) [m] in the gripper's frame."""
    x, y = rng.normal(mean_m, sigma_m)
    return float(x), float(y)


def _turned(vector: tuple[float, float], yaw: float) -> Float64Array:
    x, y = vector
    cosine, sine = math.cos(yaw), math.sin(yaw)
    return np.array([cosine * x - sine * y, sine * x + cosine * y, 0.0])


def action_of(way: Float64Array, turn: float, width: float) -> Float32Array:
    """An action that goes some of the way, and no faster than allowed."""
    step = _GAIN * way
    lateral = math.hypot(step[0], step[1])
    if lateral > _STEP_MAX_M:
        step[:2] *= _STEP_MAX_M / lateral
    step[2] = np.clip(step[2], -_STEP_MAX_M, _STEP_MAX_M)
    dyaw = float(np.clip(_GAIN * turn, -_YAW_STEP_MAX_RAD, _YAW_STEP_MAX_RAD))
    return np.array([*step, dyaw, width], dtype=np.float32)
