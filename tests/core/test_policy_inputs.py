"""An observation tells which measurements it was made of."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.steering.policy_inputs import PolicyInputs
from dsrl_core.types import ChunkRequest, Pose
from dsrl_ros.paths import catalog

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
AGE_MAX_NS = 200
ROBOT = catalog().robot("fr3")
POSE = Pose(np.array([0.4, 0.1, 0.2]), DOWN)


def request(stamp_ns: int, sequence: int = 0) -> ChunkRequest:
    return ChunkRequest(stamp_ns, 1, sequence, 0, "exhausted" if sequence else "start")


def picture(value: int) -> np.ndarray:
    return np.full((96, 96, 3), value, dtype=np.uint8)


def seeing() -> PolicyInputs:
    """Of a policy with two cameras, all of it heard but the images."""
    inputs = PolicyInputs(catalog().policy("franka_pick_vision_flow"), ROBOT, AGE_MAX_NS)
    inputs.put("tool_pose", 1000, POSE)
    inputs.put("gripper_width_m", 900, 0.08)
    return inputs


def test_nothing_is_seen_before_every_camera_was_heard() -> None:
    inputs = seeing()
    inputs.put_image("scene", 990, picture(1))
    assert inputs.observe(request(1000), exact=False) is None
    assert inputs.never_heard() == "images"
    inputs.put_image("wrist", 980, picture(2))
    assert inputs.observe(request(1000), exact=False) is not None
    assert inputs.never_heard() == ""


def test_stamps_name_every_measurement_and_the_oldest_is_the_observations() -> None:
    inputs = seeing()
    inputs.put_image("scene", 990, picture(1))
    inputs.put_image("wrist", 980, picture(2))

    seen = inputs.observe(request(1000), exact=False)

    assert seen is not None
    assert seen.stamps_ns == {
        "tool_pose": 1000,
        "gripper_width_m": 900,
        "scene": 990,
        "wrist": 980,
    }
    assert seen.observation.stamp_ns == 900
    assert seen.observation.images is not None
    assert seen.observation.images[:, 0, 0, 0].tolist() == [1, 2]


def test_stamps_of_what_was_seen_stay_when_more_comes() -> None:
    inputs = seeing()
    inputs.put_image("scene", 990, picture(1))
    inputs.put_image("wrist", 980, picture(2))
    seen = inputs.observe(request(1000), exact=False)
    inputs.put("gripper_width_m", 1100, 0.0)
    inputs.put_image("wrist", 1100, picture(3))
    assert seen is not None
    assert (seen.stamps_ns["gripper_width_m"], seen.stamps_ns["wrist"]) == (900, 980)
    assert seen.observation.images is not None
    assert seen.observation.images[1, 0, 0, 0] == 2


def test_what_was_measured_is_told_beside_what_is_decided_on() -> None:
    policy = catalog().policy("franka_pick_flow")
    inputs = PolicyInputs(policy, ROBOT, AGE_MAX_NS)
    inputs.put("tool_pose", 1000, POSE)
    inputs.put("object_pose", 1000, POSE)
    inputs.put("gripper_width_m", 1000, 0.08)
    now = inputs.observe(request(1000, 1), exact=False)
    assert now is not None
    assert now.measured == ()

    committed = ((0.0, 0.0, -0.02, 0.0, 0.08),)
    ahead = ChunkRequest(1000, 1, 1, 4, "ahead", committed=committed)
    seen = inputs.observe(ahead, exact=False)

    assert seen is not None
    assert seen.measured == tuple(now.observation.values.tolist())
    assert seen.observation.values[2] == pytest.approx(seen.measured[2] - 0.02)


def test_what_is_too_old_is_named() -> None:
    inputs = seeing()
    inputs.put_image("scene", 990, picture(1))
    inputs.put_image("wrist", 990, picture(2))
    assert inputs.observe(request(1000), exact=True) is None
    assert inputs.observe(request(1101), exact=False) is None
    assert inputs.missing(1101, exact=False).startswith("gripper_width_m (")


def test_what_the_policy_does_not_see_is_refused() -> None:
    inputs = seeing()
    with pytest.raises(UnknownName, match="'object_pose'"):
        inputs.put("object_pose", 0, POSE)
    with pytest.raises(UnknownName, match="'ceiling'; available: scene, wrist"):
        inputs.put_image("ceiling", 0, picture(0))
    with pytest.raises(InvalidValue, match="'wrist' gives images of shape"):
        inputs.put_image("wrist", 0, np.zeros((4, 6, 3), np.uint8))
