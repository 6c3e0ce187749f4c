"""Safety: whatever comes in, what goes out obeys the robot's limits."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dsrl_core.catalog import Catalog
from dsrl_core.control.kinematics import Kinematics, Solution, pointing_down
from dsrl_core.control.motion import Motion
from dsrl_core.control.safety import Safety

ROBOT = Catalog.default().robot("fr3")
KINEMATICS = Kinematics(ROBOT)
LOW, HIGH = np.array(ROBOT.joint_position_min_rad), np.array(ROBOT.joint_position_max_rad)
VELOCITY = np.array(ROBOT.joint_velocity_max_rad_s)
START = np.array(ROBOT.start_joint_positions_rad)
inside = hnp.arrays(float, 7, elements=st.floats(0.0, 1.0)).map(lambda x: LOW + x * (HIGH - LOW))


def started(measured: np.ndarray = START) -> Safety:
    safety = Safety(ROBOT, KINEMATICS)
    safety.release()
    safety.start(measured)
    return safety


def goes(safety: Safety, velocity: float, ticks: int) -> Motion:
    """Let the first joint run at a velocity [rad/s] for some ticks; the last set-point."""
    way = np.array([velocity, 0, 0, 0, 0, 0, 0])
    for _ in range(ticks):
        motion = safety.lead(safety.position + way, way, safety.position)
    return motion


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("part", ["position", "velocity", "acceleration"])
def test_a_value_that_is_no_number_brakes_holds_and_says_so(bad: float, part: str) -> None:
    safety = started()
    assert goes(safety, 0.3, 10).velocity[0] > 0.2
    values = vars(Motion.rest(START.copy()))
    values = {name: value.copy() for name, value in values.items()}
    values[part][3] = bad
    for _ in range(20):
        held = safety.admit(Motion(**values), START)
    assert "set-point" in safety.hold_reason
    assert "is not finite" in safety.hold_reason
    assert not held.velocity.any()
    np.testing.assert_array_equal(safety.admit(Motion.rest(START), START).position, held.position)


def test_a_held_arm_stays_held_over_a_start_until_it_is_released() -> None:
    safety = started()
    safety.hold("stop", "a person pressed stop")
    safety.hold("mode", "the robot is idle")
    safety.start(START)
    assert (safety.hold_rule, safety.hold_reason) == ("stop", "a person pressed stop")
    np.testing.assert_array_equal(safety.admit(Motion.rest(START + 0.1), START).position, START)
    safety.release()
    safety.start(START)
    assert safety.hold_rule is None


def test_a_hold_brakes_at_once_and_within_the_limits() -> None:
    safety = started()
    before = goes(safety, 1.0, 40)
    safety.hold("stop", "a person pressed stop")
    speeds = [safety.admit(before, START).velocity[0] for _ in range(30)]
    assert speeds[0] < before.velocity[0]
    assert all(later <= earlier for earlier, later in pairwise(speeds))
    assert speeds[-1] == 0.0


def test_an_arm_that_is_blocked_is_not_run_away_from() -> None:
    safety = started()
    for step in range(200):
        admitted = safety.admit(Motion.rest(START + 0.01 * step), START).position
        assert np.abs(admitted - START).max() <= ROBOT.tracking_error_max_rad + 1e-9
    report = safety.report()
    assert report.clamped["tracking_error"] > 0
    assert report.hold_reason is None


def test_an_arm_that_is_pressed_back_a_little_at_the_clamp_is_not_held() -> None:
    safety = started()
    for step in range(200):
        safety.admit(Motion.rest(START + 0.01 * step), START)
    pressed_back = START - 0.05 * ROBOT.tracking_error_max_rad
    for _ in range(50):
        safety.admit(Motion.rest(START + 2.0), pressed_back)
    assert safety.hold_rule is None
    assert np.abs(safety.position - pressed_back).max() < ROBOT.tracking_error_max_rad


def test_an_arm_that_is_suddenly_elsewhere_is_held_and_the_joint_is_named() -> None:
    safety = started()
    moved = START.copy()
    moved[5] += 0.5
    held = safety.admit(Motion.rest(START), moved)
    np.testing.assert_array_equal(held.position, START)
    assert "fr3_joint6 is measured 0.500 rad away" in safety.hold_reason


@pytest.mark.parametrize("measured", [np.full(7, math.nan), np.zeros(6), START + 3.0])
def test_no_start_from_an_impossible_measurement(measured: np.ndarray) -> None:
    assert started(measured).hold_reason is not None


def test_a_set_point_that_was_not_sent_is_taken_back_with_its_counts() -> None:
    safety, leap = started(), Motion.rest(START + 1.0)
    safety.admit(leap, START)
    before, report = safety.motion, safety.report()
    first = safety.admit(leap, START)
    safety.rewind()
    assert safety.motion is before
    assert safety.report() == report
    np.testing.assert_array_equal(safety.admit(leap, START).position, first.position)


def test_a_hold_is_not_forgotten_with_a_set_point_that_was_not_sent() -> None:
    """In lock-step a person may press stop between a set-point and its being taken back."""
    safety = started()
    safety.admit(Motion.rest(START), START)
    safety.hold("stop", "a person pressed stop")
    safety.rewind()
    assert safety.hold_rule == "stop"


def test_an_arm_that_moves_is_not_begun_from_rest() -> None:
    safety = started()
    before = goes(safety, 1.0, 40)
    safety.start(safety.position + 0.01, goes_on=True)
    assert safety.motion is before
    assert safety.hold_rule is None
    safety.start(np.full(7, math.nan), goes_on=True)
    assert safety.hold_rule == "finite"
    speeds = [safety.brake().velocity[0] for _ in range(40)]
    assert speeds[0] < before.velocity[0]
    assert all(later <= earlier for earlier, later in pairwise(speeds))
    assert not safety.is_moving


def test_a_start_that_is_not_measured_as_such_goes_on_braking_from_where_it_was() -> None:
    """Not from the beginning of the brake again."""
    safety = started()
    goes(safety, 1.0, 40)
    safety.hold("stop", "a person pressed stop")
    for _ in range(5):
        last = safety.admit(Motion.rest(START), START)
    safety.start(np.full(7, math.nan))
    assert safety.brake().velocity[0] < last.velocity[0]


def test_a_start_outside_of_a_joints_range_is_counted() -> None:
    safety = started(HIGH + 0.05)
    assert safety.report().clamped == {"joint_position": 1}
    assert safety.hold_rule is None


def test_being_led_instead_of_being_there_is_counted_as_a_lag() -> None:
    safety, way = started(), np.array([0.3, 0, 0, 0, 0, 0, 0])
    safety.lead(START + way, way, START)
    assert safety.report().clamped == {}
    safety.lead(START + way, way, safety.position, lags=True)
    assert safety.report().clamped == {"lag": 1}


def test_a_led_arm_that_does_not_follow_is_braked_counted_and_held() -> None:
    safety, way = started(), np.array([1.0, 0, 0, 0, 0, 0, 0])
    for _ in range(200):
        led = safety.lead(START + way, np.zeros(7), START)
    assert safety.report().clamped["tracking_error"] > 0
    assert safety.hold_rule == "tracking_error"
    assert not led.velocity.any()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_target_that_is_no_number_holds(bad: float) -> None:
    safety, nowhere = started(), START.copy()
    nowhere[2] = bad
    assert not safety.lead(nowhere, np.zeros(7), START).velocity.any()
    assert safety.hold_rule == "finite"
    assert "set-point's target" in safety.hold_reason


def test_a_strong_force_holds_and_a_single_noisy_sample_does_not() -> None:
    safety, strong = started(), np.array([0.0, 0.0, ROBOT.force_max_n + 1.0])
    for force in (strong, strong, np.zeros(3), strong, strong):
        safety.force(force)
    assert safety.hold_rule is None
    safety.force(np.array([math.nan, 0.0, 0.0]))
    assert safety.hold_rule == "force"


@given(hnp.arrays(float, 3, elements=st.floats(-1e30, 1e30)), st.floats(-1e9, 1e9))
def test_tool_point_and_gripper_are_clamped_and_counted(point: np.ndarray, width: float) -> None:
    safety = started()
    clamped = safety.tool_point(point)
    assert (clamped >= ROBOT.workspace_min_m).all()
    assert (clamped <= ROBOT.workspace_max_m).all()
    assert 0.0 <= safety.gripper_width(width) <= ROBOT.gripper_width_max_m
    counts = safety.report().clamped
    assert ("workspace" in counts) == (clamped != point).any()
    assert ("gripper_width" in counts) == (not 0.0 <= width <= ROBOT.gripper_width_max_m)


@given(start=inside, end=inside)
def test_a_row_asks_no_joint_for_more_than_its_velocity(start: np.ndarray, end: np.ndarray) -> None:
    pose = pointing_down(np.array([0.5, 0.0, 0.2]), 0.0)
    target, whole = started(start).row_target(start, Solution(end, pose, 0.0, 0.0, 1), 0.1)
    assert (np.abs(target - start) <= VELOCITY * 0.1 * (1 + 1e-9)).all()
    assert not whole or (target == end).all()
