"""The bags' message is ROS's message: rclpy reads what the core writes without ROS, and back."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.data.decision_codec import STEP_TYPE, own_codec
from dsrl_core.types import Decision, DecisionStep, Observation, final_decision

pytest.importorskip("dsrl_interfaces.msg", reason="needs the built workspace")
serialization = pytest.importorskip("rclpy.serialization", reason="needs ROS")

from ament_index_python.packages import get_package_share_directory  # noqa: E402

from dsrl_interfaces import msg  # noqa: E402

ROWS = np.arange(20, dtype=np.float32).reshape(4, 5)
SEEN = Observation(3_000_000_007, np.arange(9, dtype=np.float32))
PICTURED = Observation(
    SEEN.stamp_ns, SEEN.values, np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
)
STEPS = [
    DecisionStep(
        Decision(3, 1, PICTURED, ROWS, ROWS, ROWS, "base"), 4, np.ones((3, 9), np.float32), -0.1
    ),
    DecisionStep(final_decision(3, 2, PICTURED), 0),
    DecisionStep(Decision(3, 1, SEEN, ROWS[:1], ROWS, ROWS, "search", 2, 2**64 - 1, math.nan), 4),
    DecisionStep(final_decision(3, 2, SEEN), 0),
]


@pytest.mark.parametrize("step", STEPS)
def test_rclpy_reads_what_the_core_writes_and_writes_it_again_alike(step: DecisionStep) -> None:
    codec = own_codec()
    data = codec.encode(step)
    message = serialization.deserialize_message(data, msg.DecisionStep)
    assert message.decision.header.stamp.nanosec == 7
    assert message.decision.final == message.final == step.decision.is_final
    assert message.decision.seed == step.decision.seed
    np.testing.assert_array_equal(message.decision.chunk, step.decision.chunk.reshape(-1))
    back = codec.decode(serialization.serialize_message(message))
    assert codec.encode(back) == data


def test_the_type_hash_in_a_bag_is_the_one_that_rosidl_computed() -> None:
    share = Path(get_package_share_directory("dsrl_interfaces"))
    described = json.loads((share / "msg" / "DecisionStep.json").read_text())
    hashes = {entry["type_name"]: entry["hash_string"] for entry in described["type_hashes"]}
    assert own_codec().typestore.hash_rihs01(STEP_TYPE) == hashes[STEP_TYPE]
