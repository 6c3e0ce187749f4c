"""The topics that a policy's observation is made of, and how their messages are taken in.

For the noise actor, which subscribes to them, and for whoever reads them from a bag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image, JointState

from dsrl_core.specs import PolicySpec
from dsrl_core.steering.observation import needed_inputs
from dsrl_core.steering.policy_inputs import PolicyInputs
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.conversions.robot import gripper_width_of, image_from_message, pose_from_message
from dsrl_ros.topics import Topic

_POSES: Final = {
    "tool_pose": topics.CURRENT_POSE,
    "object_pose": topics.OBJECT_POSE,
    "goal_pose": topics.GOAL_POSE,
}
_GRIPPER: Final = "gripper_width_m"


@dataclass(frozen=True)
class InputTopic:
    """One input of a policy: its name in `DecisionInputs`, its topic, and what a message does."""

    name: str
    topic: Topic
    take: Callable[[PolicyInputs, Any], None]
    """
    Raises:
        InvalidValue: the message is not of the kind or size that the policy's file says.
    """


def input_topics(policy: PolicySpec) -> tuple[InputTopic, ...]:
    """What the policy's file makes an observation of, and nothing else."""
    needed = needed_inputs(policy)
    poses = [
        InputTopic(name, topic, partial(_take_pose, name))
        for name, topic in _POSES.items()
        if name in needed
    ]
    cameras = [
        InputTopic(camera.name, topics.policy_image(camera.name), partial(_take_image, camera.name))
        for camera in policy.cameras
    ]
    return (*poses, InputTopic(_GRIPPER, topics.GRIPPER_STATES, _take_gripper), *cameras)


def _take_pose(name: str, inputs: PolicyInputs, message: PoseStamped) -> None:
    inputs.put(name, stamp_of(message), pose_from_message(message).pose)


def _take_gripper(inputs: PolicyInputs, message: JointState) -> None:
    inputs.put(_GRIPPER, stamp_of(message), gripper_width_of(message))


def _take_image(camera: str, inputs: PolicyInputs, message: Image) -> None:
    inputs.put_image(camera, stamp_of(message), image_from_message(message))
