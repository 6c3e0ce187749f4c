"""Topics on which controllers hear set-points: crisp's two, and joint_trajectory_controller's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import RobotSpec
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.conversions.robot import pose_from_message
from dsrl_ros.wire_names import joint_names, prefixed
from dsrl_sim.arm import FrankaArm
from dsrl_sim.trajectories import Point

_SAY_AGAIN_S = 5.0


class ControllerTopics:
    """Adapter of the set-points of `FrankaArm`."""

    def __init__(
        self, node: Node, robot: RobotSpec, arm: FrankaArm, world_time: Callable[[int], int]
    ) -> None:
        """`world_time` turns a stamp [ns] into the world's time."""
        self._node, self._arm = node, arm
        self._joint_names = dict(zip(joint_names(robot), robot.joint_names, strict=True))
        """From names on topics to those of the robot file."""
        self._frame = prefixed(robot, robot.base_frame)
        self._world_time = world_time
        topics.TARGET_JOINT.subscribe(node, self._on_joints)
        topics.TARGET_POSE.subscribe(node, self._on_pose)
        topics.JOINT_TRAJECTORY.subscribe(node, self._on_trajectory)
        self._names = {
            topic.name: node.resolve_topic_name(topic.name)
            for topic in (topics.TARGET_JOINT, topics.TARGET_POSE)
        }

    def _on_joints(self, message: JointState) -> None:
        """Seven values in order; names do not count, as with crisp."""
        if self._has_rival(topics.TARGET_JOINT):
            return
        joints = len(self._joint_names)
        if len(message.position) != joints:
            self._refuse(f"{len(message.position)} positions on target_joint, expected {joints}")
            return
        self._arm.set_joint_target(np.array(message.position), stamp_of(message))

    def _on_pose(self, message: PoseStamped) -> None:
        if self._has_rival(topics.TARGET_POSE):
            return
        value = pose_from_message(message)
        if value.frame not in ("", self._frame):
            self._refuse(f"target_pose in frame '{value.frame}', expected '{self._frame}'")
            return
        self._arm.set_pose_target(value.pose, value.stamp_ns)

    def _on_trajectory(self, message: JointTrajectory) -> None:
        stamp_ns = stamp_of(message)
        try:
            if any(point.effort for point in message.points):
                raise InvalidValue("efforts in a trajectory, expected none")
            points = [
                Point(
                    point.time_from_start.sec + point.time_from_start.nanosec * 1e-9,
                    np.array(point.positions),
                    np.array(point.velocities),
                    np.array(point.accelerations),
                )
                for point in message.points
            ]
            names = [self._joint_names.get(name, name) for name in message.joint_names]
            self._arm.follow(names, points, self._world_time(stamp_ns) if stamp_ns else 0)
        except InvalidValue as error:
            self._refuse(f"joint_trajectory refused: {error}")

    def _has_rival(self, topic: topics.Topic) -> bool:
        """Whether two talk on one topic: crisp then listens to nobody."""
        publishers = self._node.count_publishers(self._names[topic.name])
        if publishers > 1:
            self._refuse(f"{publishers} publishers on {topic.name}, expected one: all are ignored")
        return publishers > 1

    def _refuse(self, why: str) -> None:
        self._node.get_logger().error(why, throttle_duration_sec=_SAY_AGAIN_S)
