"""Every pair of a type and its message: there and back, through the wire's own bytes."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from franka_msgs.msg import Errors
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import JointState

from dsrl_core.errors import InvalidValue
from dsrl_core.status import (
    ActorWeights,
    EpisodeStatus,
    GuardStatus,
    LearnerStatus,
    Phase,
    PolicyInfo,
    RecordedEpisode,
    RunBudget,
    SafetyStatus,
    Waits,
)
from dsrl_core.steering.policy_inputs import DecisionInputs
from dsrl_core.types import (
    ChunkRequest,
    Decision,
    DecisionStep,
    Label,
    Mode,
    Observation,
    Outcome,
    Pose,
    final_decision,
)
from dsrl_interfaces import msg
from dsrl_ros.conversions import PAIRS, JointSample, Pair, StampedPose
from dsrl_ros.conversions.robot import (
    errors_of,
    finger_positions,
    gripper_width_of,
    image_from_message,
    image_to_message,
    ordered_positions,
    positions_of,
    set_positions,
    set_state,
)

STAMP_NS = 12_345_678_901
OBSERVATION = Observation(STAMP_NS, np.linspace(-1, 1, 9, dtype=np.float32))
SEEN = Observation(
    STAMP_NS, OBSERVATION.values, np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
)


def decision(rows: int, value: float, observation: Observation = OBSERVATION) -> Decision:
    """A decision whose latent has `rows` rows."""
    return Decision(
        episode=7,
        sequence=3,
        observation=observation,
        noise_requested=np.full((rows, 5), 0.25, np.float32),
        noise=np.arange(20, dtype=np.float32).reshape(4, 5),
        chunk=-np.arange(20, dtype=np.float32).reshape(4, 5),
        source="search",
        weights_version=2**40,
        seed=2**63 - 1,
        value=value,
        latency_s=0.5,
    )


SAMPLES: dict[type, list[Any]] = {
    JointSample: [
        JointSample(STAMP_NS, ("a", "b"), np.array([1.0, 2]), np.array([0.1, 0.2]), np.zeros(2)),
        JointSample(0, (), np.zeros(0), np.zeros(0), np.zeros(0)),
    ],
    StampedPose: [
        StampedPose(STAMP_NS, Pose(np.array([1.0, 2, 3]), np.array([0.5, 0.5, -0.5, 0.5])), "base")
    ],
    ChunkRequest: [
        ChunkRequest(STAMP_NS, 7, 3, 4, "exhausted"),
        ChunkRequest(STAMP_NS, 7, 4, 2, "deadline", final=True),
    ],
    Decision: [
        decision(4, 0.5),
        decision(1, math.nan),
        decision(4, 0.5, SEEN),
        final_decision(7, 4, OBSERVATION),
        final_decision(7, 4, SEEN),
    ],
    DecisionInputs: [
        DecisionInputs(7, 3, {"tool_pose": STAMP_NS, "wrist": 2**62}),
        DecisionInputs(0, 0, {}),
        DecisionInputs(7, 4, {"tool_pose": STAMP_NS}, (0.5, float(np.float32(0.1)))),
    ],
    DecisionStep: [
        DecisionStep(decision(4, 0.5), 4),
        DecisionStep(decision(4, 0.5, SEEN), 4, np.ones((3, 9), np.float32), -0.1),
        DecisionStep(final_decision(7, 4, OBSERVATION), 0),
    ],
    Label: [
        Label(7, outcome, 0.5, "somebody", STAMP_NS, 3, 2, "late", 5, 1) for outcome in Outcome
    ],
    EpisodeStatus: [
        EpisodeStatus(
            7,
            phase,
            mode,
            2**63 - 1,
            11,
            STAMP_NS,
            STAMP_NS + 1,
            "success",
            "ended",
            3,
            10,
            "hello",
            STAMP_NS,
            "ab",
            "K7",
            True,
            str(Waits.LABEL),
            "cell",
            "/data/run",
            "repeated, clipped 2.5" if mode is Mode.SHAPED else "",
        )
        for phase in Phase
        for mode in Mode
    ],
    RecordedEpisode: [RecordedEpisode(7, "episodes/x", 4, 15, 3, "ended", Mode.TRAIN, STAMP_NS)],
    RunBudget: [
        RunBudget((("moving", 12.5),), 3, 60.0, (1, 4), (5, 6), 0.5, (7, 20), STAMP_NS),
        RunBudget(),
    ],
    SafetyStatus: [
        SafetyStatus(
            True, "force", "41 N", (("reach", 2), ("workspace", 5)), 2**40, 3, 0.5, STAMP_NS, 2.5
        ),
        SafetyStatus(),
    ],
    LearnerStatus: [
        LearnerStatus(3, 700, 20, 99.5, 12, 14, "busy", ("a loss diverges",), STAMP_NS),
        LearnerStatus(guard=GuardStatus(2**40, True, 7, (3, 10), (1, 2), (18, 20))),
        LearnerStatus(),
    ],
    PolicyInfo: [PolicyInfo("flow", "ab" * 32, (4, 5), (4, 6), "ipc:///tmp/x", STAMP_NS)],
    ActorWeights: [
        ActorWeights(3, "cd" * 32, bytes(range(256)), STAMP_NS),
        ActorWeights(2**40, "cd" * 32, b"", STAMP_NS, restored_from=2**39),
    ],
}


def assert_same(one: Any, other: Any) -> None:
    """Equal in type, value, and for arrays in shape and kind."""
    assert type(one) is type(other)
    if dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, float) and math.isnan(one):
        assert math.isnan(other)
    else:
        assert one == other


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.value_type.__name__)
def test_pair_survives_the_wire(pair: Pair) -> None:
    assert SAMPLES.get(pair.value_type), f"no sample of {pair.value_type.__name__}"
    for sample in SAMPLES[pair.value_type]:
        sent = serialize_message(pair.to_message(sample))
        assert_same(pair.from_message(deserialize_message(sent, pair.message_type)), sample)


def test_every_message_of_ours_has_a_pair() -> None:
    ours = {getattr(msg, name) for name in dir(msg) if isinstance(getattr(msg, name), type)}
    assert ours == {pair.message_type for pair in PAIRS} & ours


def test_message_that_is_kept_holds_the_newest_state() -> None:
    sample = SAMPLES[JointSample][0]
    kept = next(pair for pair in PAIRS if pair.value_type is JointSample).to_message(sample)
    set_state(kept, STAMP_NS + 5, np.array([3.0, 4]), np.array([5.0, 6]), np.array([7.0, 8]))
    np.testing.assert_array_equal(positions_of(kept), [3, 4])
    np.testing.assert_array_equal(kept.effort, [7, 8])
    set_positions(kept, STAMP_NS + 6, np.array([9.0, 10]))
    assert (kept.header.stamp.sec, kept.header.stamp.nanosec) == divmod(STAMP_NS + 6, 10**9)


@pytest.mark.parametrize("width_m", [0.0, 0.0123456789, 0.08])
def test_gripper_width_is_exact_after_its_two_fingers(width_m: float) -> None:
    message = next(p for p in PAIRS if p.value_type is JointSample).to_message(
        JointSample(0, ("l", "r"), finger_positions(width_m), np.zeros(2), np.zeros(2))
    )
    assert gripper_width_of(message) == width_m


def test_image_keeps_its_rows() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    message = image_to_message(STAMP_NS, "wrist_camera", image)
    assert (message.height, message.width, message.step, message.encoding) == (2, 3, 9, "rgb8")
    np.testing.assert_array_equal(np.frombuffer(message.data, np.uint8), image.ravel())


def test_image_comes_back_as_it_was_and_blue_first_is_turned_round() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    message = image_to_message(STAMP_NS, "wrist_camera", image)
    np.testing.assert_array_equal(image_from_message(message), image)
    message.encoding = "bgr8"
    np.testing.assert_array_equal(image_from_message(message), image[..., ::-1])


def test_rows_of_an_image_may_be_padded() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    message = image_to_message(STAMP_NS, "wrist_camera", np.pad(image, ((0, 0), (0, 1), (0, 0))))
    message.width = 3
    np.testing.assert_array_equal(image_from_message(message), image)


def test_an_image_of_another_kind_or_size_is_refused() -> None:
    message = image_to_message(STAMP_NS, "wrist_camera", np.zeros((2, 3, 3), np.uint8))
    message.height = 3
    with pytest.raises(InvalidValue, match="18 bytes in all; expected at least 9 and 27"):
        image_from_message(message)
    message.encoding = "mono8"
    with pytest.raises(InvalidValue, match="'mono8'; available: rgb8, bgr8"):
        image_from_message(message)


def test_joints_are_found_by_name_in_whatever_order_they_come() -> None:
    message = JointState(name=["c", "a", "b"], position=[3.0, 1.0, 2.0])
    np.testing.assert_array_equal(ordered_positions(message, ["a", "b", "c"]), [1.0, 2.0, 3.0])
    assert ordered_positions(message, ["a", "d"]) is None
    assert ordered_positions(JointState(name=["a", "b"], position=[1.0]), ["a", "b"]) is None


def test_errors_that_stand_are_named() -> None:
    errors = Errors(joint_reflex=True, cartesian_reflex=True)
    assert errors_of(errors) == "joint_reflex, cartesian_reflex"
    assert errors_of(Errors()) == ""
