"""Kinematics: the tool goes where it is wanted, the same way every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.catalog import Catalog
from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.errors import InvalidFile, UnknownName

ROBOT = Catalog.default().robot("fr3")
KINEMATICS = Kinematics(ROBOT)
START = np.array(ROBOT.start_joint_positions_rad)

around = st.tuples(
    st.floats(0.38, 0.62), st.floats(-0.15, 0.15), st.floats(0.01, 0.3), st.floats(-0.8, 0.8)
)
step = st.tuples(*[st.floats(-0.03, 0.03)] * 3, st.floats(-0.15, 0.15))


def joints_at(x: float, y: float, z: float, yaw: float) -> np.ndarray:
    target = pointing_down(np.array([x, y, z]), yaw)
    return KINEMATICS.solve(target, START, max_iterations=60).joint_positions


def test_the_start_pose_has_the_tool_ahead_pointing_down() -> None:
    pose = KINEMATICS.tool_pose(START)
    np.testing.assert_allclose(pose.position, [0.3069, 0.0, 0.4869], atol=1e-3)
    assert pose.yaw == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(np.abs(pose.quaternion_wxyz), [0, 1, 0, 0], atol=1e-9)


@given(around)
def test_a_pose_in_the_workspace_is_reached_from_the_start_pose(target) -> None:
    *position, yaw = target
    pose = KINEMATICS.tool_pose(joints_at(*target))
    np.testing.assert_allclose(pose.position, position, atol=1e-4)
    assert pose.yaw == pytest.approx(yaw, abs=1e-3)


@given(around, step)
def test_a_step_of_an_action_is_reached_without_a_leap_of_the_joints(origin, displacement) -> None:
    start = joints_at(*origin)
    *position, yaw = np.array(origin) + displacement
    solution = KINEMATICS.solve(pointing_down(np.array(position), yaw), start)
    assert solution.position_error_m < 1e-4
    assert solution.rotation_error_rad < 1e-3
    assert np.abs(solution.joint_positions - start).max() < 0.5


def test_most_steps_take_three_iterations_at_most() -> None:
    draw = np.random.default_rng(0).uniform
    iterations = []
    for _ in range(100):
        origin = draw([0.38, -0.15, 0.01, -0.8], [0.62, 0.15, 0.3, 0.8])
        *position, yaw = origin + draw([-0.03] * 3 + [-0.15], [0.03] * 3 + [0.15])
        target = pointing_down(np.array(position), yaw)
        iterations.append(KINEMATICS.solve(target, joints_at(*origin)).iterations)
    assert np.quantile(iterations, 0.95) <= 3


@given(around)
def test_equal_questions_get_bit_equal_answers_whatever_was_asked_between(other) -> None:
    target = pointing_down(np.array([0.5, 0.05, 0.1]), 0.3)
    first = KINEMATICS.solve(target, START).joint_positions
    joints_at(*other)
    np.testing.assert_array_equal(KINEMATICS.solve(target, START).joint_positions, first)


@pytest.mark.parametrize("position", [[1.2, 0.0, 0.2], [0.0, 0.0, 0.0]])
def test_an_unreachable_pose_is_told_and_stays_within_the_joint_limits(position) -> None:
    solution = KINEMATICS.solve(pointing_down(np.array(position), 0.0), START)
    assert max(solution.position_error_m, solution.rotation_error_rad) > 0.01
    assert (solution.joint_positions >= ROBOT.joint_position_min_rad).all()
    assert (solution.joint_positions <= ROBOT.joint_position_max_rad).all()


def test_a_wrong_name_is_refused_with_what_the_model_has() -> None:
    with pytest.raises(UnknownName, match=r"'hook'; available: .*tool"):
        Kinematics(replace(ROBOT, tool_site="hook"))
    with pytest.raises(UnknownName, match=r"fr3_joint7"):
        Kinematics(replace(ROBOT, joint_names=(*ROBOT.joint_names[:6], "panda_joint7")))


def test_a_model_that_is_no_mjcf_is_refused(tmp_path) -> None:
    (tmp_path / "fr3.xml").write_text("<mujoco><worldbody>")
    with pytest.raises(InvalidFile, match="not a readable MJCF"):
        Kinematics(replace(ROBOT, folder=tmp_path))
