"""Pictures of one image topic, of which only the newest is of interest."""

from __future__ import annotations

import time
from typing import Any, Final

import cv2
import numpy as np
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from dsrl_core.errors import InvalidValue
from dsrl_core.types import UInt8Array
from dsrl_ros import topics
from dsrl_ros.conversions.robot import image_from_message

_COMPRESSED: Final = "sensor_msgs/msg/CompressedImage"
_KINDS: Final = frozenset({"sensor_msgs/msg/Image", _COMPRESSED})


class CameraFeed:
    """Listens to one image topic at a time. A picture that nobody looks at is not decoded."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._subscription: Any = None
        self._kind: type = Image
        self._newest: tuple[int, bytes, float] | None = None
        self._decoded: tuple[int, UInt8Array] | None = None
        self.topic = ""
        self.problem = ""
        """Why the newest picture cannot be shown; empty: it can, or none has come."""

    def topics(self) -> list[str]:
        """Names of all image topics that are published now."""
        return sorted(
            name
            for name, types in self._node.get_topic_names_and_types()
            if _KINDS.intersection(types) and self._node.count_publishers(name)
        )

    def select(self, name: str) -> None:
        """Listen to this topic from now on; empty: to none."""
        if name == self.topic:
            return
        self.close()
        self.topic = name
        if name:
            types = dict(self._node.get_topic_names_and_types()).get(name, [])
            is_compressed = (
                name.endswith("/compressed") or "sensor_msgs/msg/CompressedImage" in types
            )
            self._kind = CompressedImage if is_compressed else Image
            # Best effort hears every publisher, and old pictures are of no use.
            topic = topics.Topic(name, self._kind, topics.Quality(1, reliable=False))
            self._subscription = topic.subscribe(self._node, self._on_bytes, raw=True)

    def picture(self) -> tuple[int, UInt8Array] | None:
        """The newest one, (height, width, 3) RGB, and its number of those that came, from 1; None:
        none has come, or it cannot be shown."""
        newest = self._newest
        if newest is None:
            return None
        number, data, _ = newest
        if self._decoded is None or self._decoded[0] != number:
            try:
                image = _image_of(deserialize_message(data, self._kind))
            except InvalidValue as error:
                self.problem = str(error)
                return None
            self.problem, self._decoded = "", (number, image)
        return self._decoded

    @property
    def age_s(self) -> float:
        """Of the newest picture, wall clock; infinite: none has come."""
        newest = self._newest
        return time.monotonic() - newest[2] if newest else float("inf")

    def close(self) -> None:
        """Stop listening."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription = self._newest = self._decoded = None
        self.topic = self.problem = ""

    def _on_bytes(self, data: bytes) -> None:
        before = self._newest
        self._newest = (before[0] + 1 if before else 1, data, time.monotonic())


def _image_of(message: Image | CompressedImage) -> UInt8Array:
    """
    Raises:
        InvalidValue: no picture that can be shown.
    """
    if isinstance(message, Image):
        return image_from_message(message)
    decoded = cv2.imdecode(np.frombuffer(message.data, dtype=np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise InvalidValue(f"compressed image of format '{message.format}' cannot be decoded")
    return np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)
