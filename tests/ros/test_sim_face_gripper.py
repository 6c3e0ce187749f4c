"""The simulated hand's actions and its stop, as franka_gripper serves them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from control_msgs.action import GripperCommand
from franka_msgs.action import Grasp, Homing, Move

from tests.ros.sim_face_setup import Client

SUCCEEDED, CANCELED, ABORTED = (
    GoalStatus.STATUS_SUCCEEDED,
    GoalStatus.STATUS_CANCELED,
    GoalStatus.STATUS_ABORTED,
)
SLOW_M_S = 0.01
"""So that a command is still under way when it is stopped, however busy the machine is."""
UNDER_WAY_M = 0.002


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Client.of_process(tmp_path_factory.mktemp("sim")) as client:
        yield client


def test_gripper_commands_do_what_the_hand_does(arm: Client) -> None:
    feedback: list[Any] = []
    closing = arm.begin(Move, "franka_gripper/move", feedback, width=0.03, speed=0.1)
    answer = arm.result(closing)
    assert answer.status == SUCCEEDED
    assert answer.result.success
    assert feedback[0].current_width > feedback[-1].current_width > 0.02
    # Nothing is between the fingers: a grasp of 3 cm fails, and says so without an error.
    grasp = arm.do(Grasp, "franka_gripper/grasp", width=0.03, speed=0.1, force=20.0)
    assert (grasp.status, grasp.result.success, grasp.result.error) == (ABORTED, False, "")
    wide = Grasp.Goal().epsilon
    wide.inner = wide.outer = 0.08
    grasp = arm.do(Grasp, "franka_gripper/grasp", width=0.03, speed=0.1, force=20.0, epsilon=wide)
    assert grasp.status == SUCCEEDED


def test_a_second_command_waits_and_a_stop_aborts_the_first(arm: Client) -> None:
    arm.do(Move, "franka_gripper/move", width=0.0, speed=0.1)
    told: list[Any] = []
    first = arm.begin(Move, "franka_gripper/move", told, width=0.08, speed=SLOW_M_S)
    second = arm.begin(Homing, "franka_gripper/homing", [])
    # A stop ends what runs: of a command that has just been accepted that is not sure yet.
    arm.wait("motion", lambda: bool(told) and told[-1].current_width > UNDER_WAY_M)
    assert arm.stop_gripper().success
    answer = arm.result(first)
    assert answer.status == ABORTED
    assert answer.result.error == "libfranka gripper: Command aborted!"
    assert arm.result(second).status == SUCCEEDED


def test_a_command_can_be_cancelled(arm: Client) -> None:
    arm.do(Move, "franka_gripper/move", width=0.0, speed=0.1)
    handle = arm.begin(Move, "franka_gripper/move", [], width=0.08, speed=SLOW_M_S)
    future = handle.cancel_goal_async()
    arm.wait("cancellation", future.done)
    assert arm.result(handle).status == CANCELED


def test_gripper_action_takes_half_the_width_and_a_fault_fails_it(arm: Client) -> None:
    name = "franka_gripper/gripper_action"
    goal = GripperCommand.Goal()
    goal.command.position = 0.03
    answer = arm.do(GripperCommand, name, command=goal.command)
    assert answer.status == SUCCEEDED
    assert answer.result.reached_goal
    assert answer.result.position == pytest.approx(0.06, abs=0.002)
    goal.command.position = 0.05
    assert arm.do(GripperCommand, name, command=goal.command).status == ABORTED
    arm.switch("gripper_fault", on=True)
    failed = arm.do(Move, "franka_gripper/move", width=0.02, speed=0.1)
    assert failed.result.error == "libfranka gripper: Command failed!"
    assert not arm.stop_gripper().success
    arm.switch("gripper_fault", on=False)
    assert arm.stop_gripper().success
