"""The simulated FR3 as a node: what a client of franka_ros2 can see of one arm, and a world for it.

In lock-step time goes on when the set-point of the present tick has come; otherwise, in real time,
with the clock on the wall.
"""

from __future__ import annotations

from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import FrankaSimParameters
from dsrl_ros.paths import catalog
from dsrl_sim.arm import PHYSICS_STEP_S
from dsrl_sim.environment import SimulatedRobot
from dsrl_sim.lock_step import LockStep
from dsrl_sim.real_time import RealTime
from dsrl_sim.ros_face import RosFace

_VIEW_S = 0.04


class FrankaSim(DsrlNode[FrankaSimParameters]):
    """Puts the world, its face and what makes time pass together."""

    def __init__(self) -> None:
        super().__init__("franka_sim", FrankaSimParameters)
        parameters = self.parameters
        known = catalog()
        task = known.task(parameters.task)
        spec = known.robot(task.robot).pressing(parameters.force_scale)
        policy = known.policy_of(task, parameters.policy)
        if parameters.lock_step:
            spec = spec.in_lock_step
        step_s = None if parameters.lock_step else PHYSICS_STEP_S
        robot = SimulatedRobot(task, spec, policy, step_s)
        self._world = robot.world
        if policy.cameras:
            robot.images()  # a machine that cannot draw is refused now
        size = parameters.camera_width, parameters.camera_height
        steps = policy.observation_steps
        face = RosFace(self, spec, policy.cameras, size, not parameters.lock_step, steps)
        make = LockStep if parameters.lock_step else RealTime
        self._time: LockStep | RealTime = make(self, spec, policy, robot, face)
        self._viewer = None
        if parameters.viewer:
            from dsrl_sim.viewer import Viewer

            self._viewer = Viewer(self._world)
            self.wall_timer(_VIEW_S, self._viewer.show)

    def close(self) -> None:
        self._time.destroy()
        if self._viewer is not None:
            self._viewer.close()
        self._world.close()


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(FrankaSim, args)


if __name__ == "__main__":
    main()
