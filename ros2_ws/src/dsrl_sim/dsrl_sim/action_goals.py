"""Actions whose goals take time, served by a node that never blocks.

rclpy's EventsExecutor runs an `async` execute callback up to its first wait and goes on with it
when the future is set: a goal is a future that a timer sets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

SUCCEEDED: Final = "succeeded"
ABORTED: Final = "aborted"
CANCELED: Final = "canceled"


@dataclass(eq=False)
class Pending:
    """A goal that is under way."""

    handle: ServerGoalHandle
    done: Future
    token: Any
    """Whatever the owner put beside it when it began."""

    @property
    def is_cancelled(self) -> bool:
        return bool(self.handle.is_cancel_requested)

    def end(self, how: str, result: Any) -> None:
        """Tell the client how it ended: `SUCCEEDED`, `ABORTED` or `CANCELED`."""
        if how == SUCCEEDED:
            self.handle.succeed()
        elif how == CANCELED:
            self.handle.canceled()
        else:
            self.handle.abort()
        self.done.set_result(result)


class GoalServer:
    """One action: every goal is accepted, as franka_ros2's servers do, and every cancellation
    unless the server hears of it too late."""

    def __init__(
        self,
        node: Node,
        action_type: type,
        name: str,
        begin: Callable[[Any], Any],
        advance: Callable[[Pending], None],
        hears_cancel: bool = True,
    ) -> None:
        """`begin` gets a goal and returns its token; `advance` looks at it in every `poll`, and
        ends it when it is over."""
        cancelled = CancelResponse.ACCEPT if hears_cancel else CancelResponse.REJECT
        self._begin, self._advance = begin, advance
        self._pending: list[Pending] = []
        self._server = ActionServer(
            node,
            action_type,
            name,
            self._execute,
            cancel_callback=lambda _: cancelled,
        )

    def poll(self) -> None:
        """Look after every goal that is under way."""
        for goal in list(self._pending):
            self._advance(goal)
            if goal.done.done():
                self._pending.remove(goal)

    async def _execute(self, handle: ServerGoalHandle) -> Any:
        goal = Pending(handle, Future(), self._begin(handle.request))
        self._pending.append(goal)
        return await goal.done

    def destroy(self) -> None:
        """Before the node is destroyed."""
        self._server.destroy()
