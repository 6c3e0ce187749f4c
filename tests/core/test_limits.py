"""Set-points keep the joints' limits, whatever is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dsrl_core.catalog import Catalog
from dsrl_core.control.kinematics import Kinematics
from dsrl_core.control.motion import Motion
from dsrl_core.control.safety import Safety
from dsrl_core.specs import RobotSpec

ROBOT = Catalog.default().robot("fr3")
KINEMATICS = Kinematics(ROBOT)
START = np.array(ROBOT.start_joint_positions_rad)
LOW, HIGH = np.array(ROBOT.joint_position_min_rad), np.array(ROBOT.joint_position_max_rad)
VELOCITY = np.array(ROBOT.joint_velocity_max_rad_s)
ACCELERATION = np.array(ROBOT.joint_acceleration_max_rad_s2)
JERK = np.array(ROBOT.joint_jerk_max_rad_s3)
ANYWHERE = ((-5.0, -5.0, -5.0), (5.0, 5.0, 5.0))

number = st.one_of(st.floats(), st.floats(-4.0, 4.0), st.floats(-0.01, 0.01))
vector = hnp.arrays(float, 7, elements=number)
inside = hnp.arrays(float, 7, elements=st.floats(0.02, 0.98)).map(lambda x: LOW + x * (HIGH - LOW))
small = hnp.arrays(float, 7, elements=st.floats(-1.0, 1.0))


def robot_at(period_s: float, **changes: object) -> RobotSpec:
    """An arm without zones in its way, with this period."""
    low, high = ANYWHERE
    return replace(
        ROBOT,
        set_point_period_s=period_s,
        workspace_min_m=low,
        workspace_max_m=high,
        table_height_m=-5.0,
        **changes,
    )


class Stream:
    """What goes out, checked against the limits by its finite differences."""

    def __init__(self, safety: Safety, period_s: float) -> None:
        self._safety, self._period = safety, period_s
        self._sent = [safety.position] * 3

    def send(self, wanted: Motion, measured: np.ndarray) -> None:
        self._sent = [*self._sent[-3:], self._safety.admit(wanted, measured).position]
        self.check()

    def check(self) -> None:
        sent, period = np.array(self._sent), self._period
        assert np.isfinite(sent).all()
        assert (sent >= LOW - 1e-9).all()
        assert (sent <= HIGH + 1e-9).all()
        assert (np.abs(np.diff(sent, axis=0)) <= VELOCITY * period * (1 + 1e-6)).all()
        assert (
            np.abs(np.diff(sent, 2, axis=0)) <= ACCELERATION * period**2 * (1 + 1e-6) + 1e-12
        ).all()
        assert (np.abs(np.diff(sent, 3, axis=0)) <= JERK * period**3 * (1 + 1e-3) + 1e-12).all()


@pytest.mark.parametrize("period_s", [0.02, 0.01, 0.002])
@given(start=inside, stream=st.lists(st.tuples(vector, vector, vector, st.booleans()), max_size=25))
def test_any_stream_at_all_gives_set_points_within_every_limit(period_s, start, stream) -> None:
    safety = Safety(robot_at(period_s), KINEMATICS)
    safety.start(start)
    out = Stream(safety, period_s)
    for position, velocity, acceleration, follows in stream:
        measured = safety.position if follows else position
        out.send(Motion(position, velocity, acceleration), measured)


@pytest.mark.parametrize("period_s", [0.01, 0.002])
@settings(max_examples=40)
@given(start=inside, stream=st.lists(st.tuples(small, small, small), min_size=20, max_size=60))
def test_a_wild_stream_that_the_arm_follows_is_clamped_and_never_held(
    period_s, start, stream
) -> None:
    safety = Safety(robot_at(period_s), KINEMATICS)
    safety.start(start)
    out = Stream(safety, period_s)
    for leap, velocity, acceleration in stream:
        now = safety.motion
        wanted = Motion(
            now.position + leap * period_s,
            now.velocity + velocity * 0.3,
            now.acceleration + 5.0 * acceleration,
        )
        out.send(wanted, safety.position)
    assert safety.hold_reason is None


@settings(max_examples=20)  # each runs through the joints' whole ranges
@given(start=inside, sign=st.sampled_from([-1.0, 1.0]))
def test_a_joint_driven_into_its_limit_stops_there_without_braking_too_hard(start, sign) -> None:
    safety = Safety(robot_at(0.01), KINEMATICS)
    safety.start(start)
    out = Stream(safety, 0.01)
    for _ in range(700):
        out.send(Motion.rest(safety.position + sign), safety.position)
    limit = HIGH if sign > 0 else LOW
    np.testing.assert_allclose(safety.position, limit, atol=2e-3)
    assert safety.report().clamped["joint_position"] > 0


def test_a_motion_that_obeys_the_limits_passes_unchanged_and_uncounted() -> None:
    safety = Safety(robot_at(0.01), KINEMATICS)
    safety.start(START)
    for tick in range(1, 400):
        time = 0.01 * tick
        angle = 1.5 * time
        wanted = Motion(
            START + 0.1 * (1 - np.cos(angle)) * (1 - np.exp(-(time**3))),
            *_derivatives(time),
        )
        np.testing.assert_array_equal(
            safety.admit(wanted, safety.position).position, wanted.position
        )
    assert safety.report().clamped == {}


def _derivatives(time: float, step: float = 1e-4) -> tuple[np.ndarray, np.ndarray]:
    """First two derivatives of the test's motion, by differences."""

    def at(moment: float) -> float:
        return 0.1 * (1 - np.cos(1.5 * moment)) * (1 - np.exp(-(moment**3)))

    first = (at(time + step) - at(time - step)) / (2 * step)
    second = (at(time + step) - 2 * at(time) + at(time - step)) / step**2
    return np.full(7, first), np.full(7, second)
