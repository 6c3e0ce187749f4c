"""The raw topics of a running episode on their way into its bag: heard in a thread of their own.

Not in the robot's path: a node of its own in this process, with an executor and a thread, and
behind it the thread that compresses and writes. See `dsrl_core.data.raw_bag`.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.raw_bag import RAW, RawBag, RawCounts, RawTopic
from dsrl_core.errors import DsrlError, UnknownName
from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_ros import topics
from dsrl_ros.command_paths import PATHS
from dsrl_ros.raw_recorder import type_name, typestore_of
from dsrl_ros.topics import Topic

_TURN_S: Final = 0.2
_DEPTH: Final = 1000
"""Messages of a topic that may wait for the thread: a second of an arm's joint states."""
_IMAGE_DEPTH: Final = 10
ALL: Final = "all"


def groups(policy: PolicySpec, robot: RobotSpec) -> dict[str, tuple[Topic, ...]]:
    """What can be recorded, by the name that a parameter gives it."""
    return {
        "images": tuple(topics.camera_image(camera.name) for camera in policy.cameras),
        "joints": (topics.JOINT_STATES,),
        "set_points": (PATHS[robot.command_path].topic,),
        "gripper": (topics.GRIPPER_STATES,),
        "safety": (topics.SAFETY,),
        "episode": (topics.EPISODE,),
    }


def chosen_topics(names: str, policy: PolicySpec, robot: RobotSpec) -> tuple[Topic, ...]:
    """Topics of the groups in `names`, which ':' separates; `all`: of every one; empty: none.

    Raises:
        UnknownName: there is no such group.
    """
    known = groups(policy, robot)
    asked = [name for name in names.split(":") if name]
    for name in asked:
        if name not in (ALL, *known):
            raise UnknownName("group of raw topics", name, (ALL, *known))
    return tuple(t for name, found in known.items() if {ALL, name} & {*asked} for t in found)


class RawTopics:
    """Hears topics from its making until `close`; writes them from `begin` to `finish`."""

    def __init__(self, node: Node, store: EpisodeStore, recorded: tuple[Topic, ...]) -> None:
        """`node`: beside which it runs; its namespace, remappings and clock are used."""
        self._store, self._clock = store, node.get_clock()
        self._types = typestore_of(recorded)
        # The other node's name for each, so that whatever was remapped is so here.
        resolved = [replace(t, name=node.resolve_topic_name(t.name)) for t in recorded]
        self._topics = [RawTopic(t.name, type_name(t)) for t in resolved]
        self._lock = threading.Lock()
        self._bag: RawBag | None = None
        self._episode = -1
        self._folder: AbstractContextManager[Path] | None = None
        self._latched: dict[str, bytes] = {}
        self.lost = 0
        """Messages that the middleware had no room for, all in all."""
        self._node = Node(
            f"{node.get_name()}{RAW}",
            context=node.context,
            namespace=node.get_namespace(),
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        for topic in resolved:
            self._subscribe(topic)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="raw_topics", daemon=True)
        self._thread.start()

    @property
    def episode(self) -> int:
        """Number of the one that is being recorded; -1: none."""
        return self._episode

    def begin(self, episode: int) -> None:
        """Record from now on, first what latched topics said last.

        Raises:
            DsrlError: the disk refuses.
        """
        self.drop()
        name = f"{self._store.path_of(episode).name}{RAW}"
        folder = self._store.partial(name)
        try:
            path = folder.__enter__()
        except OSError as error:
            raise DsrlError(f"raw topics of episode {episode} are not recorded: {error}") from error
        bag = RawBag(path / name, self._topics, self._types)
        with self._lock:
            self._folder, self._bag, self._episode = folder, bag, episode
            for topic, data in self._latched.items():
                bag.put(topic, self._now_ns(), data)

    def finish(self) -> tuple[Path | None, RawCounts]:
        """End the recording: the bag's folder, None where there is no whole one; `drop` once it
        was used."""
        with self._lock:
            bag, self._bag = self._bag, None
        if bag is None:
            return None, RawCounts()
        counts = bag.finish()
        return (None if counts.problem else bag.folder), counts

    def drop(self) -> None:
        """Throw away what was recorded and is not in an episode's bag."""
        self.finish()
        folder, self._folder = self._folder, None
        self._episode = -1
        if folder is not None:
            folder.__exit__(None, None, None)

    def close(self) -> None:
        """End it all."""
        self._ending.set()
        self._thread.join()
        self._node.destroy_node()
        self.drop()

    def _subscribe(self, topic: Topic) -> None:
        is_image = topic.message_type.__name__ == "Image"
        # Best effort where it is offered so; a reliable listener would get nothing then.
        quality = replace(
            topic.quality, depth=_IMAGE_DEPTH if is_image else _DEPTH, light=False, lease_s=0.0
        )
        profile: QoSProfile = quality.profile()
        is_latched = topic.quality.latched

        def on_message(data: bytes) -> None:
            with self._lock:
                if is_latched:
                    self._latched[topic.name] = data
                if self._bag is not None:
                    self._bag.put(topic.name, self._now_ns(), data)

        self._node.create_subscription(
            topic.message_type,
            topic.name,
            on_message,
            profile,
            event_callbacks=SubscriptionEventCallbacks(message_lost=self._on_lost),
            raw=True,
        )

    def _on_lost(self, event: Any) -> None:
        with self._lock:
            if self._bag is not None:
                self.lost += event.total_count_change

    def _now_ns(self) -> int:
        return int(self._clock.now().nanoseconds)

    def _spin(self) -> None:
        executor = EventsExecutor(context=self._node.context)
        executor.add_node(self._node)
        try:
            while not self._ending.is_set():
                executor.spin_once(timeout_sec=_TURN_S)
        except ExternalShutdownException:
            return
