"""The simulated world as the robot's side sees it: set-points in, inputs of an observation out.

The in-process rollout and the simulator's ROS node drive the world through this one class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsrl_core.specs import CameraSpec, RobotSpec, TaskSpec
from dsrl_core.steering.observation import RobotInputs
from dsrl_core.types import Float64Array, SetPoint, UInt8Array, to_nanoseconds
from dsrl_sim.world import World


class SimulatedRobot:
    """`dsrl_core.rollout.Environment` on a MuJoCo world."""

    def __init__(
        self,
        task: TaskSpec,
        robot: RobotSpec,
        cameras: Sequence[CameraSpec] = (),
        physics_step_s: float | None = None,
    ) -> None:
        """`cameras`: the policy's, if it sees any; `physics_step_s` as in `World`."""
        self.world = World(task.scene, robot, physics_step_s)
        self._cameras = tuple(cameras)
        self._gripper_latency_ns = to_nanoseconds(robot.gripper_latency_s)

    @property
    def time_ns(self) -> int:
        return self.world.time_ns

    @property
    def joint_positions(self) -> Float64Array:
        return self.world.joint_positions

    @property
    def inputs(self) -> RobotInputs:
        """What an observation is made of; with cameras every call draws their images anew."""
        world = self.world
        images = self.images() if self._cameras else None
        return RobotInputs(
            world.tool_pose, world.gripper_width_m, world.object_pose, world.goal_pose, images
        )

    def images(self) -> UInt8Array:
        """What the policy's cameras see, shape (cameras, height, width, 3), RGB.

        Raises:
            UnknownName: the scene has no such camera.
            RendererMissing: nothing on this machine can draw without a screen.
        """
        draw = self.world.render
        return np.stack([draw(part.name, part.width, part.height) for part in self._cameras])

    @property
    def success(self) -> bool:
        return self.world.success

    def reset(self, seed: int) -> None:
        """Put the scene back; simulated time goes on."""
        self.world.reset(seed, keep_time=True)

    def command_gripper(self, width_m: float, stamp_ns: int) -> None:
        """A width commanded at `stamp_ns`; the fingers start after the hand's latency."""
        self.world.command_gripper(width_m, stamp_ns + self._gripper_latency_ns)

    def apply(self, set_point: SetPoint) -> None:
        """One set-point period of simulated time."""
        if set_point.gripper_width_m is not None:
            self.command_gripper(set_point.gripper_width_m, set_point.stamp_ns)
        self.world.advance(set_point.joint_positions)
