"""franka_hardware's actions: error recovery, and point-to-point motions.

Its node serves one request after the other, and a motion is served until it is over: whoever
cancels one is not heard before. Nothing but a reflex or the user stop ends it earlier.
"""

from __future__ import annotations

from typing import Any, Final

from franka_msgs.action import ErrorRecovery, PTPMotion
from franka_msgs.msg import TargetStatus
from rclpy.node import Node

from dsrl_core.errors import InvalidValue
from dsrl_sim import franka_topics
from dsrl_sim.action_goals import ABORTED, SUCCEEDED, GoalServer, Pending
from dsrl_sim.arm import FrankaArm
from dsrl_sim.franka_state import RobotMode

_STOPPED: Final = "PTP motion aborted"


class ArmActions:
    """Adapter of `FrankaArm`; polled with every slice of time."""

    def __init__(self, node: Node, arm: FrankaArm, ptp_motion: bool) -> None:
        """`ptp_motion`: whether there is such an action; franka_ros2 before 3.2 had none."""
        self._arm = arm
        self._log = node.get_logger()
        name = franka_topics.ACTION_SERVER
        self._servers = [
            GoalServer(
                node, ErrorRecovery, f"{name}/error_recovery", self._recover, self._recovering
            )
        ]
        if ptp_motion:
            motions = GoalServer(
                node,
                PTPMotion,
                f"{name}/ptp_motion",
                self._travel,
                self._travelling,
                hears_cancel=False,
            )
            self._servers.append(motions)

    def poll(self) -> None:
        """Tell clients how far their goals are."""
        for server in self._servers:
            server.poll()

    def destroy(self) -> None:
        """Before the node is destroyed."""
        for server in self._servers:
            server.destroy()

    def _recover(self, _: Any) -> str:
        """Why the recovery is refused, or empty."""
        refused = self._arm.machine.recover(self._arm.world.time_ns)
        if refused:
            self._log.error(refused)
        return refused

    def _recovering(self, goal: Pending) -> None:
        refused: str = goal.token
        machine = self._arm.machine
        if not refused and machine.mode is RobotMode.AUTOMATIC_ERROR_RECOVERY:
            return
        # A person may have pressed the user stop meanwhile.
        is_done = not refused and not machine.current_errors
        goal.end(SUCCEEDED if is_done else ABORTED, ErrorRecovery.Result())

    def _travel(self, goal: Any) -> str:
        """Why the motion is refused, or empty."""
        try:
            self._arm.travel(
                goal.goal_joint_configuration, goal.maximum_joint_velocities, goal.goal_tolerance
            )
        except InvalidValue as error:
            self._log.error(f"could not start a PTP motion: {error}")
            return str(error)
        return ""

    def _travelling(self, goal: Pending) -> None:
        refused: str = goal.token
        if refused:
            self._abort(goal, refused)
        elif self._arm.travels:
            status = TargetStatus(status=TargetStatus.EXECUTING)
            goal.handle.publish_feedback(PTPMotion.Feedback(target_status=status))
        elif self._arm.has_arrived:
            status = TargetStatus(status=TargetStatus.TARGET_REACHED)
            goal.end(SUCCEEDED, PTPMotion.Result(target_status=status))
        else:
            errors = ", ".join(sorted(self._arm.machine.current_errors))
            self._abort(goal, f"{_STOPPED}: {errors}" if errors else _STOPPED)

    def _abort(self, goal: Pending, message: str) -> None:
        status = TargetStatus(status=TargetStatus.ABORTED)
        goal.end(ABORTED, PTPMotion.Result(target_status=status, error_message=message))
