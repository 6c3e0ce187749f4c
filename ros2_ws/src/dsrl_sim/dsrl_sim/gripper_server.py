"""franka_gripper's actions and its stop service, on a simulated hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from control_msgs.action import GripperCommand
from franka_msgs import action
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from dsrl_core.types import NANOSECONDS_PER_SECOND
from dsrl_ros import topics
from dsrl_sim import franka_topics
from dsrl_sim.action_goals import ABORTED, CANCELED, SUCCEEDED, GoalServer, Pending
from dsrl_sim.gripper import MAX_SPEED_M_S
from dsrl_sim.gripper_actions import FAILED, Grasp, Hand, Homing, Job, Move, Outcome

_FEEDBACK_NS: Final = round(NANOSECONDS_PER_SECOND / franka_topics.FEEDBACK_RATE_HZ)
_DEFAULT_EPSILON_M: Final = 0.005
_SAME_M: Final = 1e-4
"""A `gripper_action` to a width as near as this succeeds at once."""


class GripperServer:
    """Adapter of `gripper_actions.Hand`; polled with the time."""

    def __init__(
        self, node: Node, hand: Hand, width_max_m: float, width: Callable[[], float]
    ) -> None:
        """`width` measures the fingers' distance [m]."""
        self._hand, self._width_max_m, self._width = hand, width_max_m, width
        self._log = node.get_logger()
        self._now_ns = self._told_ns = 0
        name = topics.GRIPPER
        kinds: tuple[tuple[type, str, Callable[[Any], Homing | Move | Grasp]], ...] = (
            (action.Homing, "homing", lambda _: Homing()),
            (action.Move, "move", lambda goal: Move(goal.width, goal.speed)),
            (action.Grasp, "grasp", _grasp),
        )
        self._servers = [self._serve(node, kind, f"{name}/{verb}", of) for kind, verb, of in kinds]
        self._servers.append(
            GoalServer(
                node,
                GripperCommand,
                f"{name}/gripper_action",
                self._begin_gripper_command,
                self._advance_gripper_command,
            )
        )
        node.create_service(Trigger, f"{name}/stop", self._on_stop)
        node.create_service(SetBool, franka_topics.GRIPPER_FAULT_SERVICE, self._on_fault)

    def poll(self, now_ns: int) -> None:
        """Let time pass for the hand, and tell clients of it."""
        self._now_ns = now_ns
        self._hand.step(now_ns, self._width())
        for server in self._servers:
            server.poll()
        if now_ns - self._told_ns >= _FEEDBACK_NS:
            self._told_ns = now_ns

    def destroy(self) -> None:
        """Before the node is destroyed."""
        for server in self._servers:
            server.destroy()

    @property
    def _tells(self) -> bool:
        return self._now_ns - self._told_ns >= _FEEDBACK_NS

    def _serve(
        self, node: Node, kind: Any, name: str, command_of: Callable[[Any], Homing | Move | Grasp]
    ) -> GoalServer:
        def advance(goal: Pending) -> None:
            job: Job = goal.token
            if goal.is_cancelled:
                self._hand.cancel(job)
            if job.outcome is None:
                if self._tells:
                    goal.handle.publish_feedback(kind.Feedback(current_width=self._width()))
                return
            self._report(name, job.outcome)
            result = kind.Result(success=job.outcome.success, error=job.outcome.error)
            goal.end(_how(goal, job.outcome), result)

        return GoalServer(
            node, kind, name, lambda goal: self._hand.accept(command_of(goal)), advance
        )

    # control_msgs/GripperCommand: the position is half the width in the goal, and the width itself
    # in feedback and result, as upstream has it.

    def _begin_gripper_command(self, goal: Any) -> Job:
        width_m, here_m = 2.0 * goal.command.position, self._width()
        if not 0.0 <= width_m <= self._width_max_m:
            self._log.error(
                f"gripper_action to a width of {width_m} m, expected 0 to {self._width_max_m}"
            )
            return Job(Move(width_m, MAX_SPEED_M_S), Outcome(False, FAILED))
        if abs(width_m - here_m) < _SAME_M:
            return Job(Move(width_m, MAX_SPEED_M_S), Outcome(True))
        if width_m >= here_m:
            return self._hand.accept(Move(width_m, MAX_SPEED_M_S))
        epsilon_m = _DEFAULT_EPSILON_M
        return self._hand.accept(
            Grasp(width_m, MAX_SPEED_M_S, goal.command.max_effort, epsilon_m, epsilon_m)
        )

    def _advance_gripper_command(self, goal: Pending) -> None:
        job: Job = goal.token
        if goal.is_cancelled:
            self._hand.cancel(job)
        if job.outcome is None:
            if self._tells:
                goal.handle.publish_feedback(GripperCommand.Feedback(position=self._width()))
            return
        self._report("gripper_action", job.outcome)
        result = GripperCommand.Result(position=self._width(), reached_goal=job.outcome.success)
        goal.end(_how(goal, job.outcome), result)

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._hand.has_fault:
            response.message = FAILED
        else:
            self._hand.stop()
        response.success = not response.message
        return response

    def _on_fault(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._hand.has_fault = request.data
        response.success = True
        return response

    def _report(self, name: str, outcome: Outcome) -> None:
        if not outcome.success:
            self._log.info(f"{name} failed {outcome.error}".rstrip())


def _grasp(goal: Any) -> Grasp:
    return Grasp(goal.width, goal.speed, goal.force, goal.epsilon.inner, goal.epsilon.outer)


def _how(goal: Pending, outcome: Outcome) -> str:
    if goal.is_cancelled:
        return CANCELED
    return SUCCEEDED if outcome.success else ABORTED
