"""A chunk that waits for its turn: it is judged by what it follows, and what was only promised of
the one before is not told as done."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.data.episode_assembly import EpisodeAssembly
from dsrl_core.specs import ActionSpec, FieldSpec
from dsrl_core.types import Mode, final_decision
from tests.core.chunk_player_setup import HORIZON, READY, ROW, TICK, Bench, rows

JOINTS = ActionSpec(
    kind="joint_position",
    fields=(FieldSpec("joints", 7), FieldSpec("gripper_width", 1)),
    period_s=0.1,
    jump_max_rad=0.3,
)
STEP_RAD = 0.15


def way(begin_rad: float) -> np.ndarray:
    """A chunk that turns the first joint on from so far beside READY."""
    chunk = np.zeros((HORIZON, 8), np.float32)
    chunk[:, :7], chunk[:, 7] = READY, 0.08
    chunk[:, 0] += begin_rad + STEP_RAD * np.arange(1, HORIZON + 1)
    return chunk


def asked_ahead() -> Bench:
    """A player in the midst of its first chunk, which asks for the second one."""
    bench = Bench(action=JOINTS)
    bench.player.ask_ahead(3)
    bench.tick(way(0.0))
    while bench.player.pending is None:
        bench.tick()
    return bench


def test_a_chunk_that_goes_on_where_the_committed_actions_lead_is_taken() -> None:
    bench = asked_ahead()
    assert bench.player.load(bench.decision(way(HORIZON * STEP_RAD))) is None


@pytest.mark.parametrize("begin_rad", [0.0, HORIZON * STEP_RAD + 0.3])
def test_one_that_leaps_away_from_there_is_refused(begin_rad: float) -> None:
    """If only because it is for where the arm is now."""
    bench = asked_ahead()
    refused = bench.player.load(bench.decision(way(begin_rad)))
    assert refused is not None
    assert refused.startswith("jump: row 0")


@pytest.mark.parametrize("ticks", [21, 25, 33, 39, 41, 53, 61])
def test_what_is_told_of_a_step_is_what_is_stored(ticks: int) -> None:
    """Wherever the episode ends: before the next chunk was asked for, in the overlap, after it."""
    bench, assembly, told = Bench(), EpisodeAssembly(7), []
    bench.player.ask_ahead(2)
    for _ in range(ticks):
        tick = bench.player.tick(bench.now, bench.measured)
        if tick.request is not None:
            assembly.add_request(tick.request)
            decision = bench.decision(rows(0.01, 0.0, 0.0))
            assembly.add_decision(decision)
            bench.player.load(decision)
            tick = bench.player.tick(bench.now, bench.measured)
        told += assembly.new_steps()
        bench.measured = tick.set_point.joint_positions
        bench.now += TICK
    final = bench.player.end(bench.now, "ended")
    assembly.add_request(final)
    seen = bench.decision(rows(0.0, 0.0, 0.0)).observation
    assembly.add_decision(final_decision(7, final.sequence, seen))
    told += assembly.new_steps()
    episode = assembly.complete(Mode.BASE, 0)
    assert episode is not None
    numbers = [(step.decision.sequence, step.steps_executed) for step in told]
    assert numbers == [(step.decision.sequence, step.steps_executed) for step in episode.steps]
    assert sum(executed for _, executed in numbers) == ticks * TICK // ROW
