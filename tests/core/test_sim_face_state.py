"""The simulated arm's own decisions: modes, reflexes, thresholds, discontinuities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.catalog import Catalog
from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.types import Float64Array
from dsrl_sim.command_check import JOINT_LIMITS, CommandCheck
from dsrl_sim.franka_state import FrankaStateMachine, RobotMode, Thresholds

PERIOD_S = 0.01
PERIOD_NS = 10_000_000
STILL = np.zeros(7)
NO_WRENCH = np.zeros(6)


def moving() -> FrankaStateMachine:
    robot = Catalog.default().robot("fr3")
    machine = FrankaStateMachine(Thresholds.of_robot(robot))
    machine.begin_motion()
    return machine


# The state machine by itself.


def test_an_upper_threshold_is_a_reflex_and_a_lower_one_only_a_contact() -> None:
    machine = moving()
    machine.feel(np.array([0, 26.0, 0, 0, 0, 0, 0]), NO_WRENCH, STILL)
    assert machine.mode is RobotMode.MOVE
    assert machine.indicators.joint_contact == (False, True, *[False] * 5)
    assert not any(machine.indicators.joint_collision)

    machine.feel(np.array([0, 36.0, 0, 0, 0, 0, 0]), NO_WRENCH, STILL)
    assert machine.mode is RobotMode.REFLEX
    assert machine.current_errors == machine.last_motion_errors == {"joint_reflex"}
    assert machine.indicators.joint_collision == (False, True, *[False] * 5)


def test_a_force_above_its_upper_threshold_is_a_cartesian_reflex() -> None:
    machine = moving()
    machine.feel(STILL, np.array([0, 0, -41.0, 0, 0, 0]), STILL)
    assert machine.current_errors == {"cartesian_reflex"}
    assert machine.indicators.cartesian_collision == (False, False, True, False, False, False)


def test_thresholds_for_acceleration_count_while_the_arm_accelerates() -> None:
    machine = moving()
    low = machine.nominal
    machine.acceleration = Thresholds(
        low.lower_torque * 2, low.upper_torque * 2, low.lower_force * 2, low.upper_force * 2
    )
    push = np.array([0, 0, 45.0, 0, 0, 0])
    machine.feel(STILL, push, np.full(7, 5.0))
    assert machine.mode is RobotMode.MOVE
    machine.feel(STILL, push, STILL)
    assert machine.mode is RobotMode.REFLEX


def test_a_reflex_is_cleared_by_a_recovery_and_by_nothing_else() -> None:
    machine = moving()
    machine.fail("cartesian_reflex")
    machine.feel(STILL, NO_WRENCH, STILL)
    machine.press_user_stop(True)
    assert machine.mode is RobotMode.USER_STOPPED
    assert 'current mode ("User stopped")' in machine.recover(0)
    machine.press_user_stop(False)
    machine.tick(10**12)
    assert machine.mode is RobotMode.REFLEX
    with pytest.raises(InvalidValue, match="Reflex"):
        machine.begin_motion()

    assert machine.recover(10**12) == ""
    assert machine.mode is RobotMode.AUTOMATIC_ERROR_RECOVERY
    machine.tick(10**12 + 10**9)
    assert machine.mode is RobotMode.IDLE
    assert not machine.current_errors
    assert machine.last_motion_errors == {"cartesian_reflex"}


def test_controllers_are_active_again_some_time_after_the_arm_became_idle() -> None:
    machine = moving()
    machine.press_user_stop(True)
    assert not machine.tick(0)
    machine.press_user_stop(False)
    assert machine.mode is RobotMode.IDLE
    assert not machine.tick(10**9)
    assert machine.tick(2 * 10**9)
    assert machine.mode is RobotMode.MOVE


def test_an_error_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownName, match="cartesian_reflex"):
        moving().fail("cartesian_reflexes")


@pytest.mark.parametrize(
    ("torques", "what"), [((1.0,) * 6, "lower_torque"), ((50.0,) * 7, "above upper")]
)
def test_thresholds_that_do_not_hold_are_refused(torques: tuple[float, ...], what: str) -> None:
    with pytest.raises(InvalidValue, match=what):
        Thresholds.of(torques, (35.0,) * 7, (30.0,) * 6, (40.0,) * 6)


# Discontinuities.


def smooth(time_s: float) -> Float64Array:
    """Velocity up to 0.8 rad/s, acceleration up to 3.2 rad/s^2, jerk up to 13 rad/s^3."""
    return np.full(7, 0.2 * (1.0 - np.cos(4.0 * time_s)))


@given(st.sets(st.integers(1, 40)))
def test_a_smooth_stream_is_followed_whatever_gets_lost(lost: set[int]) -> None:
    check = CommandCheck(JOINT_LIMITS, PERIOD_S)
    before = 0
    for tick in range(41):
        if tick not in lost and tick - before < 10:
            before = tick
            stamp_ns = 10**9 + tick * PERIOD_NS
            assert check.judge(smooth(tick * PERIOD_S), stamp_ns, smooth(0.0)) is None


@given(st.lists(st.integers(-9_000_000, 9_000_000), min_size=41, max_size=41))
def test_a_smooth_stream_is_followed_however_its_stamps_jitter(delays_ns: list[int]) -> None:
    check = CommandCheck(JOINT_LIMITS, PERIOD_S)
    for tick, delay_ns in enumerate(delays_ns):
        stamp_ns = 10**9 + tick * PERIOD_NS + delay_ns
        assert check.judge(smooth(tick * PERIOD_S), stamp_ns, smooth(0.0)) is None


@given(tick=st.integers(4, 40), jump_rad=st.floats(0.006, 1.0), joint=st.integers(0, 6))
def test_a_jump_is_noticed_at_once(tick: int, jump_rad: float, joint: int) -> None:
    check = CommandCheck(JOINT_LIMITS, PERIOD_S)
    for index in range(tick):
        assert check.judge(smooth(index * PERIOD_S), index * PERIOD_NS, smooth(0.0)) is None
    target = smooth(tick * PERIOD_S)
    target[joint] += jump_rad
    assert check.judge(target, tick * PERIOD_NS, smooth(0.0)) in JOINT_LIMITS.errors
