"""Clears the simulated robot's error and switches its controllers on, as a person beside it does.

Nothing here waits: whoever begins a recovery looks at what it gives, or begins another.
"""

from __future__ import annotations

from typing import Any

from franka_msgs.action import ErrorRecovery
from rclpy.action import ActionClient
from rclpy.node import Node
from std_srvs.srv import SetBool

from dsrl_sim import franka_topics


class Recovery:
    """One person's hands."""

    def __init__(self, node: Node) -> None:
        self._errors = ActionClient(
            node, ErrorRecovery, f"{franka_topics.ACTION_SERVER}/error_recovery"
        )
        self._controllers = node.create_client(SetBool, franka_topics.CONTROLLERS_SERVICE)
        self._begun = 0
        self._done = 0

    @property
    def is_ready(self) -> bool:
        """Whether the robot can be asked."""
        return bool(self._errors.server_is_ready() and self._controllers.service_is_ready())

    @property
    def is_done(self) -> bool:
        """Whether the last one that was begun is over. What came of it, the robot's mode tells."""
        return self._done == self._begun

    def clear_error(self) -> None:
        """Begin: the error's recovery, then the controllers."""
        number = self._begin()
        sent = self._errors.send_goal_async(ErrorRecovery.Goal())

        def on_answer(future: Any) -> None:
            goal = future.result()
            if goal.accepted:
                ended = goal.get_result_async()
                ended.add_done_callback(lambda _: self._activate(number))
            else:
                self._done = number

        sent.add_done_callback(on_answer)

    def activate(self) -> None:
        """Begin: the controllers alone."""
        self._activate(self._begin())

    def destroy(self) -> None:
        """Before the node is destroyed."""
        self._errors.destroy()

    def _begin(self) -> int:
        self._begun += 1
        return self._begun

    def _activate(self, number: int) -> None:
        def on_answer(_: Any) -> None:
            self._done = number

        answered = self._controllers.call_async(SetBool.Request(data=True))
        answered.add_done_callback(on_answer)
