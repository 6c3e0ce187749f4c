"""Records topics as they are into a bag (MCAP), as `ros2 bag record` does where ROS is installed.

It listens from a thread of its own; what it writes is each message's own bytes at the time of its
arrival. Episodes are not recorded so: see `dsrl_core.data.episode_store`.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final

import rclpy
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from dsrl_core.data.decision_codec import MESSAGES
from dsrl_core.errors import DsrlError
from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_ros import topics
from dsrl_ros.input_topics import input_topics
from dsrl_ros.topics import Topic

_BAG_VERSION: Final = 9
_DEPTH: Final = 2000
"""Messages that may wait for this thread; those of one second and more."""
_TURN_S: Final = 0.1
_OURS: Final = "dsrl_interfaces"


def decision_topics(policy: PolicySpec, robot: RobotSpec) -> tuple[Topic, ...]:
    """All that it takes to see again what this policy's decisions saw."""
    inputs = [entry.topic for entry in input_topics(policy, robot)]
    return (*inputs, topics.CHUNK_REQUEST, topics.ACTION_CHUNK, topics.DECISION_INPUTS)


class RawRecorder:
    """Records while it is entered: `with RawRecorder(folder, topics) as recorder`."""

    def __init__(self, folder: Path, recorded: Iterable[Topic]) -> None:
        """`folder`: of the bag; it must not exist yet."""
        self._recorded = tuple(recorded)
        self._bag = Writer(folder, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._bag.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._types = typestore_of(self._recorded)
        self._counts: Counter[str] = Counter()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="raw_recorder")

    def __enter__(self) -> RawRecorder:
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("raw_recorder", context=self._context)
        self._bag.open()
        for topic in self._recorded:
            self._subscribe(topic)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the recording; the bag is complete on disk then."""
        self._ending.set()
        self._thread.join()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)
        self._bag.close()

    def count(self, topic: Topic) -> int:
        """Messages of a topic that have come."""
        return self._counts[topic.name]

    def wait_for_publishers(self, timeout_s: float = 30.0) -> None:
        """Wait until every topic has somebody who publishes it.

        Raises:
            DsrlError: one has nobody; names it.
        """

        def missing() -> str:
            return ", ".join(
                t.name for t in self._recorded if not self._node.count_publishers(t.name)
            )

        self._wait(lambda: not missing(), timeout_s, lambda: f"nobody publishes {missing()}")

    def wait_for_count(self, topic: Topic, count: int, timeout_s: float = 30.0) -> None:
        """Wait until so many messages of a topic have come.

        Raises:
            DsrlError: fewer did.
        """
        self._wait(
            lambda: self.count(topic) >= count,
            timeout_s,
            lambda: f"{self.count(topic)} of {count} messages of {topic.name} came",
        )

    def _wait(
        self, condition: Callable[[], bool], timeout_s: float, otherwise: Callable[[], str]
    ) -> None:
        until_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > until_s:
                raise DsrlError(f"{otherwise()} within {timeout_s:.0f} s")
            time.sleep(_TURN_S / 5)

    def _subscribe(self, topic: Topic) -> None:
        # Reliably where it is offered so: a graph's own listeners may do without a message.
        deep = replace(topic, quality=replace(topic.quality, depth=_DEPTH, light=False))

        def on_message(data: bytes) -> None:
            self._bag.write(connection, time.time_ns(), data)
            self._counts[topic.name] += 1

        subscription = deep.subscribe(self._node, on_message, raw=True)
        connection = self._bag.add_connection(
            subscription.topic_name, type_name(topic), typestore=self._types
        )

    def _spin(self) -> None:
        executor = EventsExecutor(context=self._context)
        executor.add_node(self._node)
        while not self._ending.is_set():
            executor.spin_once(timeout_sec=_TURN_S)


def type_name(topic: Topic) -> str:
    """As a bag has it: `sensor_msgs/msg/Image`."""
    package, kind, _ = topic.message_type.__module__.split(".", 2)
    return f"{package}/{kind}/{topic.message_type.__name__}"


def typestore_of(recorded: Iterable[Topic]) -> Typestore:
    """Definitions that go into the bag: those of Jazzy, and of our own messages."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for name in sorted({type_name(topic) for topic in recorded}):
        package, _, plain = name.split("/")
        if package == _OURS:
            store.register(get_types_from_msg((MESSAGES / f"{plain}.msg").read_text(), name))
    return store
