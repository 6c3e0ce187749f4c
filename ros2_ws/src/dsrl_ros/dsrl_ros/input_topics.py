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

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_core.steering.observation import MeasuredJoints, needed_inputs
from dsrl_core.steering.policy_inputs import PolicyInputs
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.conversions.robot import (
    gripper_width_of,
    image_from_message,
    ordered_positions,
    ordered_velocities,
    pose_from_message,
)
from dsrl_ros.topics import Topic, with_past
from dsrl_ros.wire_names import joint_names

_POSES: Final = {
    "tool_pose": topics.CURRENT_POSE,
    "object_pose": topics.OBJECT_POSE,
    "goal_pose": topics.GOAL_POSE,
}
_GRIPPER: Final = "gripper_width_m"
_JOINTS: Final = "joints"


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


def input_topics(policy: PolicySpec, robot: RobotSpec) -> tuple[InputTopic, ...]:
    """What the policy's file makes an observation of, and nothing else."""
    needed, steps = needed_inputs(policy), policy.observation_steps
    taken: list[tuple[str, Topic, Callable[[PolicyInputs, Any], None]]] = [
        (name, topic, partial(_take_pose, name)) for name, topic in _POSES.items() if name in needed
    ]
    taken.append((_GRIPPER, topics.GRIPPER_STATES, _take_gripper))
    if _JOINTS in needed:
        take = partial(_take_joints, joint_names(robot))
        taken.append((_JOINTS, topics.MEASURED_JOINT_STATES, take))
    for camera in policy.cameras:
        image = topics.policy_image(camera.name, steps)
        taken.append((camera.name, image, partial(_take_image, camera.name)))
    return tuple(
        InputTopic(name, topic if steps == 1 else with_past(topic, steps), take)
        for name, topic, take in taken
    )


def _take_pose(name: str, inputs: PolicyInputs, message: PoseStamped) -> None:
    inputs.put(name, stamp_of(message), pose_from_message(message).pose)


def _take_gripper(inputs: PolicyInputs, message: JointState) -> None:
    inputs.put(_GRIPPER, stamp_of(message), gripper_width_of(message))


def _take_joints(names: list[str], inputs: PolicyInputs, message: JointState) -> None:
    positions = ordered_positions(message, names)
    velocities = ordered_velocities(message, names)
    if positions is None or velocities is None:
        raise InvalidValue(
            f"{topics.MEASURED_JOINT_STATES.name} has the joints {list(message.name)} with "
            f"{len(message.position)} positions and {len(message.velocity)} velocities; expected "
            f"both of {names}"
        )
    inputs.put(_JOINTS, stamp_of(message), MeasuredJoints(positions, velocities))


def _take_image(camera: str, inputs: PolicyInputs, message: Image) -> None:
    inputs.put_image(camera, stamp_of(message), image_from_message(message))
