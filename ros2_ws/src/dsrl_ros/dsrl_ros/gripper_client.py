"""The gripper's actions, called as its planner says and never waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from franka_msgs.action import Grasp as GraspAction
from franka_msgs.action import Homing as HomingAction
from franka_msgs.action import Move as MoveAction
from franka_msgs.msg import GraspEpsilon
from rclpy.action import ActionClient
from rclpy.task import Future
from std_srvs.srv import Trigger

from dsrl_core.control.gripper import Grasp, GripperPlanner, Move, Stop
from dsrl_ros import topics
from dsrl_ros.node import DsrlNode
from dsrl_ros.parameters import ChunkPlayerParameters


class GripperClient:
    """`poll` at every tick; what it is to do is the planner's business."""

    def __init__(self, node: DsrlNode[ChunkPlayerParameters], planner: GripperPlanner) -> None:
        self._node, self._planner = node, planner
        name = topics.GRIPPER
        self._move = ActionClient(node, MoveAction, f"{name}/move")
        self._grasp = ActionClient(node, GraspAction, f"{name}/grasp")
        self._stop = node.create_client(Trigger, f"{name}/stop")
        self._homing: ActionClient | None = None
        self.is_ready = not node.parameters.gripper_homing
        """Whether it was homed, where that was asked for."""
        if node.parameters.gripper_homing:
            self._homing = ActionClient(node, HomingAction, f"{name}/homing")

    def waits_for(self) -> str:
        """What is not there yet; homing begins as soon as it can."""
        if not self._move.server_is_ready() or not self._grasp.server_is_ready():
            return f"the gripper ({topics.GRIPPER}/move, {topics.GRIPPER}/grasp)"
        homing = self._homing
        if homing is None:
            return "" if self.is_ready else "the gripper's homing"
        if not homing.server_is_ready():
            return f"the gripper ({topics.GRIPPER}/homing)"
        self._homing = None
        self._send(homing, HomingAction.Goal(), self._on_homed)
        return "the gripper's homing"

    def poll(self, now_ns: int) -> None:
        """Send what is due."""
        command = self._planner.next(now_ns)
        if command is None:
            return
        if isinstance(command, Stop):
            if self._stop.service_is_ready():
                self._stop.call_async(Trigger.Request()).add_done_callback(self._on_stopped)
            else:
                self._planner.fail("its stop service is gone")
            return
        client, goal = self._goal_of(command)
        if not client.server_is_ready():
            self._planner.fail("its action server is gone")
            return
        self._send(client, goal, lambda ok, error: self._planner.finished(command, ok, error))

    def _goal_of(self, command: Move | Grasp) -> tuple[ActionClient, Any]:
        if isinstance(command, Move):
            goal = MoveAction.Goal(width=command.width_m, speed=command.speed_m_s)
            return self._move, goal
        epsilon = GraspEpsilon(inner=command.epsilon_inner_m, outer=command.epsilon_outer_m)
        return self._grasp, GraspAction.Goal(
            width=command.width_m, epsilon=epsilon, speed=command.speed_m_s, force=command.force_n
        )

    def _send(self, client: ActionClient, goal: Any, ended: Callable[[bool, str], None]) -> None:
        def on_result(future: Future) -> None:
            answer = future.result()
            succeeded = answer.status == GoalStatus.STATUS_SUCCEEDED and answer.result.success
            ended(succeeded, answer.result.error)

        def on_accepted(future: Future) -> None:
            handle = future.result()
            if handle.accepted:
                handle.get_result_async().add_done_callback(on_result)
            else:
                self._planner.fail("it refused a goal")

        client.send_goal_async(goal).add_done_callback(on_accepted)

    def _on_stopped(self, future: Future) -> None:
        answer = future.result()
        self._planner.stopped("" if answer.success else answer.message or "it was not stopped")

    def _on_homed(self, succeeded: bool, error: str) -> None:
        self.is_ready = succeeded
        if not succeeded:
            self._planner.fail(f"homing failed: {error}")

    def close(self) -> None:
        for client in (self._move, self._grasp):
            client.destroy()
