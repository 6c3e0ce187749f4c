"""Errors and delay of an arm that follows are found where they are known."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.tracking import Motion, tracking
from dsrl_core.types import Float64Array, Pose

PERIOD_S = 0.01
GAP_S = 0.03


def tool_pose(joints: Float64Array) -> Pose:
    """A tool on a lever of one metre, for small angles."""
    return Pose(np.array([joints[0], joints[1], 0.0]), np.array([1.0, 0.0, 0.0, 0.0]))


def swing(times_s: Float64Array) -> Float64Array:
    """Two joints that swing."""
    return np.stack([0.3 * np.sin(2 * times_s), 0.1 * np.cos(3 * times_s)], axis=1)


def motion(delay_s: float = 0.0, begin_s: float = 0.0, seconds: float = 6.0) -> Motion:
    times_s = np.arange(begin_s, begin_s + seconds, PERIOD_S)
    return Motion(times_s, swing(times_s - delay_s))


def test_an_arm_that_is_where_it_should_be_has_no_error_at_any_time_between_set_points() -> None:
    found = tracking(motion(), motion(begin_s=0.0037), GAP_S, tool_pose)
    assert found.samples > 500
    assert found.max_rad.max() < 1e-4
    assert found.tool_max_m < 1e-4
    assert abs(found.delay_s) < 1e-4


@pytest.mark.parametrize("delay_s", [-0.012, 0.004, 0.017, 0.083])
def test_a_delay_is_found_and_explains_the_error(delay_s: float) -> None:
    found = tracking(motion(), motion(delay_s), GAP_S, tool_pose)
    assert found.delay_s == pytest.approx(delay_s, abs=1e-4)
    assert found.max_rad[0] == pytest.approx(0.6 * abs(delay_s), rel=0.01)
    assert found.rms_after_delay_rad.max() < 1e-4


def test_an_offset_is_an_error_of_its_joint_alone_and_not_a_delay() -> None:
    measured = motion()
    measured.positions[:, 1] += 0.02
    found = tracking(motion(), measured, GAP_S, tool_pose)
    np.testing.assert_allclose(found.rms_rad, [0.0, 0.02], atol=1e-6)
    assert found.tool_rms_m == pytest.approx(0.02, abs=1e-6)
    assert found.rms_after_delay_rad[1] > 0.019


def test_nothing_is_compared_between_two_motions() -> None:
    first, second = motion(seconds=3.0), motion(begin_s=5.0, seconds=3.0)
    commanded = Motion(
        np.concatenate([first.times_s, second.times_s]),
        np.concatenate([first.positions, second.positions]),
    )
    measured = motion(seconds=8.0)
    between = (measured.times_s > 3.0) & (measured.times_s < 5.0)
    measured.positions[between] = 9.0
    assert tracking(commanded, measured, GAP_S, tool_pose).max_rad.max() < 1e-4


def test_without_a_measurement_beside_it_there_is_nothing_to_say() -> None:
    with pytest.raises(InvalidValue, match="600 set-points and 600 measurements"):
        tracking(motion(), motion(begin_s=100.0), GAP_S, tool_pose)
