"""Where a compiled scene keeps what the world reads and writes."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array
from dsrl_sim.scene import CUBE, CUBE_GEOM, GRIPPER_ACTUATOR, PADS


@dataclass(frozen=True)
class Handles:
    """Places in qpos and qvel, and ids. Arm, then fingers, are the model's first joints."""

    arm: slice
    fingers: slice
    cube: slice
    """In qpos: position (3,) and quaternion (4,) (w, x, y, z)."""
    tool: int
    """Site."""
    gripper: int
    """Actuator."""
    cube_geom: int
    pads: tuple[int, ...]
    damping_over_stiffness_s: Float64Array
    """Shape (joints,): of the arm's servos."""

    @staticmethod
    def of(model: mujoco.MjModel, robot: RobotSpec) -> Handles:
        """
        Raises:
            InvalidValue: the joints do not stand in the order of the robot file.
        """
        names = (*robot.joint_names, *robot.finger_joint_names)
        order = tuple(model.joint(index).name for index in range(len(names)))
        if order != names:
            raise InvalidValue(f"{robot.model_path} has the joints {order}, expected {names}")
        arm, cube = len(robot.joint_names), int(model.joint(CUBE).qposadr[0])
        servos = [model.actuator(name) for name in robot.joint_names]
        return Handles(
            arm=slice(0, arm),
            fingers=slice(arm, len(names)),
            cube=slice(cube, cube + 7),
            tool=model.site(robot.tool_site).id,
            gripper=model.actuator(GRIPPER_ACTUATOR).id,
            cube_geom=model.geom(CUBE_GEOM).id,
            pads=tuple(model.geom(pad).id for pad in PADS),
            damping_over_stiffness_s=np.array([-s.biasprm[2] / s.gainprm[0] for s in servos]),
        )
