"""Real contacts: what is grasped well is lifted and held, what is grasped badly is not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.steering.observation import OBJECT_SYMMETRY_RAD, wrap
from dsrl_core.types import Float32Array
from dsrl_sim.expert import ScriptedExpert
from dsrl_sim.world import World

STEPS = 64
SET_POINTS = 5


class Driver:
    """Plays actions at 10 Hz, without a chunk player and its safety."""

    def __init__(self) -> None:
        catalog = Catalog.default()
        robot = catalog.robot("fr3").in_lock_step
        self.world = World(catalog.task("franka_pick").scene, robot)
        self.kinematics = Kinematics(robot)
        self.latency_ns = round(robot.gripper_latency_s * 1e9)
        self.low, self.high = robot.workspace_min_m, robot.workspace_max_m

    def begin(self, seed: int) -> None:
        self.world.reset(seed)
        pose = self.world.tool_pose
        self.position, self.yaw = pose.position, pose.yaw
        self.joints, self.width = self.world.joint_positions, 0.08

    def observation(self) -> Float32Array:
        world = self.world
        tool, cube = world.tool_pose, world.object_pose
        cube_yaw = wrap(cube.yaw, OBJECT_SYMMETRY_RAD)
        return np.array(
            [*tool.position, tool.yaw, world.gripper_width_m, *cube.position, cube_yaw],
            dtype=np.float32,
        )

    def play(self, action: Float32Array) -> None:
        if action[4] != self.width:
            self.width = float(action[4])
            self.world.command_gripper(self.width, self.world.time_ns + self.latency_ns)
        self.position = np.clip(self.position + action[:3], self.low, self.high)
        self.yaw += float(action[3])
        goal = self.kinematics.solve(pointing_down(self.position, self.yaw), self.joints)
        way = goal.joint_positions - self.joints
        for tick in range(1, SET_POINTS + 1):
            self.world.advance(self.joints + way * tick / SET_POINTS)
        self.joints = goal.joint_positions

    def pick(self, seed: int, error_m: tuple[float, float] = (0.0, 0.0)) -> int:
        """Steps until success, or 0."""
        expert = ScriptedExpert(error_m)
        self.begin(seed)
        for step in range(STEPS):
            self.play(expert.action(self.observation()))
            if self.world.success:
                return step + 1
        return 0


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.world.close()


def test_a_good_expert_always_picks_the_cube_up(driver: Driver) -> None:
    steps = [driver.pick(seed) for seed in range(20)]
    assert min(steps) > 0
    assert max(steps) <= 45


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_grasp_forgives_errors_up_to_the_pads_reach(driver: Driver, axis: int, sign: int) -> None:
    def successes(error: float) -> int:
        errors = [0.0, 0.0]
        errors[axis] = sign * error
        return sum(driver.pick(seed, (errors[0], errors[1])) > 0 for seed in range(4))

    assert successes(0.016) == 4
    assert successes(0.032) == 0


def test_a_held_cube_does_not_slip(driver: Driver) -> None:
    assert driver.pick(3)
    world = driver.world
    for _ in range(20):
        world.advance(driver.joints)
    before = world.object_pose.position
    for _ in range(150):
        world.advance(driver.joints)
    assert np.abs(world.object_pose.position - before).max() < 5e-4
    assert world.is_held


def test_a_weak_grip_lets_the_cube_go(driver: Driver) -> None:
    assert driver.pick(3)
    world = driver.world
    height = world.object_pose.position[2]
    # 0.08 kg need 0.4 N on either pad at this friction; this is a tenth of it.
    world.command_gripper(0.0, world.time_ns, force_n=0.04)
    for _ in range(50):
        world.advance(driver.joints)
    assert world.object_pose.position[2] < height - 0.05


def test_pressing_on_the_cube_does_not_make_it_fly(driver: Driver) -> None:
    # One finger lands on the cube and the arm goes on pushing.
    fastest, highest = 0.0, 0.0
    expert = ScriptedExpert((0.0, 0.027))
    driver.begin(2)
    for _ in range(STEPS):
        driver.play(expert.action(driver.observation()))
        fastest = max(fastest, float(np.linalg.norm(driver.world.data.qvel[9:12])))
        highest = max(highest, float(driver.world.object_pose.position[2]))
        assert np.isfinite(driver.world.joint_positions).all()
    assert fastest < 3.0
    assert highest < 0.3


def test_success_needs_two_steps_and_stays(driver: Driver) -> None:
    expert = ScriptedExpert()
    driver.begin(0)
    lifted = 0
    while not driver.world.success:
        driver.play(expert.action(driver.observation()))
        lifted += bool(driver.world.object_pose.position[2] - 0.02 >= 0.10)
    assert lifted == 2
    driver.world.command_gripper(0.08, driver.world.time_ns)
    for _ in range(50):
        driver.world.advance(driver.joints)
    assert driver.world.object_pose.position[2] < 0.05
    assert driver.world.success


def test_a_cube_in_the_air_that_nobody_holds_is_no_success(driver: Driver) -> None:
    world = driver.world
    driver.begin(0)
    world.model.opt.gravity[2] = 0.0
    try:
        world.data.qpos[11] = 0.5
        for _ in range(30):
            world.advance(driver.joints)
        assert world.object_pose.position[2] > 0.4
        assert not world.success
    finally:
        world.model.opt.gravity[2] = -9.81
