"""Every field that a policy's file may name, and what is refused before anything starts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import FieldSpec, PolicySpec
from dsrl_core.steering.observation import (
    FIELDS,
    MeasuredJoints,
    ObservationBuilder,
    RobotInputs,
    check_fields,
    needed_inputs,
)
from dsrl_core.types import Float64Array, Pose
from tests.core.steering_setup import CATALOG

ROBOT = CATALOG.robot("fr3")
JOINTS = MeasuredJoints(np.arange(7) * 0.1, np.arange(7) * -0.01)


def turned(yaw: float, tilt: float = 0.0) -> Pose:
    """Pointing down, then tilted about its y axis, then turned about the vertical [rad]."""
    down = np.array([0.0, 1.0, 0.0, 0.0])
    tilted = product(down, np.array([math.cos(tilt / 2), 0.0, math.sin(tilt / 2), 0.0]))
    about_z = np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
    return Pose(np.array([0.4, 0.1, 0.2]), product(about_z, tilted))


def product(a: Float64Array, b: Float64Array) -> Float64Array:
    w, v = a[0] * b[0] - a[1:] @ b[1:], a[0] * b[1:] + b[0] * a[1:] + np.cross(a[1:], b[1:])
    return np.array([w, *v])


def policy_of(name: str, size: int, unit: str = "") -> PolicySpec:
    shipped = CATALOG.policy("franka_pick_flow")
    return replace(shipped, observation=(FieldSpec(name, size, unit),))


def value(name: str, pose: Pose, width_m: float = 0.02) -> Float64Array:
    spec = policy_of(name, FIELDS[name].size(ROBOT))
    inputs = RobotInputs(pose, width_m, pose, pose, joints=JOINTS)
    return ObservationBuilder(spec, ROBOT).build(0, inputs).values.astype(np.float64)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_the_size_that_it_says(name: str) -> None:
    assert value(name, turned(0.3)).shape == (FIELDS[name].size(ROBOT),)


def test_the_gripper_in_metres_as_a_share_and_finger_by_finger() -> None:
    assert value("gripper_width", turned(0.0)) == pytest.approx([0.02])
    assert value("gripper_opening", turned(0.0)) == pytest.approx([0.25])
    assert value("finger_positions", turned(0.0)) == pytest.approx([0.01, -0.01])


def test_joints_in_the_order_of_the_robots_file() -> None:
    assert value("joint_positions", turned(0.0)) == pytest.approx(JOINTS.positions)
    assert value("joint_velocities", turned(0.0)) == pytest.approx(JOINTS.velocities)


@pytest.mark.parametrize(
    "name",
    ["tool_quaternion", "tool_quaternion_xyzw", "tool_rotation", "tool_rotation_6d"],
)
@pytest.mark.parametrize("yaw", [-2.5, -1.6, 0.0, 1.6, 2.5])
def test_an_orientation_does_not_jump_where_a_tool_points_down(name: str, yaw: float) -> None:
    ways = [turned(yaw, tilt) for tilt in (-1e-3, 0.0, 1e-3)]
    # A pose may come with either of its two quaternions.
    ways += [replace(way, quaternion_wxyz=-way.quaternion_wxyz) for way in ways]
    found = np.array([value(name, way) for way in ways])
    assert np.ptp(found, axis=0).max() < 5e-3


def test_both_orders_of_a_quaternion() -> None:
    w, x, y, z = value("tool_quaternion", turned(0.4))
    assert value("tool_quaternion_xyzw", turned(0.4)) == pytest.approx([x, y, z, w])
    assert [w, x] == pytest.approx([0.0, math.cos(0.2)], abs=1e-6)


def test_a_tool_that_points_down_is_turned_half_about_x() -> None:
    assert value("tool_rotation", turned(0.0)) == pytest.approx([math.pi, 0.0, 0.0])
    assert value("tool_rotation_6d", turned(0.0)) == pytest.approx([1, 0, 0, 0, -1, 0])


def test_rows_and_columns_of_the_rotation_matrix() -> None:
    pose = turned(0.5, tilt=0.3)
    rows = value("tool_rotation_6d", pose).reshape(2, 3)
    columns = value("tool_rotation_6d_columns", pose).reshape(2, 3).T
    whole = np.vstack([rows, np.cross(rows[0], rows[1])])
    np.testing.assert_allclose(columns, whole[:, :2], atol=1e-6)
    # The matrix's columns are the tool's axes in the base frame: x goes with the yaw.
    assert math.atan2(columns[1, 0], columns[0, 0]) == pytest.approx(0.5)


def test_another_size_than_the_arms_is_refused_at_once() -> None:
    six = policy_of("joint_velocities", 6, "rad/s")
    with pytest.raises(InvalidFile, match="'joint_velocities' has size 6; robot 'fr3' gives 7"):
        check_fields(six, ROBOT)
    with pytest.raises(InvalidFile, match="has size 6"):
        ObservationBuilder(six, ROBOT)
    check_fields(policy_of("joint_velocities", 7, "rad/s"), ROBOT)


def test_another_unit_is_refused_and_told_how_to_convert() -> None:
    with pytest.raises(InvalidFile, match=r"is in 'mm'; expected 'm' .*model_scale"):
        check_fields(policy_of("tool_position", 3, "mm"), ROBOT)


def test_an_unknown_field_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownName, match=r"'elbow'; available: .*joint_positions"):
        check_fields(policy_of("elbow", 1), ROBOT)


def test_joints_are_asked_for_only_where_a_field_needs_them() -> None:
    assert "joints" in needed_inputs(policy_of("joint_positions", 7))
    assert "joints" not in needed_inputs(policy_of("gripper_opening", 1))
