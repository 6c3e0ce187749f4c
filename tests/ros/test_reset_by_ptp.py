"""Where the robot file says so the arm returns by the robot's own motion, and set-points are only
sent before and after. The simulator's `ptp_motion` is deaf to a cancellation, as franka_ros2's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from franka_msgs.msg import FrankaRobotState

from dsrl_core.layout import start_posture
from dsrl_core.start_check import JOINT_TOLERANCE_RAD
from dsrl_core.types import Mode
from dsrl_ros.paths import catalog
from tests.ros.returning_setup import AWAY, HOME, IDLE, MOVE, ROBOT, TASK, WAIT_S, Arm, arm_of

OUTSIDE = HOME + 1.2 * np.eye(7)[0]
LEFT, RIGHT = HOME + 0.6 * np.eye(7)[0], HOME - 0.6 * np.eye(7)[0]
"""So far apart that the way takes three times as long as a lost process is noticed."""
SUCCEEDED, ABORTED = GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    yield from arm_of(tmp_path_factory.mktemp("ptp"))


def test_arm_comes_back_by_the_robots_own_motion_without_a_set_point(arm: Arm) -> None:
    answer = arm.go(AWAY)

    assert answer.status == SUCCEEDED, answer.result.message
    assert answer.result.error_rad <= JOINT_TOLERANCE_RAD
    assert arm.is_at(AWAY)
    assert arm.mode == MOVE
    assert IDLE in arm.modes
    assert arm.set_points == 0
    assert arm.go(HOME).status == SUCCEEDED


def test_episode_begins_where_such_a_return_ended(arm: Arm) -> None:
    client = arm.client
    assert arm.go(AWAY).status == SUCCEEDED
    client.begin(Mode.ZERO, 0, 3, 0)

    def is_told() -> bool:
        return client.status is not None and "then press start" in client.status.message

    client.wait_for("a person's turn", is_told, WAIT_S)
    assert arm.is_at(start_posture(catalog().task(TASK).scene, ROBOT))
    assert client.start()[0]
    arm.cell.moving()
    assert arm.set_points > 0
    arm.cell.end()
    arm.cell.resume()


def test_stop_ends_the_motion_with_the_leg_and_is_latched(arm: Arm) -> None:
    assert arm.go(AWAY).status == SUCCEEDED
    ended = arm.begin(HOME)
    arm.wait_until_under_way()

    arm.client.hold()

    answer = arm.end(ended)
    assert answer.status == ABORTED
    assert "the arm is held (stop)" in answer.result.message
    arm.wait_until_given_back()
    stopped = arm.rest()
    assert np.abs(stopped - HOME).max() > 0.1
    refused = arm.go(HOME)
    assert refused.status == ABORTED
    assert arm.is_at(stopped)
    arm.cell.resume()
    assert arm.go(HOME).status == SUCCEEDED


def test_reflex_on_the_way_holds_and_nothing_is_switched_on_before_a_person_was_there(
    arm: Arm,
) -> None:
    assert arm.go(AWAY).status == SUCCEEDED
    ended = arm.begin(HOME)
    arm.wait_until_under_way()

    arm.cell.reflex()

    answer = arm.end(ended)
    assert answer.status == ABORTED
    assert "the arm is held (mode)" in answer.result.message
    arm.client.spin(1.0)
    assert arm.mode == FrankaRobotState.ROBOT_MODE_REFLEX
    arm.cell.resume()
    assert arm.go(HOME).status == SUCCEEDED


def test_process_that_is_lost_on_the_way_holds_the_arm(arm: Arm) -> None:
    assert arm.go(LEFT).status == SUCCEEDED
    ended = arm.begin(RIGHT)
    arm.wait_until_under_way()

    arm.cell.kill("noise_actor")

    answer = arm.end(ended)
    assert answer.status == ABORTED
    assert "the arm is held (lost_noise_actor)" in answer.result.message
    arm.wait_until_given_back()
    assert np.abs(arm.rest() - RIGHT).max() > JOINT_TOLERANCE_RAD
    arm.cell.is_back("noise_actor")
    arm.cell.resume()
    assert arm.go(HOME).status == SUCCEEDED


def test_way_that_leads_out_of_the_workspace_is_refused_before_anything_is_switched(
    arm: Arm,
) -> None:
    assert arm.go(HOME).status == SUCCEEDED

    answer = arm.go(OUTSIDE)

    assert answer.status == ABORTED
    assert "leads where the tool may not be (workspace)" in answer.result.message
    assert arm.is_at(HOME)
    assert set(arm.modes) <= {MOVE}
    assert not arm.cell.is_held
