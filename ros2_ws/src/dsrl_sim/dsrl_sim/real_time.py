"""Real time: the simulated arm goes with the clock on the wall, as a real one does.

Stamps are system time. A slice of physics is made once in a set-point period; when the machine was
busy the next one makes up for it, up to a limit, beyond which time is left out, and that is said.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_core.types import to_nanoseconds
from dsrl_interfaces.srv import ResetWorld
from dsrl_ros import topics
from dsrl_ros.conversions.basics import time_to_message
from dsrl_ros.node import DsrlNode
from dsrl_ros.parameters import FrankaSimParameters
from dsrl_sim.arm import FrankaArm
from dsrl_sim.arm_actions import ArmActions
from dsrl_sim.arm_services import ArmServices, Provocations
from dsrl_sim.controller_topics import ControllerTopics
from dsrl_sim.environment import SimulatedRobot
from dsrl_sim.gripper_actions import Hand
from dsrl_sim.gripper_server import GripperServer
from dsrl_sim.ros_face import RosFace
from dsrl_sim.state_publisher import StatePublisher

MAX_LAG_S: Final = 0.1
"""Time that is made up for; more than this is left out."""
_SUCCESS_RATE_SLICES: Final = 100
_SAY_AGAIN_S: Final = 10.0


class RealTime:
    """Steps the world as time passes, and serves whoever uses the arm."""

    def __init__(
        self,
        node: DsrlNode[FrankaSimParameters],
        spec: RobotSpec,
        policy: PolicySpec,
        robot: SimulatedRobot,
        face: RosFace,
    ) -> None:
        parameters = node.parameters
        self._node, self._robot, self._world, self._face = node, robot, robot.world, face
        self._grid_ns = to_nanoseconds(policy.action.period_s)
        self._camera_ns = to_nanoseconds(parameters.camera_period_s)
        self._state_ns = to_nanoseconds(1.0 / parameters.state_rate_hz)
        self._slice_ns = spec.set_point_period_ns
        self._ahead_ns = time.time_ns() - self._world.time_ns
        """What a stamp is ahead of the world's time."""
        self._in_time = deque([True] * _SUCCESS_RATE_SLICES, maxlen=_SUCCESS_RATE_SLICES)
        self._arm = FrankaArm(self._world, spec)
        if not parameters.controllers:
            self._arm.activate(False)
        self._state = StatePublisher(node, spec, self._arm)
        latency_ns = to_nanoseconds(spec.gripper_latency_s)
        self._hand = Hand(spec.gripper_width_max_m, latency_ns, self._drive_fingers)
        self._latency_ns = latency_ns
        self._gripper = GripperServer(
            node, self._hand, spec.gripper_width_max_m, lambda: self._world.gripper_width_m
        )
        self._actions = ArmActions(node, self._arm, parameters.ptp_motion)
        self._services = ArmServices(node, self._arm)
        self._provocations = Provocations(node, self._arm, face)
        self._controllers = ControllerTopics(
            node, spec, self._arm, lambda stamp_ns: stamp_ns - self._ahead_ns
        )
        node.create_service(ResetWorld, topics.RESET_SERVICE, self._on_reset)
        face.success(False)
        node.wall_timer(spec.set_point_period_s, self._catch_up)

    def destroy(self) -> None:
        """Before the node is destroyed."""
        self._gripper.destroy()
        self._actions.destroy()

    @property
    def _stamp_ns(self) -> int:
        """System time of the world's present state [ns]."""
        return self._world.time_ns + self._ahead_ns

    def _catch_up(self) -> None:
        if self._world.time_ns == 0:
            # Whatever came between the node's making and its first turn is no delay.
            self._ahead_ns = time.time_ns() - self._slice_ns
        behind_ns = time.time_ns() - self._stamp_ns
        if behind_ns > to_nanoseconds(MAX_LAG_S) or behind_ns < -to_nanoseconds(MAX_LAG_S):
            # Either this machine is too slow, or somebody set its clock.
            left_out_ns = behind_ns - self._slice_ns
            self._ahead_ns += left_out_ns
            behind_ns = self._slice_ns
            self._node.get_logger().warning(
                f"{left_out_ns * 1e-9:.3f} s left out: the simulation did not keep up, or the "
                "system's clock was set",
                throttle_duration_sec=_SAY_AGAIN_S,
            )
        self._in_time.append(behind_ns < 2 * self._slice_ns)
        for _ in range(behind_ns // self._world.step_ns):
            self._step()
        self._gripper.poll(self._world.time_ns)
        self._actions.poll()

    def _step(self) -> None:
        world = self._world
        succeeded = world.success
        self._arm.step()
        if world.time_ns % self._state_ns == 0:
            self._state.messages.success_rate = sum(self._in_time) / len(self._in_time)
            self._state.in_real_time(world, self._stamp_ns)
        if world.time_ns % self._slice_ns == 0:
            self._face.truth(world, self._stamp_ns)
        if world.time_ns % self._grid_ns == 0:
            self._face.policy_images(self._robot, self._stamp_ns)
        if world.time_ns % self._camera_ns == 0:
            self._face.images(world, self._stamp_ns)
        if world.success and not succeeded:
            self._face.success(True)

    def _drive_fingers(self, width_m: float, speed_m_s: float, force_n: float) -> None:
        at_ns = self._world.time_ns + self._latency_ns
        self._world.command_gripper(width_m, at_ns, speed_m_s=speed_m_s, force_n=force_n)

    def _on_reset(
        self, request: ResetWorld.Request, response: ResetWorld.Response
    ) -> ResetWorld.Response:
        """The objects only: a real arm is brought back by whoever drives it, and so is this one."""
        self._world.lay_out(request.seed)
        self._face.success(False)
        response.success = True
        response.stamp = time_to_message(self._stamp_ns)
        return response
