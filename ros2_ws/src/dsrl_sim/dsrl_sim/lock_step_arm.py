"""The arm's state in lock-step, where set-points move it directly and nothing is a reflex."""

from __future__ import annotations

import numpy as np

from dsrl_core.control.kinematics import Kinematics
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array
from dsrl_sim.arm_parameters import ArmParameters
from dsrl_sim.external_forces import ExternalForces
from dsrl_sim.franka_state import FrankaStateMachine, Thresholds
from dsrl_sim.trajectories import Reference
from dsrl_sim.world import World


class LockStepArm:
    """What a message of its state is made of. Forces are those of the moment, unfiltered."""

    def __init__(self, world: World, robot: RobotSpec) -> None:
        self.world = world
        self.machine = FrankaStateMachine(Thresholds.of_robot(robot))
        self.parameters = ArmParameters(world.model, robot)
        at = world.handles
        self.forces = ExternalForces(world.model, world.data, at.arm, at.tool, step_s=1.0)
        self._robot = robot
        self._kinematics: Kinematics | None = None
        self._rest = np.zeros(len(robot.joint_names))
        self.acceleration: Float64Array = self._rest

    @property
    def kinematics(self) -> Kinematics:
        """Made when it is needed."""
        if self._kinematics is None:
            self._kinematics = Kinematics(self._robot)
        return self._kinematics

    @property
    def reference(self) -> Reference:
        """The last set-point."""
        return Reference(self.world.joint_targets, self._rest, self._rest)

    @property
    def wrench(self) -> Float64Array:
        """External wrench (6,) at the tool point in the base frame's axes."""
        self.forces.step(None)
        return self.forces.wrench()
