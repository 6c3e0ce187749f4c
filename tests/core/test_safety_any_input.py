"""Whatever comes in: what goes out obeys every limit and zone, can be stopped, and is never silent.

`Witness` (safety_setup) checks at every call that what was altered was counted or held.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.specs import ActionSpec, FieldSpec
from dsrl_core.types import Decision, Observation
from tests.core.safety_setup import HIGH, KINEMATICS, LOW, READY, Trace, Witness, fenced_robot

PERIODS = [0.02, 0.01, 0.002]
HORIZON = 4
NOTHING = np.zeros((0, 0), dtype=np.float32)
SIZES = {
    "joint_position": (7, 1),
    "joint_delta": (7, 1),
    "joint_velocity": (7, 1),
    "tool_delta": (3, 1, 1),
    "end_effector_delta": (3, 3, 1),
    "end_effector_pose": (3, 4, 1),
}
FOLLOWS = ("well", "late", "not at all", "by leaps", "as no number", "with too few joints")
CLOCKS = ("even", "shaken", "late", "back", "standing")
BAD_VALUES = (np.nan, np.inf, 3e38, -1e9, 1.0)

seeds = st.integers(0, 2**32 - 1)
plays = st.tuples(
    st.just("ticks"), st.integers(5, 60), st.just("well"), st.just("even"), st.just(0)
)
ticks = st.tuples(
    st.just("ticks"), st.integers(1, 60), st.sampled_from(FOLLOWS), st.sampled_from(CLOCKS), seeds
)
chunks = st.tuples(st.just("chunk"), st.sampled_from(["lively", "wild", "bad", "stray"]), seeds)
others = st.tuples(
    st.sampled_from(["start", "go_back", "end_return", "end", "hold", "release", "force"]), seeds
)
events = st.one_of(plays, chunks, plays, chunks, ticks, others)


class Cell:
    """A player that is told anything at any time, and an arm that does what it likes."""

    def __init__(self, period_s: float, kind: str) -> None:
        self.robot = fenced_robot(period_s)
        self.safety = Witness(self.robot, KINEMATICS)
        fields = tuple(FieldSpec(f"part{index}", size) for index, size in enumerate(SIZES[kind]))
        action = ActionSpec(
            kind=kind, fields=fields, period_s=0.1, jump_max_rad=9.0, jump_max_m=1.0
        )
        self.kind, self.columns = kind, sum(SIZES[kind])
        self.player = ChunkPlayer(
            self.robot, action, HORIZON, KINEMATICS, self.safety, stops_at_end=True
        )
        self.now, self.measured, self.episode = 10**10, READY, 0
        self.trace = Trace(self.robot, READY)
        self.start(0)

    # What comes in.

    def ticks(self, count: int, follows: str, clock: str, seed: int) -> None:
        draw = np.random.default_rng(seed)
        period = self.robot.set_point_period_ns
        steps = {
            "even": lambda: period,
            "shaken": lambda: int(period * draw.uniform(0.0, 2.0)),
            "late": lambda: int(period * draw.integers(1, 60)),
            "back": lambda: -int(period * draw.integers(0, 60)),
            "standing": lambda: 0,
        }
        for _ in range(count):
            self.now += steps[clock]()
            self.tick(self.seen(follows, draw))

    def chunk(self, style: str, seed: int) -> None:
        draw = np.random.default_rng(seed)
        size = 0.02 if style == "lively" else 0.3
        rows = draw.normal(0.0, size, (HORIZON, self.columns))
        if self.kind == "joint_position":
            rows[:, :7] = np.cumsum(rows[:, :7], axis=0) + self.safety.position
        elif self.kind == "end_effector_pose":
            pose = KINEMATICS.tool_pose(self.safety.position)
            rows[:, :7] += np.concatenate([pose.position, pose.quaternion_wxyz])
        if style == "bad":
            rows[draw.integers(HORIZON), draw.integers(self.columns)] = draw.choice(BAD_VALUES)
        pending = self.player.pending
        sequence, episode = (pending.sequence if pending else 0), self.episode
        if style == "stray":
            sequence, episode = sequence + draw.integers(-1, 2), episode + draw.integers(-1, 2)
        seen = Observation(self.now, NOTHING)
        chunk = rows.astype(np.float32)
        self.player.load(Decision(episode, sequence, seen, NOTHING, NOTHING, chunk, "base"))

    def start(self, seed: int) -> None:
        self.episode += 1
        deadline_ns = self.now + (1 + seed % 20) * 10**9
        self.begin(lambda: self.player.start(self.now, self.measured, self.episode, deadline_ns))

    def go_back(self, seed: int) -> None:
        goal = np.random.default_rng(seed).uniform(LOW - 0.2, HIGH + 0.2)
        if seed % 8 == 0:
            goal[seed % 7] = np.nan
        self.begin(lambda: self.player.begin_return(self.now, self.measured, goal))

    def end_return(self, _: int) -> None:
        self.player.end_return()

    def end(self, _: int) -> None:
        if self.player.pending is not None:
            self.player.end(self.now, "ended")

    def hold(self, _: int) -> None:
        self.player.hold("stop", "a person pressed stop")

    def release(self, _: int) -> None:
        self.player.release()

    def force(self, seed: int) -> None:
        for _ in range(seed % 5):
            self.safety.force(np.full(3, 99.0))

    # What goes out.

    def begin(self, begins) -> None:
        """An arm that moves goes on from its last set-point, one at rest from where it is."""
        is_moving = self.safety.is_moving
        begins()
        if not is_moving:
            self.trace.check()
            self.trace = Trace(self.robot, self.safety.position)

    def tick(self, measured: np.ndarray) -> None:
        held = self.safety.hold_rule
        set_point = self.player.tick(self.now, measured).set_point
        assert held in (None, "start", self.safety.hold_rule), "only a person lets it go on"
        if set_point is None:
            assert not self.safety.is_moving, "nobody brakes an arm that moves"
        else:
            self.trace.add(set_point.joint_positions)

    def seen(self, follows: str, draw: np.random.Generator) -> np.ndarray:
        """What is measured, of an arm that follows its set-points like this."""
        if follows == "well":
            self.measured = self.safety.position
        elif follows == "late":
            self.measured = self.measured + 0.1 * (self.safety.position - self.measured)
        elif follows == "by leaps":
            leap = draw.uniform(-0.5, 0.5, 7) * (draw.random() < 0.2)
            self.measured = self.safety.position + leap
        elif follows == "as no number":
            return np.where(draw.random(7) < 0.05, np.nan, self.measured)
        elif follows == "with too few joints":
            return self.measured[:6]
        return self.measured

    def close(self) -> None:
        """Stop; the arm comes to rest, and all that it did is looked at."""
        self.hold(0)
        ticks = 0
        self.tick(self.measured)
        while self.safety.is_moving:
            self.tick(self.measured)
            ticks += 1
            assert ticks * self.robot.set_point_period_s < 1.0, "there is always a brake"
        self.trace.check()


@pytest.mark.parametrize("period_s", PERIODS)
@settings(max_examples=30, derandomize=True)
@given(kind=st.sampled_from(sorted(SIZES)), told=st.lists(events, min_size=5, max_size=25))
def test_whatever_the_player_is_told_its_arm_obeys_every_limit_and_nothing_is_silent(
    period_s, kind, told
) -> None:
    cell = Cell(period_s, kind)
    for event, *arguments in told:
        getattr(cell, event)(*arguments)
    cell.close()


@pytest.mark.parametrize("period_s", PERIODS)
@settings(max_examples=30, derandomize=True)
@given(seed=seeds, lags=st.booleans(), share=st.sampled_from([0.2, 1.0]))
def test_wherever_the_arm_is_led_it_obeys_every_limit_and_nothing_is_silent(
    period_s, seed, lags, share
) -> None:
    """Targets and velocities that leap, with measurements that lag behind them."""
    robot, draw = fenced_robot(period_s), np.random.default_rng(seed)
    safety, trace = Witness(robot, KINEMATICS), Trace(robot, READY)
    safety.start(READY)
    measured = READY
    for tick in range(120):
        if tick % 20 == 0:
            target = READY + draw.normal(0.0, 0.7, 7)
            velocity = draw.normal(0.0, 1.0, 7) * draw.choice([0.0, 1.0, 1e6])
            follows = draw.choice([0.02, 0.2, 1.0])
        measured = measured + follows * (safety.position - measured)
        trace.add(safety.lead(target, velocity, measured, share, lags).position)
    trace.check()
