"""Lock-step: time stands still until the set-point of the present tick has come.

After a success it stands still until somebody has labelled the episode; what was published last is
published again by the wall's clock meanwhile, so that a node that was started again finds its way.
"""

from __future__ import annotations

from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_core.status import Phase
from dsrl_core.types import Float64Array, to_nanoseconds
from dsrl_interfaces.msg import ChunkRequest, EpisodeStatus
from dsrl_interfaces.srv import ResetWorld
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of, time_to_message
from dsrl_ros.conversions.robot import gripper_width_of, positions_of
from dsrl_ros.node import DsrlNode
from dsrl_ros.parameters import FrankaSimParameters
from dsrl_sim import franka_topics
from dsrl_sim.environment import SimulatedRobot
from dsrl_sim.franka_state import RobotMode
from dsrl_sim.lock_step_arm import LockStepArm
from dsrl_sim.ros_face import RosFace, SimulatedClock
from dsrl_sim.state_publisher import StatePublisher


class LockStep:
    """Steps the world when it is told to, and tells of it."""

    def __init__(
        self,
        node: DsrlNode[FrankaSimParameters],
        spec: RobotSpec,
        policy: PolicySpec,
        robot: SimulatedRobot,
        face: RosFace,
    ) -> None:
        parameters = node.parameters
        self._grid_ns = to_nanoseconds(policy.action.period_s)
        self._camera_ns = to_nanoseconds(parameters.camera_period_s)
        self._decision_ns = self._grid_ns * policy.horizon
        self._robot, self._world, self._face = robot, robot.world, face
        self._arm = LockStepArm(robot.world, spec)
        self._arm.machine.controllers_wanted = False
        self._state = StatePublisher(node, spec, self._arm, policy.observation_steps)
        self._clock = SimulatedClock(node, to_nanoseconds(parameters.clock_period_s))
        self._mode = RobotMode.OTHER
        self._is_running = False
        self._was_moved = False
        self._target: JointState | None = None
        self._gripper_target: JointState | None = None
        self._width_m: float | None = None
        self._rest: Float64Array = self._world.joint_positions
        # ROS takes time 0 for: no time yet.
        self._pass_time()
        self._robot.begin_past()
        self._start_ns = self._world.time_ns
        topics.EPISODE.subscribe(node, self._on_episode)
        topics.GRIPPER_TARGET.subscribe(node, self._on_gripper)
        topics.TARGET_JOINT.subscribe(node, self._on_target)
        if policy.cameras:
            topics.CHUNK_REQUEST.subscribe(node, self._on_request)
        node.create_service(ResetWorld, topics.RESET_SERVICE, self._on_reset)
        node.create_service(SetBool, franka_topics.USER_STOP_SERVICE, self._on_user_stop)
        node.wall_timer(parameters.repeat_s, self._repeat)
        self._publish_start()

    def destroy(self) -> None:
        """Nothing is held that the node does not end."""

    # What comes in.

    def _on_episode(self, message: EpisodeStatus) -> None:
        was, self._is_running = self._is_running, message.phase == Phase.RUNNING
        if was == self._is_running:
            return
        self._tell_mode()
        if self._is_running:
            self._state.joint_states(self._world, self._world.time_ns)
        else:
            self._publish_inputs()

    def _on_target(self, message: JointState) -> None:
        if stamp_of(message) >= self._start_ns:
            self._target = message
            self._step()

    def _on_request(self, message: ChunkRequest) -> None:
        """Draw what the policy sees where it is asked ahead: at a chunk's end that is done by then.

        One that came over a moment that has passed is not for this world any more.
        """
        now_ns = self._world.time_ns
        if stamp_of(message) == now_ns and not self._face.has_drawn(now_ns):
            self._publish_policy_images()

    def _on_gripper(self, message: JointState) -> None:
        if stamp_of(message) < self._start_ns:
            return
        self._gripper_target = message
        width_m = gripper_width_of(message)
        # The target is repeated with every action.
        if width_m != self._width_m:
            self._width_m = width_m
            self._robot.command_gripper(width_m, stamp_of(message))
        self._step()

    def _on_reset(
        self, request: ResetWorld.Request, response: ResetWorld.Response
    ) -> ResetWorld.Response:
        self._pass_time()
        self._robot.reset(request.seed)
        self._target = self._gripper_target = self._width_m = None
        self._rest = self._world.joint_positions
        self._start_ns = self._world.time_ns
        self._state.forget()
        self._face.forget()
        self._publish_start()
        response.success = True
        response.stamp = time_to_message(self._world.time_ns)
        return response

    def _on_user_stop(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        self._rest = self._world.joint_positions
        self._arm.machine.press_user_stop(request.data)
        self._tell_mode()
        response.success = True
        return response

    # Time goes on.

    def _step(self) -> None:
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
        is_stopped = self._arm.machine.mode is RobotMode.USER_STOPPED
        self._advance(self._rest if is_stopped else positions_of(target))
        if not self._is_running:
            self._publish_inputs()
        elif not world.success:
            self._state.joint_states(world, world.time_ns)

    def _pass_time(self) -> None:
        """Let a little time go by, so that no stamp from before a reset is one from after it."""
        until_ns = self._world.time_ns + self._grid_ns
        while self._world.time_ns < until_ns:
            self._world.advance(self._rest)

    def _is_due(self, message: JointState | None) -> bool:
        """Whether it is for the present tick."""
        return message is not None and stamp_of(message) == self._world.time_ns

    def _advance(self, target: Float64Array) -> None:
        world = self._world
        succeeded = world.success
        self._robot.advance(target)
        self._clock.tell(world.time_ns)
        if self._on_grid:
            self._publish_state()
        if world.success or self._decision_can_be_due:
            self._publish_policy_images()
        if (world.time_ns - self._start_ns) % self._camera_ns == 0:
            self._face.images(world, world.time_ns)
        if world.success and not succeeded:
            self._clock.tell(world.time_ns, force=True)
            self._face.success(True)

    @property
    def _on_grid(self) -> bool:
        return (self._world.time_ns - self._start_ns) % self._grid_ns == 0

    @property
    def _decision_can_be_due(self) -> bool:
        """Whether a chunk is at its end."""
        return (self._world.time_ns - self._start_ns) % self._decision_ns == 0

    # What goes out.

    def _tell_mode(self) -> None:
        machine = self._arm.machine
        machine.end_motion()
        if self._is_running and machine.mode is RobotMode.IDLE:
            machine.begin_motion()
        if machine.mode is not self._mode:
            self._mode = machine.mode
            self._state.robot_state(self._world.time_ns)

    def _publish_state(self) -> None:
        world, now_ns = self._world, self._world.time_ns
        self._state.robot_state(now_ns)
        self._state.parts(now_ns)
        self._face.truth(world, now_ns)
        self._state.gripper(world, now_ns)

    def _publish_inputs(self) -> None:
        """All that a decision or a closing record of this moment is made of."""
        self._publish_state()
        self._publish_policy_images()

    def _publish_policy_images(self) -> None:
        """Those that the policy sees of the past too, which nobody has drawn at their time."""
        self._face.policy_images(self._robot, self._world.time_ns, self._robot.past())

    def _publish_start(self) -> None:
        """The complete state before the first tick; nobody holds an old success after it."""
        self._face.success(False)
        self._clock.tell(self._world.time_ns, force=True)
        self._publish_inputs()
        self._face.images(self._world, self._world.time_ns)

    def _repeat(self) -> None:
        if self._was_moved:
            self._was_moved = False
            return
        self._clock.tell(self._world.time_ns, force=True)
        self._state.say_again()
        self._face.say_again()
        self._publish_inputs()
        if self._is_running and not self._world.success:
            self._state.joint_states(self._world, self._world.time_ns)
