"""The place scene: a bowl that a reset draws, when its task is done, and who does it well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.rollout import Rollout
from dsrl_core.specs.task import PlaceScene
from dsrl_core.types import Float32Array, Float64Array, Mode
from dsrl_sim.assembly import make_rollout
from dsrl_sim.environment import SimulatedRobot
from dsrl_sim.placer import PlaceView, ScriptedPlacer
from dsrl_sim.policy_making import Demonstrator
from dsrl_sim.world import World

TASK = "franka_place"


@pytest.fixture(scope="module")
def scene() -> PlaceScene:
    scene = Catalog.default().task(TASK).scene
    assert isinstance(scene, PlaceScene)
    return scene


@pytest.fixture(scope="module")
def world(scene: PlaceScene) -> Iterator[World]:
    world = World(scene, Catalog.default().robot("fr3").in_lock_step)
    yield world
    world.close()


def rollout_of(action: Callable[[Float32Array], Float32Array]) -> Rollout:
    catalog = Catalog.default()
    task = catalog.task(TASK)
    single = replace(catalog.policy(task.policy), horizon=1)
    return make_rollout(task, catalog, single, Demonstrator(action))


def let_go(world: World, offset_m: tuple[float, float, float], ticks: int = 60) -> None:
    """The cube let go at an offset from its goal, the open hand elsewhere."""
    world.reset(0)
    assert world.goal_pose is not None
    put(world, world.goal_pose.position + offset_m)
    rest(world, ticks)


def put(world: World, position: Float64Array) -> None:
    cube = world.data.joint("cube")
    cube.qpos[:] = [*position, 1, 0, 0, 0]
    cube.qvel[:] = 0


def rest(world: World, ticks: int) -> None:
    hold = world.joint_positions
    for _ in range(ticks):
        world.advance(hold)


def test_cube_and_bowl_are_drawn_apart_within_their_spreads(
    world: World, scene: PlaceScene
) -> None:
    goals, cubes = [], []
    for seed in range(200):
        world.reset(seed)
        assert world.goal_pose is not None
        goals.append(world.goal_pose.position)
        cubes.append(world.object_pose.position)
    away = np.abs(np.array(goals)[:, :2] - scene.bowl_center_m)
    assert away.max() <= scene.bowl_spread_m + 1e-12
    assert (away.max(axis=0) > 0.95 * scene.bowl_spread_m).all()
    distances = np.linalg.norm(np.subtract(goals, cubes)[:, :2], axis=1)
    assert distances.min() > scene.bowl_rim_radius_m + scene.cube_edge_m / np.sqrt(2)


def test_the_cube_lies_where_it_would_lie_without_a_bowl(world: World, scene: PlaceScene) -> None:
    world.reset(7)
    offset = np.random.default_rng(7).uniform(-1, 1, 3)[:2]
    np.testing.assert_array_equal(
        world.object_pose.position[:2], scene.cube_center_m + scene.cube_spread_m * offset
    )


def test_a_scene_in_which_cube_and_bowl_could_overlap_is_refused(scene: PlaceScene) -> None:
    with pytest.raises(ValueError, match="could overlap"):
        replace(scene, bowl_center_m=(0.5, 0.0))


def test_a_bowl_too_narrow_for_the_cube_is_refused(scene: PlaceScene) -> None:
    with pytest.raises(ValueError, match="half diagonal"):
        replace(scene, bowl_bottom_radius_m=0.02)


def test_a_cube_let_go_in_the_bowl_is_a_success(world: World) -> None:
    let_go(world, (0.0, 0.0, 0.03))
    assert world.goal_pose is not None
    np.testing.assert_allclose(world.object_pose.position, world.goal_pose.position, atol=2e-3)
    assert world.success


def test_a_cube_that_is_still_falling_is_none(world: World) -> None:
    let_go(world, (0.0, 0.0, 0.03), ticks=5)
    assert not world.success


@pytest.mark.parametrize("offset", [(0.09, 0.0, 0.0), (0.0, -0.09, 0.0), (0.07, 0.07, 0.03)])
def test_a_cube_beside_the_bowl_is_none(world: World, offset: tuple[float, float, float]) -> None:
    let_go(world, offset)
    assert not world.success


def test_a_cube_that_lies_on_the_rim_is_none(world: World, scene: PlaceScene) -> None:
    world.reset(0)
    world.model.opt.gravity[2] = 0.0
    try:
        assert world.goal_pose is not None
        put(world, world.goal_pose.position + np.array([0.0, 0.0, scene.bowl_height_m]))
        rest(world, 30)
        assert not world.success
    finally:
        world.model.opt.gravity[2] = -9.81


def test_a_cube_that_the_hand_holds_in_the_bowl_is_none(scene: PlaceScene) -> None:
    robot = Catalog.default().robot("fr3").in_lock_step
    wide = World(replace(scene, bowl_rim_radius_m=0.095, bowl_bottom_radius_m=0.09), robot)
    wide.reset(0)
    goal = wide.goal_pose
    assert goal is not None
    solution = Kinematics(robot).solve(pointing_down(goal.position, 0.0), wide.joint_positions)
    wide.data.qpos[:7] = solution.joint_positions
    put(wide, goal.position)
    wide.command_gripper(0.0, wide.time_ns)
    for _ in range(60):
        wide.advance(solution.joint_positions)
    assert wide.is_held
    assert not wide.success
    wide.command_gripper(0.08, wide.time_ns)
    for _ in range(60):
        wide.advance(solution.joint_positions)
    assert not wide.is_held
    assert wide.success


def test_a_good_expert_puts_the_cube_into_the_bowl() -> None:
    rollout = rollout_of(ScriptedPlacer().action)
    results = [rollout.run(seed, Mode.TRAIN, seed) for seed in range(20)]
    assert sum(success for _, success in results) >= 18
    assert max(len(episode.steps) for episode, _ in results) <= 60


@pytest.mark.parametrize(
    ("grasp", "release"), [((0.035, 0.0), (0.0, 0.0)), ((0.0, 0.0), (0.04, 0.045))]
)
def test_an_expert_that_errs_much_fails(
    grasp: tuple[float, float], release: tuple[float, float]
) -> None:
    rollout = rollout_of(ScriptedPlacer(grasp, release).action)
    assert not any(rollout.run(seed, Mode.TRAIN, seed)[1] for seed in range(3))


def test_the_expert_depends_on_the_observation_alone() -> None:
    seen: list[Float32Array] = []
    expert = ScriptedPlacer()

    def action(observation: Float32Array) -> Float32Array:
        seen.append(observation)
        return expert.action(observation)

    episode, _ = rollout_of(action).run(0, Mode.TRAIN, 3)
    again = ScriptedPlacer()
    for observation, step in reversed(list(zip(seen, episode.steps[:-1], strict=True))):
        np.testing.assert_array_equal(again.action(observation), step.decision.chunk[0])


def test_its_view_reads_the_observation_by_name() -> None:
    view = PlaceView.of(np.arange(12, dtype=np.float32))
    assert (view.tool_yaw, view.gripper_width, view.object_yaw) == (3, 4, 8)
    np.testing.assert_array_equal(view.goal_position, [9, 10, 11])


def test_equal_seeds_give_equal_bits_and_snapshots_bring_back_the_bowl(scene: PlaceScene) -> None:
    robot = Catalog.default().robot("fr3").in_lock_step
    first, second = World(scene, robot), World(scene, robot)
    for world in (first, second):
        world.reset(11)
        let_fall(world)
    np.testing.assert_array_equal(first.object_pose.position, second.object_pose.position)
    snapshot = first.snapshot()
    second.reset(12)
    second.restore(snapshot)
    assert first.goal_pose is not None
    assert second.goal_pose is not None
    np.testing.assert_array_equal(first.goal_pose.position, second.goal_pose.position)
    for world in (first, second):
        rest(world, 20)
    np.testing.assert_array_equal(first.data.qpos, second.data.qpos)


def let_fall(world: World) -> None:
    """The cube onto the rim, where every bit counts."""
    assert world.goal_pose is not None
    put(world, world.goal_pose.position + np.array([0.04, 0.01, 0.05]))
    rest(world, 15)


def test_a_robot_without_a_bowl_tells_of_no_goal() -> None:
    catalog = Catalog.default()
    for name, has_goal in (("franka_pick", False), (TASK, True)):
        task = catalog.task(name)
        robot = SimulatedRobot(task, catalog.robot(task.robot).in_lock_step)
        assert (robot.inputs.goal_pose is not None) == has_goal
