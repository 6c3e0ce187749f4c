"""Safety: whatever comes in, what goes out obeys the robot's limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dsrl_core.catalog import Catalog
from dsrl_core.control.kinematics import Solution, pointing_down
from dsrl_core.control.safety import Safety

ROBOT = Catalog.default().robot("fr3")
LOW, HIGH = np.array(ROBOT.joint_position_min_rad), np.array(ROBOT.joint_position_max_rad)
VELOCITY = np.array(ROBOT.joint_velocity_max_rad_s)
ACCELERATION = np.array(ROBOT.joint_acceleration_max_rad_s2)
PERIOD = ROBOT.set_point_period_s
START = np.array(ROBOT.start_joint_positions_rad)

anything = st.one_of(
    hnp.arrays(float, 7, elements=st.floats()),
    hnp.arrays(float, 7, elements=st.floats(-4.0, 4.0)),
    hnp.arrays(float, st.integers(0, 9), elements=st.floats(-1.0, 1.0)),
)
inside = hnp.arrays(float, 7, elements=st.floats(0.0, 1.0)).map(lambda x: LOW + x * (HIGH - LOW))
nudge = hnp.arrays(float, 7, elements=st.floats(-0.3, 0.3))


def assert_obeys(before, velocity, after) -> np.ndarray:
    """The limits for one set-point; gives its velocity."""
    assert np.isfinite(after).all()
    assert (after >= LOW).all()
    assert (after <= HIGH).all()
    now = (after - before) / PERIOD
    assert (np.abs(now) <= VELOCITY * (1 + 1e-9)).all()
    assert (np.abs(now - velocity) <= ACCELERATION * PERIOD * (1 + 1e-6)).all()
    return now


@given(start=inside, stream=st.lists(st.tuples(anything, st.one_of(inside, anything)), max_size=30))
def test_any_stream_at_all_gives_set_points_within_the_limits(start, stream) -> None:
    safety = Safety(ROBOT)
    safety.start(start)
    position, velocity = safety.position, np.zeros(7)
    for wanted, measured in stream:
        admitted = safety.admit(wanted, measured)
        velocity = assert_obeys(position, velocity, admitted)
        position = admitted


@given(start=inside, stream=st.lists(st.tuples(nudge, nudge), min_size=5, max_size=60))
def test_a_wild_stream_that_the_arm_follows_stays_within_the_limits(start, stream) -> None:
    safety = Safety(ROBOT)
    safety.start(start)
    position, velocity = safety.position, np.zeros(7)
    for leap, error in stream:
        admitted = safety.admit(position + 5.0 * leap, position + 0.3 * error)
        velocity = assert_obeys(position, velocity, admitted)
        position = admitted
    assert safety.hold_reason is None


@given(start=inside, sign=st.sampled_from([-1.0, 1.0]))
def test_a_joint_driven_into_its_limit_stops_there_without_braking_too_hard(start, sign) -> None:
    safety = Safety(ROBOT)
    safety.start(start)
    position, velocity = safety.position, np.zeros(7)
    for _ in range(350):
        admitted = safety.admit(position + sign, position)
        velocity = assert_obeys(position, velocity, admitted)
        position = admitted
    limit = HIGH if sign > 0 else LOW
    np.testing.assert_allclose(position, limit, atol=2e-3)
    assert safety.report().clamped["joint_position"] > 0


@given(start=inside)
def test_a_reachable_set_point_passes_unchanged_and_uncounted(start) -> None:
    safety = Safety(ROBOT)
    safety.start(start)
    wanted = np.clip(start + np.sign(START - start) * 0.5 * ACCELERATION * PERIOD**2, LOW, HIGH)
    np.testing.assert_allclose(safety.admit(wanted, start), wanted, atol=1e-12)
    assert safety.report().clamped == {}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_brakes_holds_and_says_so(bad) -> None:
    safety = Safety(ROBOT)
    safety.start(START)
    for step in range(1, 6):
        safety.admit(START + 0.002 * step, safety.position)
    assert safety.velocity.max() > 0.05
    wanted = START.copy()
    wanted[3] = bad
    for _ in range(3):
        held = safety.admit(wanted, START)
    assert "set-point is not finite" in safety.hold_reason
    assert (safety.velocity == 0).all()
    np.testing.assert_array_equal(safety.admit(START, START), held)
    safety.start(START)
    assert safety.hold_reason is None


def test_an_arm_that_is_blocked_is_not_run_away_from() -> None:
    safety = Safety(ROBOT)
    safety.start(START)
    for step in range(200):
        admitted = safety.admit(START + 0.01 * step, START)
    assert np.abs(admitted - START).max() <= ROBOT.tracking_error_max_rad
    report = safety.report()
    assert report.clamped["tracking_error"] > 0
    assert report.hold_reason is None


def test_an_arm_that_is_suddenly_elsewhere_is_held_and_the_joint_is_named() -> None:
    safety = Safety(ROBOT)
    safety.start(START)
    moved = START.copy()
    moved[5] += 0.5
    held = safety.admit(START, moved)
    np.testing.assert_array_equal(held, START)
    assert "fr3_joint6 is measured 0.500 rad away" in safety.hold_reason


@pytest.mark.parametrize("measured", [np.full(7, math.nan), np.zeros(6), START + 3.0])
def test_no_start_from_an_impossible_measurement(measured) -> None:
    safety = Safety(ROBOT)
    safety.start(measured)
    assert safety.hold_reason is not None


def test_a_set_point_that_was_not_sent_is_taken_back_with_its_counts() -> None:
    safety = Safety(ROBOT)
    safety.start(START)
    safety.admit(START + 1.0, START)
    before, report = safety.position, safety.report()
    first = safety.admit(START + 1.0, START)
    safety.rewind()
    np.testing.assert_array_equal(safety.position, before)
    assert safety.report() == report
    np.testing.assert_array_equal(safety.admit(START + 1.0, START), first)


@given(hnp.arrays(float, 3, elements=st.floats(-1e30, 1e30)), st.floats(-1e9, 1e9))
def test_tool_point_and_gripper_are_clamped_and_counted(point, width) -> None:
    safety = Safety(ROBOT)
    safety.start(START)
    clamped = safety.tool_point(point)
    assert (clamped >= ROBOT.workspace_min_m).all()
    assert (clamped <= ROBOT.workspace_max_m).all()
    assert 0.0 <= safety.gripper_width(width) <= ROBOT.gripper_width_max_m
    counts = safety.report().clamped
    assert ("workspace" in counts) == (clamped != point).any()
    assert ("gripper_width" in counts) == (not 0.0 <= width <= ROBOT.gripper_width_max_m)


@given(start=inside, end=inside)
def test_a_row_asks_no_joint_for_more_than_its_velocity(start, end) -> None:
    safety = Safety(ROBOT)
    safety.start(start)
    pose = pointing_down(np.array([0.5, 0.0, 0.2]), 0.0)
    target, whole = safety.row_target(
        start, Solution(end, pose, 0.0, 0.0, 1), 0.1, lambda joints: np.array([0.5, 0.0, 0.2])
    )
    assert (np.abs(target - start) <= VELOCITY * 0.1 * (1 + 1e-9)).all()
    assert whole == (target is end)


def test_a_row_that_misses_its_aim_may_not_leave_the_workspace() -> None:
    safety = Safety(ROBOT)
    safety.start(START)
    pose = pointing_down(np.array([0.5, 0.0, 0.0]), 0.0)
    missed = Solution(START + 0.01, pose, 0.02, 0.0, 15)
    below = {True: np.array([0.5, 0.0, 0.02]), False: np.array([0.5, 0.0, 0.001])}
    target, whole = safety.row_target(START, missed, 0.1, lambda joints: below[joints is START])
    assert target is START
    assert not whole
    assert safety.report().clamped == {"reach": 1, "workspace": 1}
