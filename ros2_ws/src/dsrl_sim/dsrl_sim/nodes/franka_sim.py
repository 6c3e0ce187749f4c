"""The simulated FR3 as a node: set-points in, franka_ros2's topics out.

Lock-step: time stands still until the set-point of the present tick has come, and after a success
until somebody has labelled the episode; what was published last is published again by the wall's
clock meanwhile, so that a node that was started again finds its way. Otherwise (real time) a step
is made at every period of the wall's clock, and a late set-point means: hold the last one.
"""

from __future__ import annotations

from sensor_msgs.msg import JointState

from dsrl_core.status import Phase
from dsrl_core.types import Float64Array, to_nanoseconds
from dsrl_interfaces.msg import EpisodeStatus
from dsrl_interfaces.srv import ResetWorld
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of, time_to_message
from dsrl_ros.conversions.robot import gripper_width_of, positions_of
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import FrankaSimParameters
from dsrl_ros.paths import catalog
from dsrl_sim.environment import SimulatedRobot
from dsrl_sim.rendering import RendererMissing
from dsrl_sim.ros_face import MODE_IDLE, MODE_MOVE, RosFace


class FrankaSim(DsrlNode[FrankaSimParameters]):
    """Steps the world and tells of it."""

    def __init__(self) -> None:
        super().__init__("franka_sim", FrankaSimParameters)
        known = catalog()
        task = known.task(self.parameters.task)
        self._spec = known.robot(task.robot)
        policy = known.policy(self.parameters.policy or task.policy)
        self._grid_ns = to_nanoseconds(policy.action.period_s)
        self._camera_ns = to_nanoseconds(self.parameters.camera_period_s)
        self._decision_ns = self._grid_ns * (policy.horizon if self.parameters.lock_step else 1)
        self._robot = SimulatedRobot(task, self._spec, policy.cameras)
        if policy.cameras:
            self._robot.images()  # a machine that cannot draw is refused now
        self._world = self._robot.world
        self._face = RosFace(
            self, self._spec, policy.cameras, to_nanoseconds(self.parameters.clock_period_s)
        )
        self._is_running = False
        self._can_draw = True
        self._was_moved = False
        self._target: JointState | None = None
        self._gripper_target: JointState | None = None
        self._width_m: float | None = None
        self._rest: Float64Array = self._world.joint_positions
        # ROS takes time 0 for: no time yet.
        self._pass_time()
        self._start_ns = self._world.time_ns
        self._viewer = None
        if self.parameters.viewer:
            from dsrl_sim.viewer import Viewer

            self._viewer = Viewer(self._world)
        topics.EPISODE.subscribe(self, self._on_episode)
        topics.GRIPPER_TARGET.subscribe(self, self._on_gripper)
        topics.TARGET_JOINT.subscribe(self, self._on_target)
        self.create_service(ResetWorld, topics.RESET_SERVICE, self._on_reset)
        if self.parameters.lock_step:
            self.wall_timer(self.parameters.repeat_s, self._repeat)
        else:
            self.wall_timer(self._spec.set_point_period_s, self._step_in_real_time)
        self._publish_start()

    # What comes in.

    def _on_episode(self, message: EpisodeStatus) -> None:
        was, self._is_running = self._is_running, message.phase == Phase.RUNNING
        if was == self._is_running:
            return
        self._face.robot_mode(MODE_MOVE if self._is_running else MODE_IDLE)
        if self.parameters.lock_step:
            if self._is_running:
                self._face.joint_states(self._world)
            else:
                self._publish_inputs()

    def _on_target(self, message: JointState) -> None:
        if stamp_of(message) < self._start_ns:
            return
        self._target = message
        if self.parameters.lock_step:
            self._step_in_lock_step()

    def _on_gripper(self, message: JointState) -> None:
        if stamp_of(message) < self._start_ns:
            return
        self._gripper_target = message
        self._command_gripper(message)
        if self.parameters.lock_step:
            self._step_in_lock_step()

    def _command_gripper(self, message: JointState) -> None:
        """Hand a new width on; the target is repeated with every action."""
        width_m = gripper_width_of(message)
        if width_m != self._width_m:
            self._width_m = width_m
            self._robot.command_gripper(width_m, stamp_of(message))

    def _on_reset(
        self, request: ResetWorld.Request, response: ResetWorld.Response
    ) -> ResetWorld.Response:
        self._pass_time()
        self._robot.reset(request.seed)
        self._target = self._gripper_target = self._width_m = None
        self._rest = self._world.joint_positions
        self._start_ns = self._world.time_ns
        self._publish_start()
        response.success = True
        response.stamp = time_to_message(self._world.time_ns)
        return response

    # Time goes on.

    def _step_in_lock_step(self) -> None:
        """Go on if everything that belongs to the present tick has come, in whatever order.

        A set-point that was sent before its sender heard of the episode's end is carried out too:
        both then stand at the same time.
        """
        world, target = self._world, self._target
        if world.success or not self._is_due(target):
            return
        if self._on_grid and not self._is_due(self._gripper_target):
            return
        assert target is not None
        self._was_moved = True
        self._advance(positions_of(target))
        if not self._is_running:
            self._publish_inputs()
        elif not world.success:
            self._face.joint_states(world)

    def _pass_time(self) -> None:
        """Let a little time go by, so that no stamp from before a reset is one from after it."""
        until_ns = self._world.time_ns + self._grid_ns
        while self._world.time_ns < until_ns:
            self._world.advance(self._rest)

    def _is_due(self, message: JointState | None) -> bool:
        """Whether it is for the present tick."""
        return message is not None and stamp_of(message) == self._world.time_ns

    def _step_in_real_time(self) -> None:
        target = self._rest if self._target is None else positions_of(self._target)
        self._advance(target)
        self._face.joint_states(self._world)

    def _advance(self, target: Float64Array) -> None:
        world = self._world
        succeeded = world.success
        world.advance(target)
        if self._viewer is not None:
            self._viewer.show()
        self._face.clock(world.time_ns)
        if self._on_grid:
            self._face.inputs(world)
        if world.success or self._decision_can_be_due:
            self._face.policy_images(self._robot)
        if (world.time_ns - self._start_ns) % self._camera_ns == 0:
            self._publish_images()
        if world.success and not succeeded:
            self._face.clock(world.time_ns, force=True)
            self._face.success(True)

    @property
    def _on_grid(self) -> bool:
        return (self._world.time_ns - self._start_ns) % self._grid_ns == 0

    @property
    def _decision_can_be_due(self) -> bool:
        """Whether a chunk is at its end; in real time every action may be the last one."""
        return (self._world.time_ns - self._start_ns) % self._decision_ns == 0

    def _publish_inputs(self) -> None:
        """All that a decision or a closing record of this moment is made of."""
        self._face.inputs(self._world)
        self._face.policy_images(self._robot)

    def _publish_start(self) -> None:
        """The complete state before the first tick; nobody holds an old success after it."""
        self._face.success(False)
        self._face.clock(self._world.time_ns, force=True)
        self._publish_inputs()
        self._publish_images()

    def _publish_images(self) -> None:
        """Images for whoever listens; without a renderer it is said once, and all else goes on."""
        if not self._can_draw:
            return
        width, height = self.parameters.camera_width, self.parameters.camera_height
        try:
            self._face.images(self._world, width, height)
        except RendererMissing as error:
            self._can_draw = False
            self.get_logger().error(f"no images: {error}")

    def _repeat(self) -> None:
        if self._was_moved:
            self._was_moved = False
            return
        self._face.clock(self._world.time_ns, force=True)
        self._publish_inputs()
        if self._is_running and not self._world.success:
            self._face.joint_states(self._world)

    def close(self) -> None:
        if self._viewer is not None:
            self._viewer.close()
        self._world.close()


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(FrankaSim, args)


if __name__ == "__main__":
    main()
