"""What each way to the arm publishes for a set-point."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from dsrl_core.control.kinematics import Kinematics
from dsrl_core.specs.robot import CommandPath
from dsrl_ros.command_paths import PATHS
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.conversions.robot import pose_from_message
from dsrl_ros.paths import catalog

STAMP_NS = 5_000_000_000
ROBOT = catalog().robot("fr3")
POSITIONS = np.array(ROBOT.start_joint_positions_rad)
VELOCITIES = np.linspace(-0.5, 0.5, 7)


class Listener:
    """A node of which only the publishers are used, and what they said."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def create_publisher(self, _: type, name: str, __: Any) -> Any:
        heard = self.heard

        class Publisher:
            def publish(self, message: Any) -> None:
                heard.append((name, copy.deepcopy(message)))

        return Publisher()


def sent(path: str, prefix: str = "") -> tuple[str, Any]:
    node: Any = Listener()
    PATHS[path](node, replace(ROBOT, arm_prefix=prefix)).send(STAMP_NS, POSITIONS, VELOCITIES)
    ((name, message),) = node.heard
    return name, message


def test_every_path_of_a_robot_file_is_there() -> None:
    assert set(PATHS) == set(get_args(CommandPath))


def test_crisp_joint_gets_seven_positions_in_order() -> None:
    name, message = sent("crisp_joint")
    assert name == "target_joint"
    assert stamp_of(message) == STAMP_NS
    assert tuple(message.name) == ROBOT.joint_names
    np.testing.assert_array_equal(message.position, POSITIONS)


def test_crisp_pose_gets_the_tool_in_the_base_frame() -> None:
    name, message = sent("crisp_pose", prefix="left")
    assert name == "target_pose"
    value = pose_from_message(message)
    expected = Kinematics(ROBOT).tool_pose(POSITIONS)
    assert (value.stamp_ns, value.frame) == (STAMP_NS, "left_fr3_link0")
    np.testing.assert_array_equal(value.pose.position, expected.position)
    np.testing.assert_array_equal(value.pose.quaternion_wxyz, expected.quaternion_wxyz)


def test_stock_controller_gets_a_trajectory_that_comes_to_rest() -> None:
    name, message = sent("joint_trajectory", prefix="left")
    assert name == "fr3_arm_controller/joint_trajectory"
    assert message.joint_names == [f"left_{joint}" for joint in ROBOT.joint_names]
    assert stamp_of(message) == 0, "begins when it comes"
    times = [p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in message.points]
    assert times[0] == pytest.approx(ROBOT.set_point_period_s)
    assert all(np.diff(times) > 0)
    np.testing.assert_array_equal(message.points[0].positions, POSITIONS)
    np.testing.assert_array_equal(message.points[0].velocities, VELOCITIES)
    assert not np.any(message.points[-1].velocities)
    braking = VELOCITIES / (times[1] - times[0])
    assert (np.abs(braking) <= np.array(ROBOT.joint_acceleration_max_rad_s2) + 1e-9).all()
    way = np.array(message.points[-1].positions) - POSITIONS
    np.testing.assert_allclose(way, 0.5 * VELOCITIES * (times[1] - times[0]))


def test_stock_controller_at_rest_still_gets_increasing_times() -> None:
    node: Any = Listener()
    PATHS["joint_trajectory"](node, ROBOT).send(STAMP_NS, POSITIONS, np.zeros(7))
    first, last = node.heard[0][1].points
    assert last.time_from_start.nanosec > first.time_from_start.nanosec
    np.testing.assert_array_equal(first.positions, last.positions)
