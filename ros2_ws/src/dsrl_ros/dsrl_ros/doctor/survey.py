"""What is on the ROS graph: who is there, and what comes on the robot's topics for a while.

Nothing is published, and nothing is subscribed to that nodes count listeners of. Messages are taken
as bytes: a robot's state at one kilohertz costs nothing to listen to, and the last one is decoded.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import rclpy
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions

from dsrl_core.types import NANOSECONDS_PER_SECOND
from dsrl_ros import topics
from dsrl_ros.namespaces import OWN_CLOCK
from dsrl_ros.topics import Topic

NODE: Final = "dsrl_doctor"
_NOBODY_S: Final = 3.0
"""Who was not discovered within is not there."""
_DISCOVERY_S: Final = 6.0
"""Where somebody was discovered, the others are waited for so long, on a busy machine."""
_STAMP_AT: Final = 4
_CONTENT_AT: Final = 12
"""Of a message with a header in CDR: four bytes that tell the encoding, the stamp, the rest."""


@dataclass(frozen=True)
class Endpoint:
    """A publisher or subscription of some node."""

    node: str
    message_type: str
    type_hash: str
    quality: QoSProfile


@dataclass(frozen=True)
class Arrival:
    """A message that came: its stamp, when it came (both ns since 1970), what it holds."""

    stamp_ns: int
    received_ns: int
    digest: int
    """Of everything but the stamp."""


@dataclass
class Heard:
    """One topic."""

    topic: Topic
    publishers: tuple[Endpoint, ...] = ()
    subscriptions: tuple[Endpoint, ...] = ()
    requested: QoSProfile | None = None
    """As our nodes subscribe; None: they do not, or it was not listened to."""
    own_hash: str = ""
    """Of the message's definition here."""
    arrivals: list[Arrival] = field(default_factory=list)
    last: bytes = b""

    def last_message(self) -> Any:
        """Decoded; None if nothing came."""
        return deserialize_message(self.last, self.topic.message_type) if self.last else None


@dataclass(frozen=True)
class Survey:
    """Everything that was heard of the graph within `listened_s`."""

    listened_s: float = 0.0
    ended_ns: int = 0
    heard: dict[str, Heard] = field(default_factory=dict)
    """By the topic's name in the table."""
    nodes: tuple[str, ...] = ()
    """Full names of all nodes but this one; one that is there twice is in it twice."""
    services: frozenset[str] = frozenset()
    """Full names; an action's goal service is among them."""
    has_clock: bool = False
    """Whether somebody tells simulated time: then no stamp is of the wall's clock."""

    def of(self, topic: Topic) -> Heard:
        return self.heard.get(topic.name) or Heard(topic)

    @property
    def robot_is_heard(self) -> bool:
        """Whether a robot, real or simulated, tells of itself."""
        return bool(self.of(topics.JOINT_STATES).arrivals)


def table() -> dict[str, Topic]:
    """Every topic of the graph by its name, without those of cameras."""
    found = [value for value in vars(topics).values() if isinstance(value, Topic)]
    return {topic.name: topic for topic in found}


def take(listen_to: Sequence[Topic], for_s: float, namespace: str = "") -> Survey:
    """Look around at everything, and listen to these, which all begin with a header."""
    every = table() | {topic.name: topic for topic in listen_to}
    with _node(namespace) as (node, executor):
        heard = {name: Heard(topic) for name, topic in every.items()}
        for topic in listen_to:
            _listen(node, heard[topic.name])
        _discover(node, executor, [heard[topic.name] for topic in listen_to])
        for entry in heard.values():
            entry.arrivals.clear()
        _spin(executor, for_s)
        ended_ns = time.time_ns()
        for entry in heard.values():
            _look(node, entry)
        names = node.get_node_names_and_namespaces()
        nodes = sorted(f"{space.rstrip('/')}/{name}" for name, space in names if name != NODE)
        services = frozenset(name for name, _ in node.get_service_names_and_types())
        clock = any(node.get_publishers_info_by_topic(name) for name in OWN_CLOCK)
    return Survey(for_s, ended_ns, heard, tuple(nodes), services, clock)


@contextmanager
def _node(namespace: str) -> Iterator[tuple[Node, Any]]:
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node(
        NODE,
        context=context,
        namespace=namespace or None,
        enable_rosout=False,
        start_parameter_services=False,
    )
    executor = EventsExecutor(context=context)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _discover(node: Node, executor: Any, awaited: Sequence[Heard]) -> None:
    """Until everything has been heard once, or nobody else is to be expected."""
    began_s = time.monotonic()
    while not all(entry.arrivals for entry in awaited):
        passed_s = time.monotonic() - began_s
        is_alone = set(node.get_node_names()) <= {NODE}
        if passed_s > (_NOBODY_S if is_alone else _DISCOVERY_S):
            break
        _spin(executor, 0.1)


def _spin(executor: Any, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        executor.spin_once(timeout_sec=left_s)


def _listen(node: Node, entry: Heard) -> None:
    """As a node of ours does, but for bytes."""

    def arrived(data: bytes) -> None:
        entry.last = data
        entry.arrivals.append(arrival(data, time.time_ns()))

    entry.requested = entry.topic.subscribe(node, arrived, raw=True).qos_profile


def arrival(data: bytes, received_ns: int) -> Arrival:
    """Of a message with a header, as CDR bytes."""
    order = "<" if data[1] & 1 else ">"
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", data, _STAMP_AT)
    stamp_ns = seconds * NANOSECONDS_PER_SECOND + nanoseconds
    return Arrival(stamp_ns, received_ns, zlib.crc32(memoryview(data)[_CONTENT_AT:]))


def _look(node: Node, entry: Heard) -> None:
    """Who offers it and who asks for it."""
    name = entry.topic.name
    own = [info for info in node.get_subscriptions_info_by_topic(name) if info.node_name == NODE]
    entry.own_hash = str(own[0].topic_type_hash) if own else ""
    entry.publishers = tuple(map(_endpoint, node.get_publishers_info_by_topic(name)))
    entry.subscriptions = tuple(
        _endpoint(info)
        for info in node.get_subscriptions_info_by_topic(name)
        if info.node_name != NODE
    )


def _endpoint(info: Any) -> Endpoint:
    return Endpoint(info.node_name, info.topic_type, str(info.topic_type_hash), info.qos_profile)
