"""Where a task's objects lie at the start of an episode, drawn from the episode's seed.

A simulator puts them there; on a real robot a person does, told in words. One draw for both, so
that two policies can be compared from equal resets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.errors import InvalidValue
from dsrl_core.specs import RobotSpec, SceneSpec
from dsrl_core.specs.task import PlaceScene
from dsrl_core.types import Float64Array

_START_TOLERANCE_M: Final = 1e-4


@dataclass(frozen=True)
class Layout:
    """Objects on the table, in the robot's base frame."""

    cube_m: Float64Array
    """Shape (2,): x, y of its middle."""
    cube_yaw_rad: float
    bowl_m: Float64Array | None = None
    """Shape (2,); None: the task has no bowl."""

    def instruction(self) -> str:
        """What a person is to put where."""
        text = f"put the cube at {_point(self.cube_m)}, turned {_degrees(self.cube_yaw_rad)} deg"
        if self.bowl_m is not None:
            text += f", and the bowl at {_point(self.bowl_m)}"
        return text


def draw_layout(scene: SceneSpec, seed: int) -> Layout:
    """The layout of an episode with this seed; equal seeds give equal bits."""
    rng = np.random.default_rng(seed)
    offset = rng.uniform(-1.0, 1.0, 3)
    cube = scene.cube_center_m + scene.cube_spread_m * offset[:2]
    yaw = float(scene.cube_yaw_spread_rad * offset[2])
    if not isinstance(scene, PlaceScene):
        return Layout(cube, yaw)
    return Layout(cube, yaw, scene.bowl_center_m + scene.bowl_spread_m * rng.uniform(-1.0, 1.0, 2))


def start_posture(scene: SceneSpec, robot: RobotSpec) -> Float64Array:
    """Joint positions (joints,) [rad] with the tool at the task's start, pointing down.

    Raises:
        InvalidValue: the arm does not reach there.
    """
    target = pointing_down(np.array(scene.start_tool_position_m), yaw=0.0)
    solution = Kinematics(robot).solve(target, np.array(robot.start_joint_positions_rad))
    if solution.position_error_m > _START_TOLERANCE_M:
        raise InvalidValue(
            f"start_tool_position_m {list(scene.start_tool_position_m)} is out of the reach of "
            f"'{robot.name}': {solution.position_error_m:.3f} m remain"
        )
    return solution.joint_positions


def _point(point: Float64Array) -> str:
    return f"x={point[0]:.3f} m, y={point[1]:+.3f} m"


def _degrees(angle_rad: float) -> str:
    return f"{math.degrees(angle_rad):.0f}"
