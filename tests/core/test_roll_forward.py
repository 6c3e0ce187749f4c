"""What a policy that is asked ahead is shown: what the committed actions lead to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dsrl_core.steering.roll_forward import RollForward
from dsrl_core.types import Observation
from tests.core.steering_setup import CATALOG

SPEC = CATALOG.policy("franka_pick_flow")
ROBOT = CATALOG.robot("fr3")


def seen(width_m: float, apart_m: float = 0.4) -> Observation:
    """`apart_m`: how far beside the tool the object is."""
    values = np.arange(9, dtype=np.float32) / 10
    values[4] = width_m
    values[5:8] = values[:3]
    values[5] += apart_m
    return Observation(5, values)


def committed(width_m: float) -> tuple[tuple[float, ...], ...]:
    return ((0.01, 0.0, -0.02, 0.1, width_m), (0.01, 0.02, 0.0, 0.1, width_m))


def test_an_observation_is_rolled_over_what_is_committed() -> None:
    before = seen(0.08)
    rolled = RollForward(SPEC, ROBOT)(before, committed(0.08))
    np.testing.assert_allclose(
        rolled.values[:3] - before.values[:3], [0.02, 0.02, -0.02], atol=1e-6
    )
    assert rolled.values[3] == pytest.approx(before.values[3] + 0.2)
    np.testing.assert_array_equal(rolled.values[4:], before.values[4:])
    assert rolled.stamp_ns == 5


def test_what_a_closed_gripper_holds_goes_where_the_tool_goes() -> None:
    before = seen(0.04, apart_m=0.01)
    rolled = RollForward(SPEC, ROBOT)(before, committed(0.0))
    np.testing.assert_allclose(
        rolled.values[5:8] - before.values[5:8], [0.02, 0.02, -0.02], atol=1e-6
    )
    assert rolled.values[8] == pytest.approx(before.values[8] + 0.2)
    assert rolled.values[4] == before.values[4]  # as wide as what it holds


@pytest.mark.parametrize(
    ("width_m", "apart_m", "why"),
    [
        (0.001, 0.01, "it closed on nothing"),
        (0.04, 0.1, "the object is elsewhere"),
        (0.07, 0.01, "it has hardly begun to close"),
        (0.08, 0.01, "it is still open"),
    ],
)
def test_a_gripper_that_holds_nothing_carries_nothing(
    width_m: float, apart_m: float, why: str
) -> None:
    before = seen(width_m, apart_m)
    rolled = RollForward(SPEC, ROBOT)(before, committed(0.0))
    np.testing.assert_array_equal(rolled.values[5:], before.values[5:], err_msg=why)


def test_what_the_fingers_let_go_stays() -> None:
    before = seen(0.04, apart_m=0.01)
    rolled = RollForward(SPEC, ROBOT)(before, committed(0.08))
    np.testing.assert_array_equal(rolled.values[5:], before.values[5:])


@pytest.mark.parametrize(
    ("width_m", "command_m", "expected_m"),
    [
        # Two actions of 0.1 s at 0.1 m/s, and 0.06 s before an open or a closed hand begins.
        (0.08, 0.0, 0.066),
        (0.0, 0.08, 0.014),
        # Under way already.
        (0.06, 0.0, 0.04),
        (0.03, 0.08, 0.05),
        # There, or as far as it goes; a command goes to the nearest of the policy's levels.
        (0.08, 0.06, 0.08),
        (0.07, 0.08, 0.08),
        (0.015, 0.03, 0.0),
    ],
)
def test_a_gripper_opens_and_closes_at_its_speed(
    width_m: float, command_m: float, expected_m: float
) -> None:
    rolled = RollForward(SPEC, ROBOT)(seen(width_m), committed(command_m))
    assert rolled.values[4] == pytest.approx(expected_m, abs=1e-6)


def test_without_anything_committed_nothing_changes() -> None:
    before = seen(0.08)
    assert RollForward(SPEC, ROBOT)(before, ()) is before


@pytest.mark.parametrize("steps", [2, 3, 5])
def test_a_policy_that_sees_the_past_sees_what_was_rolled_over_in_it_too(steps: int) -> None:
    """Newest first, one action's time apart: what the first committed action leads to, and then
    what is measured now, are the past of what the second one leads to."""
    spec = replace(SPEC, observation_steps=steps)
    moments = [seen(0.08).values + 10 * number for number in range(steps)]
    views = [np.full((1, 2, 2, 3), number, np.uint8) for number in range(steps)]
    rolled = RollForward(spec, ROBOT)(
        Observation(5, np.concatenate(moments), np.concatenate(views)), committed(0.08)
    )
    once = RollForward(SPEC, ROBOT)(seen(0.08), committed(0.08)[:1]).values
    twice = RollForward(SPEC, ROBOT)(seen(0.08), committed(0.08)).values
    expected = [twice, once, *moments][:steps]
    np.testing.assert_array_equal(np.split(rolled.values, steps), expected)
    # Nobody can draw what has not been seen.
    assert rolled.images is not None
    assert rolled.images[:, 0, 0, 0].tolist() == [0, 0, 0, 1, 2][:steps]
