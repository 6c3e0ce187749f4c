"""Where a compiled scene keeps what the world reads and writes."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array
from dsrl_sim.scene import GRIPPER_ACTUATOR, PADS
from dsrl_sim.scene_parts import BOWL, CUBE, CUBE_GEOM


@dataclass(frozen=True)
class Handles:
    """Places in qpos and qvel, and ids. Arm, then fingers, are the model's first joints."""

    arm: slice
    fingers: slice
    cube: slice
    """In qpos: position (3,) and quaternion (4,) (w, x, y, z)."""
    cube_velocity: slice
    """In qvel: linear (3,) [m/s] and angular (3,) [rad/s]."""
    tool: int
    """Site."""
    gripper: int
    """Actuator."""
    cube_geom: int
    pads: tuple[int, ...]
    bowl: int | None
    """Mocap body; None without a bowl."""
    bowl_geoms: frozenset[int]
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
        cube_velocity = int(model.joint(CUBE).dofadr[0])
        body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, BOWL)
        servos = [model.actuator(name) for name in robot.joint_names]
        return Handles(
            arm=slice(0, arm),
            fingers=slice(arm, len(names)),
            cube=slice(cube, cube + 7),
            cube_velocity=slice(cube_velocity, cube_velocity + 6),
            tool=model.site(robot.tool_site).id,
            gripper=model.actuator(GRIPPER_ACTUATOR).id,
            cube_geom=model.geom(CUBE_GEOM).id,
            pads=tuple(model.geom(pad).id for pad in PADS),
            bowl=int(model.body_mocapid[body]) if body >= 0 else None,
            bowl_geoms=frozenset(np.flatnonzero(model.geom_bodyid == body).tolist()),
            damping_over_stiffness_s=np.array([-s.biasprm[2] / s.gainprm[0] for s in servos]),
        )
