"""Kinds of actions: what a row says is where the joints or the tool are led."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.catalog import Catalog
from dsrl_core.control.actions import Actions
from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.control.safety import Safety
from dsrl_core.errors import InvalidFile
from dsrl_core.specs import ActionSpec, FieldSpec

ROBOT = Catalog.default().robot("fr3")
KINEMATICS = Kinematics(ROBOT)
READY = KINEMATICS.solve(
    pointing_down(np.array([0.5, 0.0, 0.2]), 0.0), np.array(ROBOT.start_joint_positions_rad)
).joint_positions
SIZES = {
    "joint_position": (7, 1),
    "joint_delta": (7, 1),
    "joint_velocity": (7, 1),
    "tool_delta": (3, 1, 1),
    "end_effector_delta": (3, 3, 1),
    "end_effector_pose": (3, 4, 1),
}
WIDTH = 0.08
DOWN = (0.0, 1.0, 0.0, 0.0)


def spec_of(kind: str, sizes: tuple[int, ...], **changes: object) -> ActionSpec:
    fields = tuple(FieldSpec(f"part{index}", size) for index, size in enumerate(sizes))
    return ActionSpec(kind=kind, fields=fields, period_s=0.1, **changes)


def actions_of(kind: str, **changes: object) -> tuple[Actions, Safety]:
    safety = Safety(ROBOT, KINEMATICS)
    safety.start(READY)
    actions = Actions(spec_of(kind, SIZES[kind], **changes), ROBOT.joint_names, KINEMATICS, safety)
    actions.rest_at(READY)
    return actions, safety


def still(kind: str) -> np.ndarray:
    """A row that leads nowhere from READY."""
    if kind == "joint_position":
        return np.array([*READY, WIDTH])
    if kind == "end_effector_pose":
        pose = KINEMATICS.tool_pose(READY)
        return np.array([*pose.position, *pose.quaternion_wxyz, WIDTH])
    return np.array([*np.zeros(sum(SIZES[kind]) - 1), WIDTH])


@pytest.mark.parametrize("kind", SIZES)
def test_a_row_that_says_nothing_new_leads_nowhere(kind: str) -> None:
    actions, safety = actions_of(kind)
    for _ in range(3):
        joints = actions.begin(still(kind))
    np.testing.assert_allclose(joints, READY, atol=1e-4)
    assert actions.joints is joints
    assert safety.report().clamped == {}
    assert actions.unfit(np.float32([still(kind)] * 4), READY) == ("", "")


@pytest.mark.parametrize("kind", SIZES)
def test_fields_of_other_sizes_are_refused_with_those_expected(kind: str) -> None:
    spec = spec_of(kind, (6, 1))
    with pytest.raises(InvalidFile, match=r"has the fields part0 \(6\), part1 \(1\)") as refused:
        Actions(spec, ROBOT.joint_names, KINEMATICS, Safety(ROBOT, KINEMATICS))
    assert f"expected sizes {SIZES[kind]}" in str(refused.value)


@pytest.mark.parametrize("kind", ["joint_position", "joint_delta", "joint_velocity"])
def test_joints_in_another_order_than_the_arm_has_are_refused_with_both(kind: str) -> None:
    names = ROBOT.joint_names
    actions_of(kind, joints=names)
    with pytest.raises(InvalidFile, match=f"{kind} has its joints in the order") as refused:
        actions_of(kind, joints=(names[1], names[0], *names[2:]))
    assert "order fr3_joint2, fr3_joint1, fr3_joint3" in str(refused.value)
    assert "the robot file's are fr3_joint1, fr3_joint2, fr3_joint3" in str(refused.value)
    with pytest.raises(InvalidFile, match="in the order panda_joint1"):
        actions_of(kind, joints=tuple(name.replace("fr3", "panda") for name in names))


def test_a_policy_that_moves_the_tool_names_no_joints() -> None:
    with pytest.raises(InvalidFile, match="speak of the tool"):
        actions_of("tool_delta", joints=ROBOT.joint_names)


def test_joint_positions_are_where_they_say() -> None:
    actions, _ = actions_of("joint_position")
    wanted = READY + 0.05
    np.testing.assert_allclose(actions.begin(np.array([*wanted, WIDTH])), wanted)


def test_joint_deltas_add_up_from_where_the_commands_led() -> None:
    actions, _ = actions_of("joint_delta")
    for _ in range(3):
        joints = actions.begin(np.array([*np.full(7, 0.02), WIDTH]))
    np.testing.assert_allclose(joints, READY + 0.06)


def test_joint_velocities_last_for_a_period() -> None:
    actions, _ = actions_of("joint_velocity")
    joints = actions.begin(np.array([*np.full(7, 0.3), WIDTH]))
    np.testing.assert_allclose(joints, READY + 0.03)


def test_an_end_effector_delta_moves_and_turns_the_tool_in_the_base_frame() -> None:
    actions, _ = actions_of("end_effector_delta")
    for _ in range(8):
        joints = actions.begin(np.array([0.0025, 0.005, 0.0, 0.0, 0.025, 0.0, WIDTH]))
    pose = KINEMATICS.tool_pose(joints)
    np.testing.assert_allclose(pose.position, [0.52, 0.04, 0.2], atol=1e-4)
    # 0.2 rad about y, after pointing down (half a turn about x)
    half = 0.1
    expected = np.array([0.0, np.cos(half), 0.0, -np.sin(half)])
    assert abs(pose.quaternion_wxyz @ expected) == pytest.approx(1.0, abs=1e-6)


def test_an_end_effector_pose_need_not_be_normalised() -> None:
    actions, _ = actions_of("end_effector_pose")
    joints = actions.begin(np.array([0.51, 0.02, 0.21, *np.multiply(DOWN, -7.0), WIDTH]))
    pose = KINEMATICS.tool_pose(joints)
    np.testing.assert_allclose(pose.position, [0.51, 0.02, 0.21], atol=1e-4)
    assert abs(pose.quaternion_wxyz @ np.array(DOWN)) == pytest.approx(1.0, abs=1e-6)


def test_a_quaternion_without_length_is_refused() -> None:
    actions, _ = actions_of("end_effector_pose")
    chunk = np.float32([still("end_effector_pose")] * 4)
    chunk[2, 3:7] = 0.0
    reason, detail = actions.unfit(chunk, READY)
    assert reason == "no rotation"
    assert detail.startswith("row 2: quaternion [0.0, 0.0, 0.0, 0.0]")


@pytest.mark.parametrize(
    ("kind", "column", "value", "unit"),
    [
        ("joint_position", 3, 1.0, "rad"),
        ("joint_delta", 3, 1.0, "rad"),
        ("joint_velocity", 3, 10.0, "rad"),
        ("tool_delta", 3, 1.0, "rad"),
        ("tool_delta", 0, 1.0, "m"),
        ("end_effector_delta", 4, 1.0, "rad"),
        ("end_effector_delta", 1, -1.0, "m"),
        ("end_effector_pose", 2, 1.0, "m"),
        ("end_effector_pose", 3, 0.6, "rad"),
    ],
)
@pytest.mark.parametrize("row", [0, 2])
def test_a_leap_of_a_radian_or_a_metre_is_refused(kind, column, value, unit, row) -> None:
    actions, _ = actions_of(kind)
    chunk = np.float32([still(kind)] * 4)
    chunk[row:, column] += value
    reason, detail = actions.unfit(chunk, READY)
    assert reason == "jump"
    assert detail.startswith(f"row {row} leads ")
    assert f" {unit} at once, at most " in detail


def test_a_chunk_of_positions_made_for_an_arm_elsewhere_is_refused() -> None:
    actions, _ = actions_of("joint_position")
    chunk = np.float32([still("joint_position")] * 4)
    elsewhere = READY.copy()
    elsewhere[1] += 0.51
    assert actions.unfit(chunk, elsewhere)[0] == "jump"
    assert actions.unfit(chunk, READY) == ("", "")


def test_a_policy_that_leaps_on_purpose_says_so() -> None:
    actions, _ = actions_of("joint_delta", jump_max_rad=2.0)
    chunk = np.zeros((4, 8), dtype=np.float32)
    chunk[0, 0] = 1.0
    assert actions.unfit(chunk, READY) == ("", "")


@pytest.mark.parametrize("kind", SIZES)
@given(st.integers(0, 2**32 - 1))
def test_no_row_leads_further_than_the_joints_and_the_zones_allow(kind: str, seed: int) -> None:
    actions, _ = actions_of(kind)
    rng = np.random.default_rng(seed)
    fastest = np.array(ROBOT.joint_velocity_max_rad_s) * 0.1 * (1 + 1e-9)
    joints = READY
    for _ in range(4):
        row = still(kind) + rng.normal(0.0, 10 ** rng.uniform(-3, 1), sum(SIZES[kind]))
        before, joints = joints, actions.begin(row)
        assert (np.abs(joints - before) <= fastest).all()
        assert (joints >= ROBOT.joint_position_min_rad).all()
        assert (joints <= ROBOT.joint_position_max_rad).all()
    point = KINEMATICS.tool_pose(joints).position
    assert (point >= np.array(ROBOT.workspace_min_m) - 3e-3).all()
    assert (point <= np.array(ROBOT.workspace_max_m) + 3e-3).all()


def test_a_width_is_as_asked_or_the_nearest_level() -> None:
    free, _ = actions_of("joint_delta")
    levels, _ = actions_of("joint_delta", gripper_levels_m=(0.0, 0.08))
    row = np.array([*np.zeros(7), 0.05])
    assert free.width_m(row) == pytest.approx(0.05)
    assert levels.width_m(row) == 0.08


def test_a_row_that_is_cut_back_is_where_the_next_one_begins() -> None:
    actions, safety = actions_of("tool_delta")
    fast = np.array([0.2, 0.0, 0.0, 0.0, WIDTH])
    cut = KINEMATICS.tool_pose(actions.begin(fast)).position
    assert safety.report().clamped == {"row_velocity": 1}
    after = KINEMATICS.tool_pose(actions.begin(still("tool_delta"))).position
    np.testing.assert_allclose(after, cut, atol=1e-4)


def test_kinds_that_are_not_known_are_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="joint_position"):
        replace(spec_of("joint_delta", (7, 1)), kind="teleport")
