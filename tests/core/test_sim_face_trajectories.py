"""Joint trajectories are taken, refused and interpolated as joint_trajectory_controller does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.errors import InvalidValue
from dsrl_core.types import Float64Array
from dsrl_sim.trajectories import JointTrajectory, Point, Reference

NAMES = ("a", "b")
HERE = Reference(np.array([0.1, -0.2]), np.array([0.5, 0.0]), np.zeros(2))
NUMBERS = st.floats(-3.0, 3.0)


def accept(
    points: list[Point], names: tuple[str, ...] = NAMES, stamp_ns: int = 0
) -> JointTrajectory:
    return JointTrajectory.accept(names, points, stamp_ns, NAMES, 10**9, HERE)


def at(*values: float) -> Float64Array:
    return np.array(values)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_it_begins_at_the_desired_state_and_goes_through_its_points(
    p: float, v: float, q: float, a: float
) -> None:
    way = accept(
        [
            Point(0.5, at(p, q), at(v, -v), at(a, 0.0)),
            Point(1.0, at(q, p), at(0.0, 0.0), at(0.0, a)),
        ]
    )
    start, middle, end = (way.sample(10**9 + t) for t in (0, 500_000_000, 2_000_000_000))
    np.testing.assert_allclose(start.position, HERE.position, atol=1e-9)
    np.testing.assert_allclose(start.velocity, HERE.velocity, atol=1e-9)
    np.testing.assert_allclose(middle.position, at(p, q), atol=1e-9)
    np.testing.assert_allclose(middle.velocity, at(v, -v), atol=1e-9)
    np.testing.assert_allclose(middle.acceleration, at(a, 0.0), atol=1e-7)
    np.testing.assert_array_equal(end.position, at(q, p))
    np.testing.assert_array_equal(end.velocity, np.zeros(2))


@given(st.floats(0.01, 0.99), NUMBERS, NUMBERS)
def test_reported_derivatives_are_those_of_the_position(share: float, p: float, v: float) -> None:
    for accelerations in (at(), at(1.0, -1.0)):
        way = accept(
            [
                Point(1.0, at(p, -p), at(0.0, 0.0), accelerations),
            ]
        )
        now_ns, step_ns = 10**9 + round(share * 1e9), 1_000
        before, after = way.sample(now_ns - step_ns), way.sample(now_ns + step_ns)
        slope = (after.position - before.position) / (2 * step_ns * 1e-9)
        np.testing.assert_allclose(way.sample(now_ns).velocity, slope, atol=1e-4)


def test_positions_alone_are_joined_by_straight_lines() -> None:
    way = accept([Point(1.0, at(1.1, 0.8))])
    half = way.sample(1_500_000_000)
    np.testing.assert_allclose(half.position, at(0.6, 0.3))
    np.testing.assert_allclose(half.velocity, at(1.0, 1.0))


def test_joints_are_put_in_order_by_their_names() -> None:
    way = accept([Point(1.0, at(2.0, 1.0))], names=("b", "a"))
    np.testing.assert_array_equal(way.sample(3 * 10**9).position, at(1.0, 2.0))


def test_a_start_in_the_past_skips_what_is_over() -> None:
    points = [Point(0.1, at(9.0, 9.0)), Point(1.0, at(1.0, 1.0))]
    way = accept(points, stamp_ns=500_000_000)
    np.testing.assert_allclose(way.sample(10**9).position, HERE.position)
    np.testing.assert_allclose(way.sample(1_500_000_000).position, at(1.0, 1.0))


@pytest.mark.parametrize(
    ("points", "names", "stamp_ns", "why"),
    [
        ([], NAMES, 0, "empty"),
        ([Point(1.0, at(0, 0))], ("a", "c"), 0, r"\['a', 'c'\], expected \['a', 'b'\]"),
        ([Point(1.0, at(0, 0))], ("a",), 0, "expected"),
        ([Point(1.0, at(0))], NAMES, 0, "positions .* expected 2"),
        ([Point(1.0, at(0, float("nan")))], NAMES, 0, "finite"),
        ([Point(1.0, at(0, 0)), Point(1.0, at(0, 0))], NAMES, 0, "strictly increasing"),
        ([Point(1.0, at(0, 0), at(0.1, 0))], NAMES, 0, "velocity of the last point"),
        ([Point(0.1, at(0, 0))], NAMES, 1, "ended .* ago"),
    ],
)
def test_what_the_controller_refuses(
    points: list[Point], names: tuple[str, ...], stamp_ns: int, why: str
) -> None:
    with pytest.raises(InvalidValue, match=why):
        accept(points, names, stamp_ns)
