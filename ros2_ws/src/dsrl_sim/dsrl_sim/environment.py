"""The simulated world as the robot's side sees it: set-points in, inputs of an observation out.

The in-process rollout and the simulator's ROS node drive the world through this one class.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec
from dsrl_core.steering.observation import MeasuredJoints, RobotInputs
from dsrl_core.types import Float64Array, SetPoint, UInt8Array, to_nanoseconds
from dsrl_sim.moments import Layout
from dsrl_sim.world import World


@dataclass(frozen=True)
class Moment:
    """What was measured at a moment, and what its images are drawn of if somebody wants them."""

    stamp_ns: int
    inputs: RobotInputs
    layout: Layout


class SimulatedRobot:
    """`dsrl_core.rollout.Environment` on a MuJoCo world."""

    def __init__(
        self,
        task: TaskSpec,
        robot: RobotSpec,
        policy: PolicySpec | None = None,
        physics_step_s: float | None = None,
    ) -> None:
        """`policy`: tells cameras and how much of the past is seen; `physics_step_s` as in
        `World`."""
        self.world = World(task.scene, robot, physics_step_s)
        self._cameras = policy.cameras if policy else ()
        self._steps = policy.observation_steps if policy else 1
        self._period_ns = to_nanoseconds(policy.action.period_s) if policy else 1
        self._gripper_latency_ns = to_nanoseconds(robot.gripper_latency_s)
        self._kept: deque[Moment] = deque(maxlen=self._steps)
        self.begin_past()

    @property
    def time_ns(self) -> int:
        return self.world.time_ns

    @property
    def joint_positions(self) -> Float64Array:
        return self.world.joint_positions

    @property
    def inputs(self) -> RobotInputs:
        """What an observation is made of; with cameras every call draws their images anew."""
        inputs = self._measured()
        return replace(inputs, images=self.images()) if self._cameras else inputs

    @property
    def seen(self) -> tuple[RobotInputs, ...]:
        past = (
            replace(moment.inputs, images=self.images(moment)) if self._cameras else moment.inputs
            for moment in self.past()
        )
        return (self.inputs, *past)

    def past(self) -> list[Moment]:
        """The moments before now that the policy sees, the newest first: each the last one kept, a
        multiple of an action's time after the reset, that is as long ago as asked."""
        moments = []
        for step in range(1, self._steps):
            then_ns = self.world.time_ns - step * self._period_ns
            old = [moment for moment in self._kept if moment.stamp_ns <= then_ns]
            moments.append(old[-1] if old else self._kept[0])
        return moments

    def images(self, moment: Moment | None = None) -> UInt8Array:
        """What the policy's cameras see, now or at a moment, shape (cameras, height, width, 3).

        Raises:
            UnknownName: the scene has no such camera.
            RendererMissing: nothing on this machine can draw without a screen.
        """
        layout = moment.layout if moment else None
        draw = self.world.render
        return np.stack(
            [draw(part.name, part.width, part.height, layout) for part in self._cameras]
        )

    @property
    def success(self) -> bool:
        return self.world.success

    def reset(self, seed: int) -> None:
        """Put the scene back; simulated time goes on."""
        self.world.reset(seed, keep_time=True)
        self.begin_past()

    def begin_past(self) -> None:
        """What was before is never seen again."""
        self._kept.clear()
        self._start_ns = self.world.time_ns
        self._keep()

    def command_gripper(self, width_m: float, stamp_ns: int) -> None:
        """A width commanded at `stamp_ns`; the fingers start after the hand's latency."""
        self.world.command_gripper(width_m, stamp_ns + self._gripper_latency_ns)

    def advance(self, joint_targets: Float64Array) -> None:
        """One set-point period of simulated time towards joint positions (joints,) [rad]."""
        self.world.advance(joint_targets)
        self._keep()

    def apply(self, set_point: SetPoint) -> None:
        """One set-point period of simulated time."""
        if set_point.gripper_width_m is not None:
            self.command_gripper(set_point.gripper_width_m, set_point.stamp_ns)
        self.advance(set_point.joint_positions)

    def _keep(self) -> None:
        world = self.world
        if self._steps > 1 and (world.time_ns - self._start_ns) % self._period_ns == 0:
            self._kept.append(Moment(world.time_ns, self._measured(), world.layout))

    def _measured(self) -> RobotInputs:
        """All but the images."""
        world = self.world
        return RobotInputs(
            world.tool_pose,
            world.gripper_width_m,
            world.object_pose,
            world.goal_pose,
            joints=MeasuredJoints(world.joint_positions, world.joint_velocities),
        )
