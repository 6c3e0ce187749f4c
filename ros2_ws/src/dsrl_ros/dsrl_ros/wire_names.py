"""Names of joints and frames as a robot with an arm prefix has them on its topics."""

from __future__ import annotations

from dataclasses import replace

from dsrl_core.specs import RobotSpec


def with_prefix(robot: RobotSpec, prefix: str) -> RobotSpec:
    """The robot with this prefix; with an empty one as its file says."""
    return replace(robot, arm_prefix=prefix) if prefix else robot


def prefixed(robot: RobotSpec, name: str) -> str:
    """A joint or frame of the robot file as it is called on the robot's topics."""
    return f"{robot.arm_prefix}_{name}" if robot.arm_prefix else name


def joint_names(robot: RobotSpec) -> list[str]:
    return [prefixed(robot, name) for name in robot.joint_names]


def driver_name(robot: RobotSpec, name: str, namespace: str) -> str:
    """A service or action of franka_hardware, for a node in a namespace: it puts them into one of
    the arm's prefix, unless given another."""
    return f"{robot.arm_prefix}/{name}" if robot.arm_prefix and namespace == "/" else name
