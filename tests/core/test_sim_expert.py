"""The scripted expert is a function of the observation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dsrl_sim.expert import PickView, ScriptedExpert, draw_error, ideal_action


def observation(
    tool: tuple[float, float, float] = (0.45, 0.0, 0.2),
    yaw: float = 0.0,
    width: float = 0.08,
    cube: tuple[float, float, float] = (0.5, 0.02, 0.02),
    cube_yaw: float = 0.0,
) -> npt.NDArray[np.float32]:
    return np.array([*tool, yaw, width, *cube, cube_yaw], dtype=np.float32)


def test_it_reads_the_observation_by_name() -> None:
    view = PickView.of(np.arange(9, dtype=np.float32))
    np.testing.assert_array_equal(view.tool_position, [0, 1, 2])
    np.testing.assert_array_equal(view.object_position, [5, 6, 7])
    assert (view.tool_yaw, view.gripper_width, view.object_yaw) == (3, 4, 8)


def test_it_moves_over_the_cube_with_open_fingers() -> None:
    dx, dy, dz, _, width = ideal_action(observation())
    assert dx > 0
    assert dy > 0
    assert dz < 0
    assert width == np.float32(0.08)


def test_it_stays_above_the_cube_while_it_is_beside_it() -> None:
    beside = observation(tool=(0.44, 0.02, 0.1))
    assert ideal_action(beside)[2] > -1e-6


def test_it_goes_straight_down_over_the_cube() -> None:
    dx, dy, dz, _, _ = ideal_action(observation(tool=(0.5, 0.02, 0.1)))
    np.testing.assert_allclose([dx, dy], 0, atol=1e-8)
    assert dz < 0


def test_it_turns_to_the_cube() -> None:
    assert ideal_action(observation(cube_yaw=0.5))[3] > 0
    assert ideal_action(observation(cube_yaw=-0.5))[3] < 0


def test_it_closes_at_the_cube_waits_for_the_fingers_and_lifts() -> None:
    at_cube = (0.5, 0.02, 0.021)
    assert ideal_action(observation(tool=at_cube))[4] == 0
    np.testing.assert_array_equal(ideal_action(observation(tool=at_cube, width=0.06)), np.zeros(5))
    lifting = ideal_action(observation(tool=at_cube, width=0.039))
    assert lifting[2] > 0
    assert lifting[4] == 0


def test_no_action_is_faster_than_the_arm() -> None:
    far = ideal_action(observation(cube=(0.8, 0.5, 0.02), cube_yaw=0.7))
    assert np.linalg.norm(far[:2]) <= 0.02 + 1e-6
    assert abs(far[2]) <= 0.02 + 1e-6
    assert abs(far[3]) <= 0.12 + 1e-6


def test_its_error_turns_with_the_gripper() -> None:
    yaw = 0.5
    error = (0.03, 0.0)
    shifted = (0.5 + 0.03 * np.cos(yaw), 0.02 + 0.03 * np.sin(yaw), 0.1)
    action = ScriptedExpert(error).action(observation(tool=shifted, yaw=yaw, cube_yaw=yaw))
    np.testing.assert_allclose(action[:2], 0, atol=1e-8)
    assert action[2] < 0


def test_errors_are_drawn_around_their_mean_and_repeat() -> None:
    errors = np.array([draw_error(rng) for rng in [np.random.default_rng(0)] for _ in range(2000)])
    np.testing.assert_allclose(errors.mean(axis=0), [0.022, -0.018], atol=0.003)
    np.testing.assert_allclose(errors.std(axis=0), 0.028, atol=0.002)
    assert draw_error(np.random.default_rng(0)) == tuple(errors[0])
