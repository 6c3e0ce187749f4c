"""The chunk player is asked to bring the arm to its start, until it has told how that went.

Whoever is killed takes the goals that it had with it, and what it was asked at that moment; nobody
is told of that. So a chunk player from which nothing is heard of the motion is asked anew, which
also ends what is left of an earlier one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.task import Future

from dsrl_core.types import Float64Array
from dsrl_interfaces.action import ReturnToStart
from dsrl_ros import topics

ANSWER_S: Final = 20.0
"""Who is silent for so long is not there."""
SILENT_S: Final = 4.0
"""It tells of a motion several times a second."""


class ArmReturn:
    """One at a time: `begin`, then `poll` now and then until it has told how it went."""

    def __init__(
        self,
        node: Node,
        told: Callable[[str], None],
        silent_s: float = SILENT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        """`told` is called once for each that is not dropped: empty, or why the arm is not at its
        start."""
        self._told, self._silent_s, self._answer_s = told, silent_s, answer_s
        self._arm = ActionClient(node, ReturnToStart, topics.RETURN_ACTION)
        self._goal: ReturnToStart.Goal | None = None
        """While one is under way; of each asking another object."""
        self._accepted: Any = None
        self._ask_s = self._until_s = 0.0

    @property
    def is_under_way(self) -> bool:
        return self._goal is not None

    def begin(self, joints: Float64Array) -> None:
        self.drop()
        self._goal = ReturnToStart.Goal(joint_positions=joints.tolist())
        self._ask_s = time.monotonic()
        self._until_s = self._ask_s + self._answer_s
        self.poll()

    def poll(self) -> None:
        if self._goal is None:
            return
        now_s = time.monotonic()
        if now_s > self._until_s:
            self._end("the chunk player does not answer")
        elif now_s >= self._ask_s and self._arm.server_is_ready():
            self._ask(now_s)

    def drop(self) -> None:
        """The arm stops, and nobody is told any more."""
        if self._accepted is not None:
            self._accepted.cancel_goal_async()
        self._goal = self._accepted = None

    def _ask(self, now_s: float) -> None:
        assert self._goal is not None
        goal = ReturnToStart.Goal(joint_positions=self._goal.joint_positions)
        self._goal, self._accepted = goal, None
        self._ask_s = now_s + self._silent_s
        asked = self._arm.send_goal_async(goal, lambda _: self._heard(goal))
        asked.add_done_callback(lambda future: self._on_answer(goal, future))

    def _on_answer(self, goal: ReturnToStart.Goal, future: Future) -> None:
        accepted = future.result()
        if self._goal is not goal:
            if accepted.accepted:
                accepted.cancel_goal_async()
        elif accepted.accepted:
            self._accepted = accepted
            ended = accepted.get_result_async()
            ended.add_done_callback(lambda end: self._on_end(goal, end.result()))
        else:
            self._end("the chunk player refuses to move the arm")

    def _on_end(self, goal: ReturnToStart.Goal, end: Any) -> None:
        if self._goal is not goal:
            return
        is_back = end.status == GoalStatus.STATUS_SUCCEEDED
        self._end("" if is_back else end.result.message or "the arm did not reach its start")

    def _heard(self, goal: ReturnToStart.Goal) -> None:
        """It is at it; that it has taken a goal says nothing yet."""
        if self._goal is goal:
            now_s = time.monotonic()
            self._ask_s, self._until_s = now_s + self._silent_s, now_s + self._answer_s

    def _end(self, reason: str) -> None:
        self._goal = self._accepted = None
        self._told(reason)
