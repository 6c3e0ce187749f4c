"""The simulated arm with its physics: set-points, reflexes by real contacts, stops, guiding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_core.catalog import Catalog
from dsrl_core.errors import InvalidValue
from dsrl_core.types import Float64Array, Pose
from dsrl_sim.arm import PHYSICS_STEP_S, FrankaArm
from dsrl_sim.franka_state import RobotMode
from dsrl_sim.trajectories import Point
from dsrl_sim.world import World

PERIOD_S = 0.01
PERIOD_NS = 10_000_000
JOINT_NAMES = Catalog.default().robot("fr3").joint_names


@pytest.fixture
def arm() -> FrankaArm:
    catalog = Catalog.default()
    robot = replace(catalog.robot("fr3"), set_point_period_s=PERIOD_S)
    world = World(catalog.task("franka_pick").scene, robot, PHYSICS_STEP_S)
    return FrankaArm(world, robot)


def run(arm: FrankaArm, seconds: float) -> None:
    for _ in range(round(seconds / PHYSICS_STEP_S)):
        arm.step()


def descend(arm: FrankaArm, speed_m_s: float, way_m: float) -> None:
    """Straight down by poses, one for every period, with a soft beginning; no end."""
    start = arm.world.tool_pose
    down_m, speed, tick = 0.0, 0.0, 0
    while down_m < way_m and arm.machine.mode is RobotMode.MOVE:
        speed = min(speed + 0.02 * speed_m_s, speed_m_s)
        down_m, tick = down_m + speed * PERIOD_S, tick + 1
        position = start.position - [0.0, 0.0, down_m]
        arm.set_pose_target(Pose(position, start.quaternion_wxyz), 1 + tick * PERIOD_NS)
        run(arm, PERIOD_S)


def smooth(time_s: float) -> Float64Array:
    """Velocity up to 0.8 rad/s, acceleration up to 3.2 rad/s^2, jerk up to 13 rad/s^3."""
    return np.full(7, 0.2 * (1.0 - np.cos(4.0 * time_s)))


def test_set_points_are_followed_closely(arm: FrankaArm) -> None:
    start = arm.world.joint_positions
    worst = 0.0
    for tick in range(150):
        arm.set_joint_target(start + smooth(tick * PERIOD_S), 1 + tick * PERIOD_NS)
        run(arm, PERIOD_S)
        worst = max(worst, float(np.abs(arm.world.joint_positions - arm.reference.position).max()))
    assert arm.machine.mode is RobotMode.MOVE
    assert worst < 0.01


def test_set_points_that_were_held_up_and_come_together_are_made_up_for(arm: FrankaArm) -> None:
    start = arm.world.joint_positions
    for tick in range(0, 150, 6):
        for late in range(tick, tick + 6):
            arm.set_joint_target(start + smooth(late * PERIOD_S), 1 + late * PERIOD_NS)
        run(arm, 6 * PERIOD_S)
    assert arm.machine.mode is RobotMode.MOVE
    np.testing.assert_allclose(arm.world.joint_positions, start + smooth(149 * PERIOD_S), atol=0.02)


def test_trajectories_that_come_together_are_made_up_for(arm: FrankaArm) -> None:
    start, names = arm.world.joint_positions, JOINT_NAMES
    for tick in range(0, 150, 6):
        for late in range(tick, tick + 6):
            position = start + smooth(late * PERIOD_S)
            points = [
                Point(
                    PERIOD_S,
                    position,
                    (smooth((late + 1) * PERIOD_S) - smooth(late * PERIOD_S)) / PERIOD_S,
                ),
                Point(3 * PERIOD_S, position, np.zeros(7)),
            ]
            arm.follow(names, points, 0)
        run(arm, 6 * PERIOD_S)
    assert arm.machine.mode is RobotMode.MOVE


def test_a_trajectory_with_a_jump_is_a_reflex(arm: FrankaArm) -> None:
    start = arm.world.joint_positions
    arm.follow(JOINT_NAMES, [Point(PERIOD_S, start + np.eye(7)[3], np.zeros(7))], 0)
    run(arm, 0.1)
    assert arm.machine.mode is RobotMode.REFLEX
    np.testing.assert_allclose(arm.world.joint_positions, start, atol=1e-6)


def test_the_last_target_is_kept_for_ever(arm: FrankaArm) -> None:
    target = arm.world.joint_positions + 0.01
    arm.set_joint_target(target)
    run(arm, 2.0)
    np.testing.assert_allclose(arm.world.joint_positions, target, atol=1e-4)


@pytest.mark.parametrize("bad", [1.0, float("nan"), float("inf")])
def test_a_jump_of_a_radian_and_numbers_that_are_none_never_move_the_arm(
    arm: FrankaArm, bad: float
) -> None:
    start = arm.world.joint_positions
    target = start.copy()
    target[3] += bad
    for _ in range(5):
        arm.set_joint_target(target)
        run(arm, PERIOD_S)
    run(arm, 0.5)
    assert arm.machine.mode is RobotMode.REFLEX
    np.testing.assert_allclose(arm.world.joint_positions, start, atol=1e-6)


def test_pressing_into_the_table_is_a_reflex_that_stays_and_lets_the_force_go(
    arm: FrankaArm,
) -> None:
    descend(arm, speed_m_s=0.1, way_m=0.25)

    assert arm.machine.mode is RobotMode.REFLEX
    assert arm.machine.current_errors <= {"joint_reflex", "cartesian_reflex"}
    assert arm.world.tool_pose.position[2] < 0.02
    held = arm.world.joint_positions
    for tick in range(200):
        arm.set_joint_target(held + 0.001 * tick)
        run(arm, PERIOD_S)
    assert arm.machine.mode is RobotMode.REFLEX
    assert np.abs(arm.world.joint_positions - held).max() < 0.02
    assert np.linalg.norm(arm.wrench[:3]) < 40.0


def test_an_outside_push_is_felt_with_its_size_and_libfrankas_sign(arm: FrankaArm) -> None:
    arm.forces.push(np.array([0.0, 0.0, -20.0, 0.0, 0.0, 0.0]))
    run(arm, 0.2)
    np.testing.assert_allclose(arm.wrench[:3], [0.0, 0.0, 20.0], atol=0.5)
    assert arm.machine.mode is RobotMode.MOVE
    arm.forces.push(np.array([0.0, 0.0, -60.0, 0.0, 0.0, 0.0]))
    run(arm, 0.2)
    assert arm.machine.current_errors == {"cartesian_reflex"}


def test_a_known_load_is_not_taken_for_an_outside_force(arm: FrankaArm) -> None:
    arm.parameters.set_load(1.0, arm.parameters.flange_to_tool.position.tolist(), [0.0] * 9)
    arm.forces.push(np.array([0.0, 0.0, -9.81, 0.0, 0.0, 0.0]))
    run(arm, 0.3)
    np.testing.assert_allclose(arm.wrench, np.zeros(6), atol=0.05)


@settings(deadline=None, max_examples=10)
@given(st.floats(-1.0, 1.0))
def test_while_the_user_stop_is_pressed_nothing_moves_the_arm(jump_rad: float) -> None:
    catalog = Catalog.default()
    robot = replace(catalog.robot("fr3"), set_point_period_s=PERIOD_S)
    arm = FrankaArm(World(catalog.task("franka_pick").scene, robot, PHYSICS_STEP_S), robot)
    arm.machine.press_user_stop(True)
    run(arm, PERIOD_S)
    held = arm.world.joint_positions
    arm.set_joint_target(held + jump_rad)
    run(arm, 0.1)
    assert arm.machine.mode is RobotMode.USER_STOPPED
    np.testing.assert_allclose(arm.world.joint_positions, held, atol=1e-6)


def test_a_moving_arm_stops_within_its_acceleration_when_the_user_stop_is_pressed(
    arm: FrankaArm,
) -> None:
    start = arm.world.joint_positions
    for tick in range(40):
        arm.set_joint_target(start + smooth(tick * PERIOD_S), 1 + tick * PERIOD_NS)
        run(arm, PERIOD_S)
    speed = np.abs(arm.world.joint_velocities).max()
    assert speed > 0.5
    arm.machine.press_user_stop(True)
    at = arm.world.joint_positions
    run(arm, 1.0)
    assert np.abs(arm.world.joint_velocities).max() < 1e-3
    assert np.abs(arm.world.joint_positions - at).max() < speed**2 / (2 * 10.0) + 0.01


def test_a_guided_arm_gives_way_and_a_held_one_does_not(arm: FrankaArm) -> None:
    push = np.array([15.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    arm.forces.push(push)
    run(arm, 0.5)
    stiff = arm.world.tool_pose.position[0]
    arm.machine.guide(True)
    run(arm, 0.5)
    assert arm.machine.mode is RobotMode.GUIDING
    assert arm.world.tool_pose.position[0] > stiff + 0.03


def test_a_point_to_point_motion_needs_an_idle_arm_and_ends_idle_at_its_goal(
    arm: FrankaArm,
) -> None:
    goal = arm.world.joint_positions + np.array([0.3, 0.2, -0.1, 0.2, 0.1, 0.1, -0.4])
    with pytest.raises(InvalidValue, match="Move"):
        arm.travel(goal.tolist(), [1.0] * 7, 0.002)
    arm.activate(False)
    arm.travel(goal.tolist(), [1.0] * 7, 0.002)
    assert arm.machine.mode is RobotMode.MOVE
    run(arm, 3.0)
    assert arm.has_arrived
    assert arm.machine.mode is RobotMode.IDLE
    np.testing.assert_allclose(arm.world.joint_positions, goal, atol=0.002)


@pytest.mark.parametrize(
    ("goal", "speed", "tolerance"),
    [([0.0] * 6, [1.0] * 7, 0.01), ([9.0] * 7, [1.0] * 7, 0.01), (None, [0.0] * 7, 0.01)],
)
def test_impossible_point_to_point_goals_are_refused(
    arm: FrankaArm, goal: list[float] | None, speed: list[float], tolerance: float
) -> None:
    arm.activate(False)
    with pytest.raises(InvalidValue, match=r"expected|outside"):
        arm.travel(goal or arm.world.joint_positions.tolist(), speed, tolerance)
    assert arm.machine.mode is RobotMode.IDLE
