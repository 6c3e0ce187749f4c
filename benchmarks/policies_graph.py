"""The way of a decision over ROS: the noise actor and the policy server as processes of their own.

This process is everything else: arm, cameras, episode manager and chunk player. What is measured is
the time from the publishing of a request to the chunk that answers it, conversions included. Inputs
lie there already, as on a robot, whose cameras do not wait for requests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import numpy as np
from policies_models import CAMERAS, TASK, observed
from policies_timing import Ask, milliseconds
from rclpy.publisher import Publisher

from dsrl_core.catalog import POLICIES_VARIABLE, Catalog
from dsrl_core.status import EpisodeStatus, Phase
from dsrl_core.types import ChunkRequest, Mode, Pose
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.client import GraphClient
from dsrl_ros.conversions.decisions import decision_from_message, request_to_message
from dsrl_ros.conversions.episodes import status_to_message
from dsrl_ros.conversions.robot import (
    JointSample,
    StampedPose,
    finger_positions,
    image_to_message,
    joints_to_message,
    pose_to_message,
    set_stamp,
)
from dsrl_ros.machine import DomainLock
from dsrl_ros.paths import domain
from dsrl_ros.topics import Topic

_NODES: Final = ("policy_server", "noise_actor")
_START_S: Final = 60.0
_PAUSE_S: Final = 0.005
"""Between the inputs and the request."""
_WARM_UPS: Final = 5
_WAIT_S: Final = 10.0


def chunk_times(
    known: Catalog, policy: str, count: int, beside: Ask
) -> tuple[list[float], list[float]]:
    """Milliseconds from request to chunk, so often, and those of what is done after each."""
    os.environ[POLICIES_VARIABLE] = str(known.policies)
    with ExitStack() as stack:
        lock = DomainLock(domain())
        stack.callback(lock.release)
        for node in _NODES:
            stack.enter_context(_process(node, policy))
        client = GraphClient("bench")
        stack.callback(client.close)
        return _Asking(client).times(count, beside)


@contextmanager
def _process(node: str, policy: str) -> Iterator[None]:
    command = [sys.executable, "-m", f"dsrl_ros.nodes.{node}", "--ros-args"]
    command += ["-p", f"task:={TASK}", "-p", f"policy:={policy}", "--log-level", "warn"]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()


class _Asking:
    """Arm, cameras, episode manager and chunk player, in so far as a decision needs them."""

    def __init__(self, client: GraphClient) -> None:
        self._client, node = client, client.node
        self._arrived_s = 0.0
        self._answered = -1
        self._inputs: list[tuple[Publisher, Any]] = []
        seen = observed()
        assert seen.images is not None
        pose = pose_to_message(StampedPose(0, Pose(seen.values[:3], np.array([0.0, 1, 0, 0]))))
        fingers = finger_positions(0.04)
        gripper = joints_to_message(JointSample(0, ("left", "right"), fingers, fingers, fingers))
        self._add(topics.CURRENT_POSE, pose)
        self._add(topics.OBJECT_POSE, pose)
        self._add(topics.GRIPPER_STATES, gripper)
        for camera, view in zip(CAMERAS, seen.images, strict=True):
            self._add(topics.policy_image(camera), image_to_message(0, camera, view))
        self._episode = topics.EPISODE.publisher(node)
        self._request = topics.CHUNK_REQUEST.publisher(node)
        # The recorder hears every chunk too.
        for hear in (self._on_chunk, lambda message: None):
            topics.ACTION_CHUNK.subscribe(node, hear)

    def times(self, count: int, beside: Ask) -> tuple[list[float], list[float]]:
        client = self._client
        status = EpisodeStatus(0, Phase.RUNNING, Mode.BASE, stamp_ns=self._now_ns())
        self._episode.publish(status_to_message(status))
        publishers = [self._request, self._episode, *(publisher for publisher, _ in self._inputs)]
        client.wait_for(
            "noise actor and policy",
            lambda: (
                client.policy is not None and all(p.get_subscription_count() for p in publishers)
            ),
            _START_S,
        )
        self._begin()
        found: tuple[list[float], list[float]] = ([], [])
        for sequence in range(1, 1 + _WARM_UPS + count):
            found[0].append(self._time(sequence))
            found[1].append(milliseconds(beside))
        return found[0][_WARM_UPS:], found[1][_WARM_UPS:]

    def _begin(self) -> None:
        """The first decision: all goes out until the actor, too, has discovered who sends it."""
        until_s = time.monotonic() + _WAIT_S
        first = self._asked(0)
        while self._answered < 0 and time.monotonic() < until_s:
            self._request.publish(first)
            self._see()
        self._client.wait_for("chunk", lambda: self._answered >= 0, _WAIT_S)

    def _time(self, sequence: int) -> float:
        self._see()
        began_s = time.perf_counter()
        self._request.publish(self._asked(sequence))
        self._client.wait_for("chunk", lambda: self._answered >= sequence, _WAIT_S)
        return 1000.0 * (self._arrived_s - began_s)

    def _see(self) -> None:
        for publisher, message in self._inputs:
            set_stamp(message, self._now_ns())
            publisher.publish(message)
        self._client.spin(_PAUSE_S)

    def _asked(self, sequence: int) -> msg.ChunkRequest:
        return request_to_message(ChunkRequest(self._now_ns(), 0, sequence, 0, "exhausted"))

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        self._answered = decision_from_message(message).sequence
        self._arrived_s = time.perf_counter()

    def _add(self, topic: Topic, message: Any) -> None:
        self._inputs.append((topic.publisher(self._client.node), message))

    def _now_ns(self) -> int:
        return int(self._client.node.get_clock().now().nanoseconds)
