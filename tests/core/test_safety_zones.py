"""Safety in space: table, workspace and keep-out boxes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dsrl_core.catalog import Catalog
from dsrl_core.control.kinematics import Kinematics, Solution, pointing_down
from dsrl_core.control.motion import Motion
from dsrl_core.control.safety import Safety
from dsrl_core.specs.robot import KeepOutBox

ROBOT = Catalog.default().robot("fr3")
KINEMATICS = Kinematics(ROBOT)
LOW, HIGH = np.array(ROBOT.joint_position_min_rad), np.array(ROBOT.joint_position_max_rad)
VELOCITY = np.array(ROBOT.joint_velocity_max_rad_s)
START = np.array(ROBOT.start_joint_positions_rad)
inside = hnp.arrays(float, 7, elements=st.floats(0.0, 1.0)).map(lambda x: LOW + x * (HIGH - LOW))


def at(x: float, y: float, z: float) -> np.ndarray:
    """Joints with the tool there, pointing down."""
    pose = pointing_down(np.array([x, y, z]), 0.0)
    return KINEMATICS.solve(pose, START, max_iterations=60).joint_positions


def fenced(**zones: object) -> Safety:
    safety = Safety(replace(ROBOT, **zones), KINEMATICS)
    safety.release()
    safety.start(at(0.5, 0.0, 0.2))
    return safety


FENCES = {
    "table": ({"table_height_m": 0.1}, (0.5, 0.0, 0.02), lambda p: p[2] > 0.1),
    "workspace": ({"workspace_max_m": (0.55, 0.35, 0.65)}, (0.7, 0.0, 0.2), lambda p: p[0] < 0.553),
    "keep_out": (
        {"keep_out": (KeepOutBox("post", (0.45, 0.1, 0.0), (0.55, 0.3, 0.5)),)},
        (0.5, 0.2, 0.2),
        lambda p: p[1] < 0.08,
    ),
}


@pytest.mark.parametrize("rule", FENCES)
def test_the_tool_stops_before_what_is_forbidden_at_any_speed(rule: str) -> None:
    zones, goal, is_allowed = FENCES[rule]
    safety, target = fenced(**zones), at(*goal)
    for _ in range(600):
        motion = safety.admit(Motion.rest(target), safety.position)
        assert is_allowed(KINEMATICS.tool_pose(motion.position).position)
    assert safety.report().clamped[rule] > 0
    assert safety.hold_rule is None


@pytest.mark.parametrize("rule", FENCES)
def test_an_action_that_leads_into_what_is_forbidden_stays_where_it_is(rule: str) -> None:
    zones, goal, _ = FENCES[rule]
    safety = fenced(**zones)
    start, end = safety.position, at(*goal)
    target, whole = safety.row_target(start, Solution(end, None, 0.0, 0.0, 1), 10.0)
    assert not whole
    np.testing.assert_array_equal(target, start)
    assert safety.report().clamped == {rule: 1}


def test_an_arm_that_stands_where_it_must_not_may_leave_and_not_go_deeper() -> None:
    safety = Safety(replace(ROBOT, table_height_m=0.1), KINEMATICS)
    safety.release()
    safety.start(at(0.5, 0.0, 0.05))
    for _ in range(50):
        safety.admit(Motion.rest(at(0.5, 0.0, 0.01)), safety.position)
    assert KINEMATICS.tool_pose(safety.position).position[2] > 0.045
    for _ in range(300):
        safety.admit(Motion.rest(at(0.5, 0.0, 0.2)), safety.position)
    np.testing.assert_allclose(safety.position, at(0.5, 0.0, 0.2), atol=1e-3)


def test_a_keep_out_box_is_wider_by_its_margin() -> None:
    box = KeepOutBox("post", (0.45, 0.1, 0.0), (0.55, 0.3, 0.5))
    nearest = []
    for margin_m in (0.0, 0.02, 0.05):
        safety, target = fenced(keep_out=(box,), keep_out_margin_m=margin_m), at(0.5, 0.2, 0.2)
        for _ in range(300):
            safety.admit(Motion.rest(target), safety.position)
        assert safety.report().clamped["keep_out"] > 0
        nearest.append(KINEMATICS.tool_pose(safety.position).position[1])
    np.testing.assert_array_less(nearest, [0.1, 0.08, 0.05])
    np.testing.assert_allclose(nearest, [0.1, 0.08, 0.05], atol=0.03)


def test_a_board_is_not_jumped_over_between_two_set_points() -> None:
    """Both sides are free, and the arm is fast."""
    board = KeepOutBox("board", (0.3, 0.049, 0.0), (0.7, 0.051, 0.65))
    safety, target = fenced(keep_out=(board,)), at(0.5, 0.3, 0.2)
    for _ in range(300):
        motion = safety.admit(Motion.rest(target), safety.position)
        assert KINEMATICS.tool_pose(motion.position).position[1] < 0.049
    assert safety.report().clamped["keep_out"] > 0


@pytest.mark.parametrize("margin_m", [-0.01, math.nan, math.inf])
def test_a_margin_that_is_none_is_refused(margin_m: float) -> None:
    with pytest.raises(ValueError, match="keep_out_margin_m"):
        replace(ROBOT, keep_out_margin_m=margin_m)
