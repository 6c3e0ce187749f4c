"""What goes to a real arm is smooth: across seams, with late chunks, jitter, holds and returns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_core.catalog import Catalog
from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.control.safety import Safety
from dsrl_core.specs import RobotSpec
from dsrl_core.specs.robot import KeepOutBox
from dsrl_core.types import Decision, Float32Array, Observation

CATALOG = Catalog(policies=Path(__file__).parents[2] / "policies")
ROBOT = CATALOG.robot("fr3")
POLICY = CATALOG.policy("franka_pick_flow")
KINEMATICS = Kinematics(ROBOT)
HOME = np.array(ROBOT.start_joint_positions_rad)
READY = KINEMATICS.solve(pointing_down(np.array([0.5, 0.0, 0.2]), 0.0), HOME).joint_positions
PERIOD, PERIOD_NS = ROBOT.set_point_period_s, ROBOT.set_point_period_ns
NOTHING = np.zeros((0, 0), dtype=np.float32)


class Arm:
    """A player in real time, with an arm that follows perfectly."""

    def __init__(self, robot: RobotSpec = ROBOT, at: np.ndarray = READY) -> None:
        self.safety = Safety(robot, KINEMATICS)
        self.safety.release()
        self.player = ChunkPlayer(
            robot, POLICY.action, POLICY.horizon, KINEMATICS, self.safety, stops_at_end=True
        )
        self.now, self.sent = 10**9, [at]

    def tick(self, jitter_ns: int = 0) -> None:
        tick = self.player.tick(self.now + jitter_ns, self.sent[-1])
        self.request = tick.request or self.player.pending
        if tick.set_point is not None:
            self.sent.append(tick.set_point.joint_positions)
        self.now += PERIOD_NS

    def load(self, chunk: Float32Array) -> None:
        decision = Decision(
            0,
            self.request.sequence,
            Observation(self.now, NOTHING),
            NOTHING,
            NOTHING,
            chunk,
            "base",
        )
        assert self.player.load(decision) is None

    def play(self, chunks: list[Float32Array], late: list[int], jitter: list[int]) -> None:
        """Every chunk comes so many ticks after it was asked for."""
        self.player.start(self.now, self.sent[-1], 0, 10**18)
        shaken = iter(jitter)
        for chunk, wait in zip(chunks, late, strict=True):
            self.tick(next(shaken, 0))
            for _ in range(wait):
                self.tick(next(shaken, 0))
            self.load(chunk)
            self.tick(next(shaken, 0))
            while self.player.pending is None:
                self.tick(next(shaken, 0))
        for _ in range(40):
            self.tick()

    def differences(self, order: int) -> np.ndarray:
        return np.diff([self.sent[0]] * order + self.sent, order, axis=0) / PERIOD**order


def chunk_of(seed: int) -> Float32Array:
    """Actions as lively as a policy's own."""
    draw = np.random.default_rng(seed).normal
    rows = [draw(0, 0.008, (4, 3)), draw(0, 0.03, (4, 1)), np.full((4, 1), 0.08)]
    return np.concatenate(rows, axis=1).astype(np.float32)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 9)), min_size=1, max_size=5))
def test_seams_late_chunks_and_stops_keep_acceleration_and_jerk_bounded(chunks) -> None:
    arm = Arm()
    arm.play([chunk_of(seed) for seed, _ in chunks], [late for _, late in chunks], [])
    assert (np.abs(arm.differences(2)) <= np.array(ROBOT.joint_acceleration_max_rad_s2)).all()
    assert (np.abs(arm.differences(3)) <= np.array(ROBOT.joint_jerk_max_rad_s3)).all()
    assert not arm.differences(1)[-1].any()


