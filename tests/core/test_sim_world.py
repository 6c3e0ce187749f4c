"""The world: determinism, time, servos, the gripper's queue, snapshots."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.errors import InvalidValue
from dsrl_core.specs import RobotSpec
from dsrl_core.specs.task import PickScene
from dsrl_core.types import Float64Array
from dsrl_sim.world import World

PERIOD_NS = 20_000_000


@pytest.fixture(scope="module")
def robot() -> RobotSpec:
    return Catalog.default().robot("fr3").in_lock_step


@pytest.fixture(scope="module")
def scene() -> PickScene:
    scene = Catalog.default().task("franka_pick").scene
    assert isinstance(scene, PickScene)
    return scene


@pytest.fixture
def world(scene: PickScene, robot: RobotSpec) -> World:
    return World(scene, robot)


def wander(world: World, ticks: int, seed: int = 0) -> Float64Array:
    """Random set-points and gripper commands; every state, shape (ticks, 30)."""
    rng = np.random.default_rng(seed)
    targets = world.joint_positions
    states = []
    for tick in range(ticks):
        targets = targets + rng.uniform(-0.02, 0.02, 7)
        if tick % 10 == 0:
            world.command_gripper(float(rng.uniform(0, 0.08)), world.time_ns + 60_000_000)
        world.advance(targets)
        pose, cube = world.tool_pose, world.object_pose
        states.append(
            np.concatenate(
                [
                    world.joint_positions,
                    world.joint_velocities,
                    world.joint_efforts,
                    [world.gripper_width_m, world.time_ns],
                    pose.position,
                    cube.position,
                    cube.quaternion_wxyz,
                ]
            )
        )
    return np.stack(states)


def test_equal_seeds_give_equal_bits(scene: PickScene, robot: RobotSpec) -> None:
    first, second = World(scene, robot), World(scene, robot)
    first.reset(5)
    second.reset(8)
    wander(second, 30, seed=1)
    second.reset(5)
    np.testing.assert_array_equal(wander(first, 200), wander(second, 200))


def test_reading_and_rendering_frames_changes_nothing(world: World) -> None:
    world.reset(1)
    targets = world.joint_positions + 0.05
    for _ in range(30):
        world.advance(targets)
    unread = world.joint_positions
    world.reset(1)
    for _ in range(30):
        world.advance(targets)
        _ = world.tool_pose, world.object_pose, world.is_held, world.snapshot()
    np.testing.assert_array_equal(world.joint_positions, unread)


def test_a_snapshot_brings_back_the_future(world: World) -> None:
    world.reset(2)
    wander(world, 40)
    world.command_gripper(0.03, world.time_ns + 3 * PERIOD_NS, force_n=20.0)
    snapshot = world.snapshot()
    future = wander(world, 60, seed=3)
    world.restore(snapshot)
    np.testing.assert_array_equal(wander(world, 60, seed=3), future)


def test_resets_differ_by_seed_and_stay_in_the_spread(world: World, scene: PickScene) -> None:
    poses = []
    for seed in range(200):
        world.reset(seed)
        poses.append([*world.object_pose.position[:2], world.object_pose.yaw])
    offsets = np.abs(np.array(poses) - [*scene.cube_center_m, 0.0])
    limits = np.array([scene.cube_spread_m, scene.cube_spread_m, scene.cube_yaw_spread_rad])
    assert (offsets <= limits + 1e-12).all()
    assert (offsets.max(axis=0) > 0.95 * limits).all()


def test_a_reset_starts_at_the_scenes_tool_position_pointing_down(
    world: World, scene: PickScene, robot: RobotSpec
) -> None:
    world.reset(0)
    np.testing.assert_allclose(world.tool_pose.position, scene.start_tool_position_m, atol=1e-4)
    np.testing.assert_allclose(np.abs(world.tool_pose.quaternion_wxyz), [0, 1, 0, 0], atol=1e-4)
    assert world.gripper_width_m == robot.gripper_width_max_m


def test_time_is_exact_and_may_go_on_over_a_reset(world: World) -> None:
    world.reset(0)
    hold = world.joint_positions
    for _ in range(7):
        world.advance(hold)
    assert world.time_ns == 7 * PERIOD_NS
    world.reset(0, keep_time=True)
    assert world.time_ns == 7 * PERIOD_NS
    world.reset(0)
    assert world.time_ns == 0


def test_the_servos_hold_against_gravity_without_sag(world: World) -> None:
    world.reset(0)
    hold = world.joint_positions
    for _ in range(100):
        world.advance(hold)
    np.testing.assert_allclose(world.joint_positions, hold, atol=1e-9)
    assert abs(world.joint_efforts[1]) > 10


def test_a_moving_set_point_is_followed_closely(world: World) -> None:
    world.reset(0)
    start = world.joint_positions
    velocity = np.array([0.4, -0.2, 0.3, 0.2, 0.5, 0.3, 0.5])
    for tick in range(1, 51):
        world.advance(start + velocity * 0.02 * tick)
    np.testing.assert_allclose(world.joint_positions, start + velocity, atol=2e-3)


def test_efforts_stay_within_the_robots_limits(world: World, robot: RobotSpec) -> None:
    world.reset(0)
    limits = np.array(robot.joint_effort_max)
    start, largest = world.joint_positions, np.zeros(7)
    for tick in range(40):
        world.advance(start + 0.3 * (-1) ** tick)
        largest = np.maximum(largest, np.abs(world.joint_efforts))
    assert (largest <= limits + 1e-9).all()
    assert (largest > 0.9 * limits).any()


@pytest.mark.parametrize("targets", [np.zeros(6), np.full(7, np.nan), np.zeros((1, 7))])
def test_set_points_that_are_none_are_refused(world: World, targets: Float64Array) -> None:
    with pytest.raises(InvalidValue, match="expected 7 finite"):
        world.advance(targets)


def test_gripper_commands_wait_for_their_time_in_order(world: World) -> None:
    world.reset(0)
    hold = world.joint_positions
    world.command_gripper(0.08, 50 * PERIOD_NS)
    world.command_gripper(0.02, 10 * PERIOD_NS)
    widths = []
    for _ in range(110):
        world.advance(hold)
        widths.append(world.gripper_width_m)
    assert min(widths[:10]) > 0.0799
    assert widths[10] < 0.0799
    assert widths[49] == pytest.approx(0.02, abs=5e-4)
    assert widths[-1] == pytest.approx(0.08, abs=5e-4)


def test_the_gripper_has_a_limited_speed(world: World) -> None:
    world.reset(0)
    hold = world.joint_positions
    world.command_gripper(0.0, 0)
    widths = [world.gripper_width_m]
    for _ in range(45):
        world.advance(hold)
        widths.append(world.gripper_width_m)
    assert -min(np.diff(widths)) < 1.2 * 0.1 * 0.02
    assert widths[30] == pytest.approx(0.08 - 0.06, abs=4e-3)
    assert widths[-1] < 1e-3


def test_a_reset_drops_queued_gripper_commands(world: World) -> None:
    world.reset(0)
    world.command_gripper(0.0, 5 * PERIOD_NS)
    world.reset(0)
    hold = world.joint_positions
    for _ in range(30):
        world.advance(hold)
    assert world.gripper_width_m > 0.0799


@pytest.mark.parametrize(
    "command", [{"width_m": 0.09}, {"width_m": -0.01}, {"width_m": 0.0, "force_n": 200.0}]
)
def test_gripper_commands_out_of_range_are_refused(world: World, command: dict[str, float]) -> None:
    with pytest.raises(InvalidValue, match=r"expected 0\.0 to"):
        world.command_gripper(at_ns=0, **command)


def test_a_start_out_of_reach_is_refused(scene: PickScene, robot: RobotSpec) -> None:
    with pytest.raises(InvalidValue, match="start_tool_position_m"):
        World(replace(scene, start_tool_position_m=(1.5, 0.0, 0.2)), robot)


def test_a_set_point_period_between_physics_steps_is_refused(
    scene: PickScene, robot: RobotSpec
) -> None:
    with pytest.raises(InvalidValue, match="set_point_period_s"):
        World(scene, replace(robot, set_point_period_s=0.0111))


def test_it_is_much_faster_than_real_time(world: World) -> None:
    # Two hundred times on a free core; machines differ and are shared.
    world.reset(0)
    hold = world.joint_positions
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(100):
            world.advance(hold)
        best = max(best, 2.0 / (time.perf_counter() - start))
    assert best > 30
