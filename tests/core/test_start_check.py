"""Whether the robot stands at its start, and where a task's objects lie."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.layout import draw_layout, start_posture
from dsrl_core.start_check import StartCheck
from dsrl_sim.world import World

KNOWN = Catalog.default()
ROBOT = KNOWN.robot("fr3")
HOME = np.array(ROBOT.start_joint_positions_rad)


def test_joints_and_gripper_at_the_start_are_right() -> None:
    check = StartCheck(ROBOT, HOME)
    assert check.joints(HOME + 0.009) == ""
    assert check.gripper(ROBOT.gripper_width_max_m) == ""


@pytest.mark.parametrize(
    ("measured", "words"),
    [(HOME + np.eye(7)[3] * 0.05, "fr3_joint4 is 0.050 rad away"), (None, "not heard")],
)
def test_what_is_wrong_with_the_joints_is_said(measured: np.ndarray | None, words: str) -> None:
    assert words in StartCheck(ROBOT, HOME).joints(measured)


def test_joints_that_are_no_numbers_are_not_right() -> None:
    assert StartCheck(ROBOT, HOME).joints(HOME * np.nan)


def test_closed_or_silent_gripper_is_not_right() -> None:
    check = StartCheck(ROBOT, HOME)
    assert "0.020 m wide, expected open" in check.gripper(0.02)
    assert "not heard" in check.gripper(None)


@pytest.mark.parametrize("name", ["franka_pick", "franka_place"])
@pytest.mark.parametrize("seed", [0, 7, 2**40])
def test_person_and_simulator_are_told_the_same_layout(name: str, seed: int) -> None:
    scene = KNOWN.task(name).scene
    world = World(scene, ROBOT.in_lock_step)
    world.reset(seed)
    layout = draw_layout(scene, seed)
    np.testing.assert_array_equal(world.object_pose.position[:2], layout.cube_m)
    assert world.object_pose.yaw == pytest.approx(layout.cube_yaw_rad)
    if layout.bowl_m is not None:
        assert world.goal_pose is not None
        np.testing.assert_array_equal(world.goal_pose.position[:2], layout.bowl_m)
    np.testing.assert_array_equal(world.joint_positions, start_posture(scene, ROBOT))
    text = layout.instruction()
    assert f"x={layout.cube_m[0]:.3f} m" in text
    assert ("bowl" in text) == (layout.bowl_m is not None)