def test_the_jitter_of_ticks_does_not_move_the_arm_otherwise() -> None:
    exact, shaken = Arm(), Arm()
    chunks, late = [chunk_of(seed) for seed in range(3)], [0, 3, 1]
    exact.play(chunks, late, [])
    draw = np.random.default_rng(0).integers
    shaken.play(chunks, late, draw(-PERIOD_NS // 2, PERIOD_NS // 2, 400).tolist())
    count = min(len(exact.sent), len(shaken.sent))
    apart = np.abs(np.array(exact.sent[:count]) - np.array(shaken.sent[:count]))
    assert apart.max() < 0.02
    assert np.abs(exact.sent[-1] - shaken.sent[-1]).max() < 1e-3


def test_without_a_next_chunk_the_arm_rests_where_the_last_one_led() -> None:
    arm, forward = Arm(), np.zeros((4, 5), dtype=np.float32)
    forward[:, 0], forward[:, 4] = 0.01, 0.08
    arm.play([forward], [0], [])
    tools = np.array([KINEMATICS.tool_pose(joints).position for joints in arm.sent])
    np.testing.assert_allclose(tools[-1], [0.54, 0.0, 0.2], atol=2e-4)
    assert tools[:, 0].max() < 0.541


def test_a_hold_brakes_with_the_very_next_set_point_and_ends_the_episode() -> None:
    arm = Arm()
    arm.player.start(arm.now, READY, 0, 10**18)
    arm.tick()
    forward = np.zeros((4, 5), dtype=np.float32)
    forward[:, 0], forward[:, 4] = 0.02, 0.08
    arm.load(forward)
    for _ in range(20):
        arm.tick()
    arm.player.hold("stop", "a person pressed stop")
    arm.tick()
    assert (arm.request.final, arm.request.reason) == (True, "invalid")
    speeds = np.abs(arm.differences(1)[-2:]).max(axis=1)
    assert speeds[1] < speeds[0]
    for _ in range(20):
        arm.tick()
    assert not arm.differences(1)[-1].any()
    arm.player.start(arm.now, arm.sent[-1], 1, 10**18)
    arm.tick()
    assert arm.request.final, "only a release lets it move again"


def test_a_return_brings_the_arm_to_its_start_slowly() -> None:
    arm = Arm()
    arm.player.begin_return(arm.now, READY, HOME)
    ticks = 0
    while arm.player.return_state == "moving":
        arm.tick()
        ticks += 1
        assert ticks < 2000
    assert arm.player.return_state == "arrived"
    np.testing.assert_allclose(arm.sent[-1], HOME, atol=1e-4)
    fastest = np.abs(arm.differences(1)).max(axis=0)
    assert (fastest <= 0.2 * np.array(ROBOT.joint_velocity_max_rad_s)).all()


def test_set_points_of_a_return_wait_for_an_arm_that_does_not_follow() -> None:
    arm = Arm()
    arm.player.begin_return(arm.now, READY, READY + 0.6)
    for _ in range(2000):
        if arm.player.return_state != "moving":
            break
        arm.player.tick(arm.now, READY)
        arm.now += PERIOD_NS
    assert arm.player.return_state == "ignored"
    assert arm.safety.hold_rule is None
    assert np.abs(arm.safety.position - READY).max() <= ROBOT.tracking_error_max_rad


def test_a_return_through_a_keep_out_box_stops_before_it_and_says_so() -> None:
    box = KeepOutBox("post", (0.35, -0.2, 0.3), (0.45, 0.2, 0.5))
    arm = Arm(replace(ROBOT, keep_out=(box,)))
    arm.player.begin_return(arm.now, READY, HOME)
    for _ in range(2000):
        if arm.player.return_state != "moving":
            break
        arm.tick()
    assert arm.player.return_state == "blocked"
    assert arm.safety.report().clamped["keep_out"] > 0


@pytest.mark.parametrize("ticks", [1, 5])
def test_a_clock_that_goes_back_or_leaps_moves_nothing_by_a_leap(ticks: int) -> None:
    arm = Arm()
    arm.player.start(arm.now, READY, 0, 10**18)
    arm.tick()
    arm.load(chunk_of(1))
    for _ in range(15):
        arm.tick()
    arm.now -= ticks * PERIOD_NS
    arm.tick()
    arm.now += 30 * PERIOD_NS
    for _ in range(10):
        arm.tick()
    assert (np.abs(arm.differences(2)) <= np.array(ROBOT.joint_acceleration_max_rad_s2)).all()


@pytest.mark.parametrize("then", ["start", "return", "release", "start unmeasured"])
def test_nothing_that_comes_in_mid_motion_ends_it_by_a_leap(then: str) -> None:
    arm, forward = Arm(), np.zeros((4, 5), dtype=np.float32)
    forward[:, 0], forward[:, 4] = 0.02, 0.08
    arm.player.start(arm.now, READY, 0, 10**18)
    arm.tick()
    arm.load(forward)
    for _ in range(20):
        arm.tick()
    if then == "start":
        arm.player.start(arm.now, arm.sent[-1], 1, 10**18)
    elif then == "start unmeasured":
        arm.player.start(arm.now, np.full(7, np.nan), 1, 10**18)
    else:
        arm.player.begin_return(arm.now, arm.sent[-1], HOME)
    if then == "release":
        arm.tick()
        arm.player.hold("stop", "a person pressed stop")
        arm.player.release()
    for _ in range(40):
        arm.tick()
    assert (np.abs(arm.differences(2)) <= np.array(ROBOT.joint_acceleration_max_rad_s2)).all()
    assert (np.abs(arm.differences(3)) <= np.array(ROBOT.joint_jerk_max_rad_s3)).all()
    assert arm.safety.is_moving == (then == "return")
