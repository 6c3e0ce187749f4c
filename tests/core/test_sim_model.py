"""The robot's model says what Franka Robotics and the robot file say."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.specs import RobotSpec

LINK_MASSES_KG = (
    2.3966,
    2.9274653454,
    2.9355370338,
    2.2449013699,
    2.6155955791,
    2.3271207594,
    1.8170376524,
    0.6271432862,
)


@pytest.fixture(scope="module")
def robot() -> RobotSpec:
    return Catalog.default().robot("fr3")


@pytest.fixture(scope="module")
def model(robot: RobotSpec) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(robot.model_path))


def test_the_model_names_its_sources(robot: RobotSpec) -> None:
    text = robot.model_path.read_text()
    for source in ("franka_description", "inertials", "kinematics", "joint_limits", "Apache-2.0"):
        assert source in text


def test_the_model_needs_no_other_file(robot: RobotSpec) -> None:
    assert "<mesh" not in robot.model_path.read_text()


def test_masses_are_the_published_ones(model: mujoco.MjModel) -> None:
    masses = [model.body(f"fr3_link{link}").mass[0] for link in range(8)]
    np.testing.assert_allclose(masses, LINK_MASSES_KG, rtol=1e-9)
    assert model.body("fr3_hand").mass[0] == pytest.approx(0.6544)
    assert model.body("fr3_leftfinger").mass[0] == pytest.approx(0.0291)
    assert model.body("fr3_rightfinger").mass[0] == pytest.approx(0.0291)


def test_inertias_are_the_published_ones_and_only_link_4_is_mended(model: mujoco.MjModel) -> None:
    # Traces do not depend on the frame. That of link 4 grows where its tensor was impossible.
    published = {
        1: 0.023927316485 + 0.022482161328 + 0.006350098259,
        2: 0.041938946258 + 0.025145148850 + 0.061702144729,
        4: 0.034529983219 + 0.028881621933 + 0.041254711711,
        5: 0.051610278464 + 0.047877297134 + 0.016423625579,
    }
    for link, trace in published.items():
        inertia = model.body(f"fr3_link{link}").inertia
        assert inertia.sum() == pytest.approx(trace, rel=0.02 if link == 4 else 1e-6)
        assert np.all(inertia.sum() - inertia >= inertia - 1e-12)


def test_limits_are_those_of_the_robot_file(model: mujoco.MjModel, robot: RobotSpec) -> None:
    for index, name in enumerate(robot.joint_names):
        joint = model.joint(name)
        expected = (robot.joint_position_min_rad[index], robot.joint_position_max_rad[index])
        assert tuple(joint.range) == pytest.approx(expected)
        effort = model.jnt_actfrcrange[joint.id]
        assert tuple(effort) == pytest.approx(
            (-robot.joint_effort_max[index], robot.joint_effort_max[index])
        )
    widths = [model.joint(name).range[1] for name in robot.finger_joint_names]
    assert sum(widths) == pytest.approx(robot.gripper_width_max_m)


def test_the_tool_is_where_the_published_kinematics_put_it(
    model: mujoco.MjModel, robot: RobotSpec
) -> None:
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    # All joints at zero: 0.333 + 0.316 + 0.384 up, 0.107 flange and 0.1034 tool point down.
    zero = data.site(robot.tool_site).xpos.copy()
    np.testing.assert_allclose(zero, [0.088, 0.0, 1.033 - 0.2104], atol=1e-9)
    data.qpos[: len(robot.joint_names)] = robot.start_joint_positions_rad
    mujoco.mj_kinematics(model, data)
    np.testing.assert_allclose(
        data.site(robot.tool_site).xmat, [1, 0, 0, 0, -1, 0, 0, 0, -1], atol=1e-9
    )
    np.testing.assert_allclose(
        data.site(robot.tool_site).xpos, [0.306891, 0.0, 0.486882], atol=1e-5
    )


def test_the_robot_never_collides_with_itself(model: mujoco.MjModel) -> None:
    first, second = np.meshgrid(np.arange(model.ngeom), np.arange(model.ngeom))
    meets = model.geom_contype[first] & model.geom_conaffinity[second]
    assert not meets.any()
