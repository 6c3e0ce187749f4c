"""Decisions' observations made again from a bag of raw topics, beside the ones that were recorded.

What was measured goes from its bytes through the same conversions, gate and layout as in the noise
actor. `decision_inputs` in the bag says which measurements a decision was made of; without that
only the order of arrival is left, and each process has one of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader

from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec
from dsrl_core.steering.policy_inputs import DecisionInputs, PolicyInputs, input_of
from dsrl_core.types import ChunkRequest, Decision, Observation, to_nanoseconds
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.conversions.decisions import (
    decision_from_message,
    inputs_from_message,
    request_from_message,
)
from dsrl_ros.input_topics import input_topics
from dsrl_ros.topics import Topic

_Key = tuple[int, int]
"""Episode and sequence."""


@dataclass(frozen=True)
class SeenAgain:
    """An observation made again, of the measurements of these stamps [ns]."""

    observation: Observation
    stamps_ns: dict[str, int]

    def equals(self, recorded: Observation) -> bool:
        """Whether stamp, values and images are the same to the bit."""
        mine = self.observation
        return (
            mine.stamp_ns == recorded.stamp_ns
            and mine.values.tobytes() == recorded.values.tobytes()
            and np.array_equal(mine.images, recorded.images)  # type: ignore[arg-type]
        )


@dataclass(frozen=True)
class Rebuilt:
    """One decision of a bag, and its observation made again."""

    decision: Decision
    request: ChunkRequest
    inputs: DecisionInputs | None
    """None: the bag does not say which they were."""
    by_stamps: SeenAgain | None
    """Of the measurements that the decision names; None: the bag lacks one of them."""
    by_arrival: SeenAgain | None
    """Of what had come when the request reached the recorder."""


class DecisionBag:
    """A bag of `raw_recorder.decision_topics`, read whole into memory."""

    def __init__(
        self, path: Path, task: TaskSpec, policy: PolicySpec, robot: RobotSpec, lock_step: bool
    ) -> None:
        """`path`: the bag's folder. `lock_step`: how the graph was run."""
        self._policy, self._robot, self._lock_step = policy, robot, lock_step
        self._age_max_ns = to_nanoseconds(task.input_age_max_s)
        self._inputs = {entry.topic.name: entry for entry in input_topics(policy, robot)}
        self._measured: dict[str, dict[int, Any]] = defaultdict(dict)
        self._decisions: dict[_Key, Decision] = {}
        self._requests: dict[_Key, ChunkRequest] = {}
        self._named: dict[_Key, DecisionInputs] = {}
        self._by_arrival: dict[_Key, SeenAgain] = {}
        self._read(path)

    def decisions(self) -> Iterator[Rebuilt]:
        """Every decision whose request was recorded, in order."""
        for key in sorted(self._decisions.keys() & self._requests.keys()):
            request, named = self._requests[key], self._named.get(key)
            again = None if named is None else self._of_stamps(named, request)
            yield Rebuilt(self._decisions[key], request, named, again, self._by_arrival.get(key))

    def _read(self, path: Path) -> None:
        """In order of arrival, as a noise actor at the recorder's place would have heard it."""
        live = PolicyInputs(self._policy, self._robot, self._age_max_ns)
        pending: ChunkRequest | None = None
        for name, data in _messages(path):
            if entry := self._inputs.get(name):
                message = deserialize_message(data, entry.topic.message_type)
                self._measured[entry.name][stamp_of(message)] = message
                entry.take(live, message)
            elif name == topics.CHUNK_REQUEST.name:
                request = request_from_message(_decoded(topics.CHUNK_REQUEST, data))
                if _key(request) not in self._requests:
                    self._requests[_key(request)] = pending = request
            elif name == topics.ACTION_CHUNK.name:
                decision = decision_from_message(_decoded(topics.ACTION_CHUNK, data))
                self._decisions.setdefault(_key(decision), decision)
            elif name == topics.DECISION_INPUTS.name:
                named = inputs_from_message(_decoded(topics.DECISION_INPUTS, data))
                self._named[_key(named)] = named
            if pending is not None and (again := self._observed(live, pending)):
                self._by_arrival[_key(pending)], pending = again, None

    def _of_stamps(self, named: DecisionInputs, request: ChunkRequest) -> SeenAgain | None:
        inputs = PolicyInputs(self._policy, self._robot, self._age_max_ns)
        entries = {entry.name: entry for entry in self._inputs.values()}
        for name, stamp_ns in named.stamps_ns.items():
            entry = entries[input_of(name)]
            message = self._measured[entry.name].get(stamp_ns)
            if message is None:
                return None
            entry.take(inputs, message)
        return self._observed(inputs, request)

    def _observed(self, inputs: PolicyInputs, request: ChunkRequest) -> SeenAgain | None:
        seen = inputs.observe(request, request.final or self._lock_step)
        return None if seen is None else SeenAgain(seen.observation, dict(seen.stamps_ns))


def _messages(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names relative to the graph's namespace, and bytes, of every message of a bag."""
    with Reader(path) as reader:
        for connection, _, data in reader.messages():
            yield connection.topic.removeprefix("/"), data


def _decoded(topic: Topic, data: bytes) -> Any:
    return deserialize_message(data, topic.message_type)


def _key(value: ChunkRequest | Decision | DecisionInputs) -> _Key:
    return value.episode, value.sequence
