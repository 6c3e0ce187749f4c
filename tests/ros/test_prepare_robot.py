"""What a robot is told before a controller may move it: thresholds and load, while it is idle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import rclpy
from franka_msgs.msg import FrankaRobotState
from geometry_msgs.msg import WrenchStamped
from rclpy.node import Node

from dsrl_core.errors import DsrlError
from dsrl_core.specs.robot import LoadSpec
from dsrl_ros import prepare_robot
from dsrl_ros.paths import catalog
from tests.ros.sim_face_setup import Client

IDLE, MOVE = FrankaRobotState.ROBOT_MODE_IDLE, FrankaRobotState.ROBOT_MODE_MOVE
ROBOT = catalog().robot("fr3")
TOOL = LoadSpec(0.5, (0.01, 0.02, 0.12), ((2e-3, 1e-4, 0.0), (1e-4, 3e-3, 0.0), (0.0, 0.0, 4e-3)))
NOTHING = LoadSpec(0.0, (0.0, 0.0, 0.0), ((0.0,) * 3,) * 3)


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Client.of_process(tmp_path_factory.mktemp("sim")) as client:
        yield client


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    rclpy.init()
    made = Node("prepare_robot")
    yield made
    made.destroy_node()
    rclpy.try_shutdown()


@contextmanager
def idle(arm: Client) -> Iterator[None]:
    """As a robot is before its controller is started."""
    arm.switch("controllers", on=False)
    arm.wait("idle", lambda: arm.mode == IDLE)
    yield
    arm.switch("controllers", on=True)
    arm.wait("mode move", lambda: arm.mode == MOVE)


def test_load_shows_in_the_robots_state_and_is_taken_back(arm: Client, node: Node) -> None:
    with idle(arm):
        told = prepare_robot.prepare(node, replace(ROBOT, load=TOOL))
        arm.spin(0.2)
        load = arm.state.inertia_load.inertia
        before = arm.state.inertia_total.inertia.m

        prepare_robot.prepare(node, replace(ROBOT, load=NOTHING))

        arm.wait("no load", lambda: arm.state.inertia_load.inertia.m == 0.0)
    assert told == "the robot has its collision thresholds and a load of 0.5 kg"
    assert load.m == 0.5
    np.testing.assert_allclose([load.com.x, load.com.y, load.com.z], TOOL.center_of_mass_m)
    rows = ((load.ixx, load.ixy, load.ixz), (load.ixy, load.iyy, load.iyz))
    np.testing.assert_allclose(rows, TOOL.inertia_kg_m2[:2])
    assert before - arm.state.inertia_total.inertia.m == pytest.approx(0.5)


def test_robot_without_a_load_keeps_the_one_that_it_has(arm: Client, node: Node) -> None:
    with idle(arm):
        prepare_robot.prepare(node, replace(ROBOT, load=TOOL))
        told = prepare_robot.prepare(node, ROBOT)
        arm.spin(0.2)
        mass = arm.state.inertia_load.inertia.m
        prepare_robot.prepare(node, replace(ROBOT, load=NOTHING))
    assert told == "the robot has its collision thresholds"
    assert mass == 0.5


def test_thresholds_of_the_robot_file_count_then(arm: Client, node: Node) -> None:
    soft = replace(
        ROBOT.collision, lower_force=(3.0,) * 6, upper_force=(8.0, 8.0, 8.0, 30.0, 30.0, 30.0)
    )
    with idle(arm):
        prepare_robot.prepare(node, replace(ROBOT, collision=soft))
    push = WrenchStamped()
    push.wrench.force.z = -15.0
    arm.push.publish(push)
    arm.wait("reflex", lambda: "cartesian_reflex" in arm.errors)
    arm.push.publish(WrenchStamped())
    arm.recover()
    with idle(arm):
        prepare_robot.prepare(node, ROBOT)


def test_robot_that_moves_is_told_nothing(
    arm: Client, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_robot, "_ANSWER_S", 0.5)
    arm.wait("mode move", lambda: arm.mode == MOVE)
    with pytest.raises(DsrlError, match=r"in mode 2 \(move\), expected 1 \(idle\)"):
        prepare_robot.prepare(node, replace(ROBOT, load=TOOL))
    assert arm.state.inertia_load.inertia.m == 0.0


def test_load_that_the_robot_does_not_carry_is_refused_with_its_words(
    arm: Client, node: Node
) -> None:
    with idle(arm), pytest.raises(DsrlError, match=r"refuses a load of 30.0 kg: .*expected 0 to 3"):
        prepare_robot.prepare(node, replace(ROBOT, load=replace(TOOL, mass_kg=30.0)))


def test_driver_that_is_not_there_is_named(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_robot, "WAIT_S", 0.5)
    with pytest.raises(DsrlError, match="no service left/service_server/set_full_collision"):
        prepare_robot.prepare(node, replace(ROBOT, arm_prefix="left"))
