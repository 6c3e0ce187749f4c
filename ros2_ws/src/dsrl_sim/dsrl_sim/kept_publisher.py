"""A publisher that can say again what it said of the last moments.

In lock-step a listener that was busy may have missed what was measured some actions ago, and the
world, which stands still, never measures it again.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher

from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.topics import Topic


class KeptPublisher:
    """Keeps the messages of `steps` stamps, if that is more than the present one."""

    def __init__(self, topic: Topic, node: Node, steps: int = 1) -> None:
        self._publisher: Publisher = topic.publisher(node)
        self._steps = steps
        self._kept: dict[int, Any] = {}

    def publish(self, message: Any) -> None:
        """Say it, and keep a copy."""
        self._publisher.publish(message)
        if self._steps > 1:
            self._kept[stamp_of(message)] = deepcopy(message)
            while len(self._kept) > self._steps:
                del self._kept[min(self._kept)]

    def say_again(self) -> None:
        """All that is kept, the oldest first."""
        for stamp_ns in sorted(self._kept):
            self._publisher.publish(self._kept[stamp_ns])

    def forget(self) -> None:
        """An episode's past does not reach into the one before."""
        self._kept.clear()

    def get_subscription_count(self) -> int:
        return int(self._publisher.get_subscription_count())
