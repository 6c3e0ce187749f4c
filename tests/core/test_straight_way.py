"""A motion that does not pass safety is looked at before, and cut into legs that are over soon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.control.chunk_player import RETURN_SHARE
from dsrl_core.control.kinematics import Kinematics
from dsrl_core.control.straight_way import LEG_S, StraightWay
from dsrl_core.specs.robot import KeepOutBox
from dsrl_core.types import Pose

ROBOT = Catalog.default().robot("fr3")
HOME = np.array(ROBOT.start_joint_positions_rad)
TURNED = HOME + 0.4 * np.eye(7)[0]
WAY = StraightWay(ROBOT)


def box_around(joints: np.ndarray) -> KeepOutBox:
    """As large as a fist, around the tool."""
    point = Kinematics(ROBOT).tool_pose(joints).position
    low, high = (point - 0.05).tolist(), (point + 0.05).tolist()
    return KeepOutBox("post", (low[0], low[1], low[2]), (high[0], high[1], high[2]))


def test_way_inside_the_workspace_may_be_gone() -> None:
    assert WAY.forbidden(TURNED, HOME) == ""
    assert WAY.forbidden(HOME, HOME) == ""


def test_way_through_a_keep_out_box_is_refused_although_both_ends_are_free() -> None:
    other = HOME - 0.4 * np.eye(7)[0]
    way = StraightWay(replace(ROBOT, keep_out=(box_around(HOME),)))
    assert way.forbidden(TURNED, TURNED) == ""
    assert "(keep_out)" in way.forbidden(TURNED, other)
    assert "(keep_out)" in way.forbidden(other, TURNED)


def test_way_to_a_goal_outside_of_the_workspace_is_refused() -> None:
    assert "(workspace)" in WAY.forbidden(HOME, HOME + 1.2 * np.eye(7)[0])


def test_way_into_the_table_is_refused() -> None:
    kinematics = Kinematics(ROBOT)
    pose = kinematics.tool_pose(HOME)
    below = Pose(np.array([0.5, 0.0, -0.02]), pose.quaternion_wxyz)
    found = kinematics.solve(below, HOME, 100)
    assert found.position_error_m < 1e-3
    assert WAY.forbidden(HOME, found.joint_positions)


def test_arm_that_stands_where_it_must_not_may_leave() -> None:
    outside = HOME + 1.2 * np.eye(7)[0]
    assert WAY.forbidden(outside, HOME) == ""


def test_arm_that_stands_where_it_must_not_may_not_go_deeper() -> None:
    outside = HOME + 1.0 * np.eye(7)[0]
    assert WAY.forbidden(outside, HOME + 1.3 * np.eye(7)[0])


@pytest.mark.parametrize("seed", range(20))
def test_legs_lie_on_the_line_end_at_the_goal_and_are_short_and_slow(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, high = np.array(ROBOT.joint_position_min_rad), np.array(ROBOT.joint_position_max_rad)
    start, goal = rng.uniform(low, high), rng.uniform(low, high)
    legs = WAY.legs(start, goal)
    at, speed = start, RETURN_SHARE * np.array(ROBOT.joint_velocity_max_rad_s)
    for leg in legs:
        assert (leg.velocity_max > 0).all()
        assert (leg.velocity_max <= speed + 1e-12).all()
        assert (np.abs(leg.joints - at) / leg.velocity_max <= LEG_S + 1e-9).all()
        share = (leg.joints - start) / (goal - start)
        assert np.ptp(share) < 1e-9
        at = leg.joints
    np.testing.assert_array_equal(at, goal)


def test_all_joints_of_a_leg_take_equally_long() -> None:
    goal = HOME + np.array([0.3, -0.2, 0.1, 0.25, -0.3, 0.2, 0.1])
    leg = WAY.legs(HOME, goal)[0]
    durations = np.abs(leg.joints - HOME) / leg.velocity_max
    assert np.ptp(durations) < 1e-9


def test_no_way_is_one_leg_to_where_the_arm_is() -> None:
    (leg,) = WAY.legs(HOME, HOME)
    np.testing.assert_array_equal(leg.joints, HOME)
    assert (leg.velocity_max > 0).all()
