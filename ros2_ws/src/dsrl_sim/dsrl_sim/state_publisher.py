"""franka_ros2's state topics; only what somebody listens to is made and sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rclpy.node import Node
from sensor_msgs.msg import JointState

from dsrl_core.specs import RobotSpec
from dsrl_core.types import NANOSECONDS_PER_SECOND
from dsrl_ros import topics
from dsrl_ros.conversions.robot import finger_positions, set_positions, set_state
from dsrl_ros.wire_names import joint_names, prefixed
from dsrl_sim import franka_topics
from dsrl_sim.franka_messages import ArmState, StateMessages
from dsrl_sim.kept_publisher import KeptPublisher
from dsrl_sim.world import World

_MERGED_NS: Final = round(NANOSECONDS_PER_SECOND / franka_topics.MERGED_RATE_HZ)
_GRIPPER_NS: Final = round(NANOSECONDS_PER_SECOND / franka_topics.GRIPPER_RATE_HZ)


class StatePublisher:
    """Publishers of arm and gripper; messages that tick are kept and written in place."""

    def __init__(self, node: Node, robot: RobotSpec, arm: ArmState, steps: int = 1) -> None:
        """`steps`: of how many moments the inputs of a policy are kept to be said again."""
        self.messages = StateMessages(robot, arm)
        arm_names = joint_names(robot)
        finger_names = [prefixed(robot, name) for name in robot.finger_joint_names]
        self._joints = JointState(name=arm_names)
        self._joints.header.frame_id = prefixed(robot, robot.base_frame)
        self._fingers = JointState(name=finger_names)
        self._merged = JointState(name=[*arm_names, *finger_names])
        self._joint_states = topics.JOINT_STATES.publisher(node)
        self._gripper_states = KeptPublisher(topics.GRIPPER_STATES, node, steps)
        self._merged_states = franka_topics.MERGED_JOINT_STATES.publisher(node)
        self._robot_state = topics.ROBOT_STATE.publisher(node)
        messages = self.messages
        makers: dict[topics.Topic, Callable[[], Any]] = {
            topics.CURRENT_POSE: messages.pose,
            franka_topics.LAST_DESIRED_POSE: messages.desired_pose,
            franka_topics.DESIRED_TWIST: messages.desired_twist,
            franka_topics.WRENCH_IN_BASE: messages.wrench_in_base,
            franka_topics.WRENCH_IN_STIFFNESS: messages.wrench_in_stiffness,
            topics.MEASURED_JOINT_STATES: messages.measured_joints,
            franka_topics.DESIRED_JOINT_STATES: messages.desired_joints,
            franka_topics.EXTERNAL_TORQUES: messages.external_torques,
        }
        self._parts = [(KeptPublisher(topic, node, steps), make) for topic, make in makers.items()]
        self._merged_at_ns = self._gripper_at_ns = 0

    def joint_states(self, world: World, stamp_ns: int) -> None:
        """The arm's joints."""
        set_state(
            self._joints,
            stamp_ns,
            world.joint_positions,
            world.joint_velocities,
            world.joint_efforts,
        )
        self._joint_states.publish(self._joints)

    def gripper(self, world: World, stamp_ns: int) -> None:
        """The fingers."""
        set_positions(self._fingers, stamp_ns, finger_positions(world.gripper_width_m))
        self._fingers.velocity = self._fingers.effort = [0.0, 0.0]
        self._gripper_states.publish(self._fingers)

    def robot_state(self, stamp_ns: int) -> None:
        """The whole state, if somebody listens."""
        if self._robot_state.get_subscription_count():
            self.messages.take(stamp_ns)
            self._robot_state.publish(self.messages.robot_state())

    def parts(self, stamp_ns: int) -> None:
        """The topics that repeat parts of it, to whoever listens."""
        wanted = [entry for entry in self._parts if entry[0].get_subscription_count()]
        if wanted:
            self.messages.take(stamp_ns)
        for publisher, make in wanted:
            publisher.publish(make())

    def say_again(self) -> None:
        """What a policy may have missed of the moments that are kept."""
        for publisher in (self._gripper_states, *(publisher for publisher, _ in self._parts)):
            publisher.say_again()

    def forget(self) -> None:
        """An episode's past does not reach into the one before."""
        for publisher in (self._gripper_states, *(publisher for publisher, _ in self._parts)):
            publisher.forget()

    def in_real_time(self, world: World, stamp_ns: int) -> None:
        """Everything that is due now; fingers and merged joints have rates of their own."""
        self.joint_states(world, stamp_ns)
        self.robot_state(stamp_ns)
        self.parts(stamp_ns)
        if stamp_ns - self._gripper_at_ns >= _GRIPPER_NS:
            self._gripper_at_ns = _due(self._gripper_at_ns, stamp_ns, _GRIPPER_NS)
            self.gripper(world, stamp_ns)
        if stamp_ns - self._merged_at_ns >= _MERGED_NS:
            self._merged_at_ns = _due(self._merged_at_ns, stamp_ns, _MERGED_NS)
            if self._merged_states.get_subscription_count():
                fingers = finger_positions(world.gripper_width_m).tolist()
                self._merged.header.stamp = self._joints.header.stamp
                self._merged.position = [*self._joints.position, *fingers]
                self._merged.velocity = [*self._joints.velocity, 0.0, 0.0]
                self._merged.effort = [*self._joints.effort, 0.0, 0.0]
                self._merged_states.publish(self._merged)


def _due(last_ns: int, now_ns: int, period_ns: int) -> int:
    """The last moment at which something of this period was due, so that its rate is kept."""
    return now_ns - (now_ns - last_ns) % period_ns
