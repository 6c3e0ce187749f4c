"""Builds the simulated scene of a task around the robot's own model."""

from __future__ import annotations

from typing import Final

import mujoco
import numpy as np

from dsrl_core.specs import RobotSpec, SceneSpec
from dsrl_core.specs.task import PlaceScene
from dsrl_sim.scene_parts import (
    SCENE_CAMERA,
    WRIST_CAMERA,
    add_bowl,
    add_cameras,
    add_cube,
    add_surroundings,
    add_table,
)

PADS: Final = ("fr3_left_pad", "fr3_right_pad")
GRIPPER_ACTUATOR: Final = "fr3_gripper"
CAMERAS: Final = (SCENE_CAMERA, WRIST_CAMERA)


def build_model(scene: SceneSpec, robot: RobotSpec) -> mujoco.MjModel:
    """The robot on a table with a cube; the table's top is z = 0 of the robot's base frame."""
    spec = mujoco.MjSpec.from_file(str(robot.model_path))
    add_surroundings(spec)
    add_table(spec, scene)
    add_cube(spec, scene)
    middle = np.array(scene.cube_center_m)
    if isinstance(scene, PlaceScene):
        add_bowl(spec, scene)
        middle = (middle + scene.bowl_center_m) / 2
    add_cameras(spec, middle)
    return spec.compile()
