"""A robot file may ask for the robot's own motion where the driver has none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from action_msgs.msg import GoalStatus

from tests.ros.returning_setup import AWAY, MOVE, Arm, arm_of


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    yield from arm_of(tmp_path_factory.mktemp("run"), "franka_sim.ptp_motion=false")


def test_without_the_action_the_arm_comes_back_by_set_points_and_that_is_said(arm: Arm) -> None:
    answer = arm.go(AWAY)

    assert answer.status == GoalStatus.STATUS_SUCCEEDED, answer.result.message
    assert "by set-points, because there is no action server" in answer.result.message
    assert arm.is_at(AWAY)
    assert arm.set_points > 0
    assert set(arm.modes) <= {MOVE}
