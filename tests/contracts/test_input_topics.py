"""Messages become inputs by what they name, never by the order in which it came."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import CameraSpec, FieldSpec, PolicySpec
from dsrl_core.steering.policy_inputs import PolicyInputs
from dsrl_core.types import ChunkRequest, Observation, Pose
from dsrl_ros import topics
from dsrl_ros.conversions.robot import (
    StampedPose,
    finger_positions,
    image_to_message,
    pose_to_message,
)
from dsrl_ros.input_topics import InputTopic, input_topics
from dsrl_ros.wire_names import joint_names, with_prefix
from tests.core.history_setup import unmoved
from tests.core.steering_setup import CATALOG

ROBOT = with_prefix(CATALOG.robot("fr3"), "left")
POSE = Pose(np.array([0.4, 0.1, 0.2]), np.array([0.0, 1.0, 0.0, 0.0]))
JOINTS = np.arange(7) * 0.1


def policy_of(cameras: tuple[CameraSpec, ...] = (), steps: int = 1) -> PolicySpec:
    shipped = CATALOG.policy("franka_pick_flow")
    return replace(
        shipped,
        action=unmoved(shipped.action),
        observation=(FieldSpec("joint_positions", 7), FieldSpec("joint_velocities", 7)),
        cameras=cameras,
        observation_steps=steps,
    )


def joints(order: list[int], **left_out: object) -> JointState:
    """A message with the joints in this order."""
    values: dict[str, object] = {
        "name": [joint_names(ROBOT)[index] for index in order],
        "position": [float(JOINTS[index]) for index in order],
        "velocity": [float(-JOINTS[index]) for index in order],
    }
    return JointState(**(values | left_out))


def seen(spec: PolicySpec, messages: dict[str, object]) -> Observation:
    inputs = PolicyInputs(spec, ROBOT, 1)
    for entry in input_topics(spec, ROBOT):
        entry.take(inputs, messages[entry.name])
    found = inputs.observe(ChunkRequest(0, 0, 0, 0, "start"), exact=True)
    assert found is not None
    return found.observation


def messages(**more: object) -> dict[str, object]:
    return {
        "tool_pose": pose_to_message(StampedPose(0, POSE)),
        "gripper_width_m": JointState(position=finger_positions(0.08).tolist()),
        **more,
    }


def joint_topic(spec: PolicySpec) -> InputTopic:
    (entry,) = (entry for entry in input_topics(spec, ROBOT) if entry.name == "joints")
    return entry


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6], [6, 2, 0, 1, 5, 4, 3]])
def test_joints_are_put_in_the_order_of_the_robots_file(order: list[int]) -> None:
    values = seen(policy_of(), messages(joints=joints(order))).values
    np.testing.assert_array_equal(values[:7], JOINTS.astype(np.float32))
    np.testing.assert_array_equal(values[7:], -JOINTS.astype(np.float32))


@pytest.mark.parametrize(
    "message",
    [joints([0, 1, 2, 3, 4, 5]), joints(list(range(7)), velocity=[]), JointState()],
    ids=["a joint less", "no velocities", "nothing"],
)
def test_a_joint_that_lacks_something_is_refused_by_name(message: JointState) -> None:
    inputs = PolicyInputs(policy_of(), ROBOT, 1)
    with pytest.raises(InvalidValue, match=r"measured_joint_states.*left_fr3_joint7"):
        joint_topic(policy_of()).take(inputs, message)


def test_a_policy_that_looks_back_misses_no_message_of_some_moments() -> None:
    camera = CameraSpec("wrist", 4, 4)
    deep = {entry.name: entry.topic for entry in input_topics(policy_of((camera,), 2), ROBOT)}
    assert all(topic.quality.depth > 2 for topic in deep.values())
    newest = {entry.name: entry.topic for entry in input_topics(policy_of((camera,)), ROBOT)}
    assert newest["tool_pose"] == topics.CURRENT_POSE
    assert newest["wrist"] == topics.policy_image("wrist")


def test_a_picture_of_a_camera_is_fitted_as_the_policys_file_says() -> None:
    spec = policy_of((CameraSpec("wrist", 4, 4, "pad"),))
    picture = np.full((4, 8, 3), 200, dtype=np.uint8)
    found = seen(
        spec,
        messages(joints=joints(list(range(7))), wrist=image_to_message(0, "camera", picture)),
    )
    assert found.images is not None
    assert found.images[0, :, 0, 0].tolist() == [0, 200, 200, 0]
