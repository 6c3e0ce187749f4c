"""How set-points reach the arm: one small class for each way that a robot file may name.

Each publishes to one controller and decides nothing: what it is given was admitted by safety.
"""

from __future__ import annotations

from typing import ClassVar, Final, Protocol

import numpy as np
from builtin_interfaces.msg import Duration
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from dsrl_core.control.kinematics import Kinematics
from dsrl_core.specs import RobotSpec
from dsrl_core.types import NANOSECONDS_PER_SECOND, Float64Array
from dsrl_ros import topics
from dsrl_ros.conversions.basics import doubles
from dsrl_ros.conversions.robot import StampedPose, pose_to_message, set_positions
from dsrl_ros.wire_names import joint_names, prefixed


class CommandPath(Protocol):
    """Where set-points go."""

    topic: ClassVar[topics.Topic]
    """To whose listener."""
    acceleration_share: ClassVar[float]
    """Of the joints' accelerations, for a controller that takes less than all of them at once."""

    def __init__(self, node: Node, robot: RobotSpec) -> None: ...

    def send(self, stamp_ns: int, positions: Float64Array, velocities: Float64Array) -> None:
        """Positions [rad] and velocities [rad/s], both (joints,), to be reached one set-point
        period after `stamp_ns`."""
        ...


class CrispJoint:
    """crisp_controllers' joint impedance: `target_joint`, seven values in order."""

    topic: ClassVar = topics.TARGET_JOINT
    acceleration_share: ClassVar = 1.0

    def __init__(self, node: Node, robot: RobotSpec) -> None:
        self._publisher = self.topic.publisher(node)
        self._message = JointState(name=joint_names(robot))

    def send(self, stamp_ns: int, positions: Float64Array, velocities: Float64Array) -> None:
        set_positions(self._message, stamp_ns, positions)
        self._publisher.publish(self._message)


class CrispPose:
    """crisp_controllers' Cartesian impedance: `target_pose`, the tool's pose in the base frame.

    The controller's end-effector frame is to be the robot file's `tool_site`. An FR3 takes 9 m/s2
    and 17 rad/s2 of a tool; joints that all accelerate at their limits turn it half as fast again.
    """

    topic: ClassVar = topics.TARGET_POSE
    acceleration_share: ClassVar = 0.5

    def __init__(self, node: Node, robot: RobotSpec) -> None:
        self._publisher = self.topic.publisher(node)
        self._kinematics = Kinematics(robot)
        self._frame = prefixed(robot, robot.base_frame)

    def send(self, stamp_ns: int, positions: Float64Array, velocities: Float64Array) -> None:
        pose = self._kinematics.tool_pose(positions)
        self._publisher.publish(pose_to_message(StampedPose(stamp_ns, pose, self._frame)))


class StockTrajectory:
    """joint_trajectory_controller: the set-point, and behind it a braking to a standstill.

    Every message replaces the running one before its end is reached. Should none follow, the arm
    comes to rest by itself: the last point's velocity is zero, as the controller demands. The stamp
    is zero ("from now on"), so that clocks of two machines need not agree.
    """

    topic: ClassVar = topics.JOINT_TRAJECTORY
    acceleration_share: ClassVar = 1.0

    def __init__(self, node: Node, robot: RobotSpec) -> None:
        self._publisher = self.topic.publisher(node)
        self._period_s = robot.set_point_period_s
        self._acceleration = np.array(robot.joint_acceleration_max_rad_s2)
        self._message = JointTrajectory(joint_names=joint_names(robot))
        self._message.points = [JointTrajectoryPoint(), JointTrajectoryPoint()]
        self._still = doubles(np.zeros(len(robot.joint_names)))

    def send(self, stamp_ns: int, positions: Float64Array, velocities: Float64Array) -> None:
        braking_s = max(float((np.abs(velocities) / self._acceleration).max()), self._period_s)
        reached, rest = self._message.points
        reached.positions, reached.velocities = doubles(positions), doubles(velocities)
        reached.time_from_start = _duration(self._period_s)
        # Between these two a cubic is a braking at a constant rate.
        rest.positions = doubles(positions + 0.5 * braking_s * velocities)
        rest.velocities = self._still
        rest.time_from_start = _duration(self._period_s + braking_s)
        self._publisher.publish(self._message)


PATHS: Final[dict[str, type[CommandPath]]] = {
    "crisp_joint": CrispJoint,
    "crisp_pose": CrispPose,
    "joint_trajectory": StockTrajectory,
}
"""By the robot file's `command_path`."""


def _duration(seconds: float) -> Duration:
    whole, rest = divmod(round(seconds * NANOSECONDS_PER_SECOND), NANOSECONDS_PER_SECOND)
    return Duration(sec=whole, nanosec=rest)
