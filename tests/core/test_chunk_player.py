"""The chunk player: actions become set-points in their time, and nothing that comes in stops it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.safety import Safety
from dsrl_core.errors import InvalidValue
from dsrl_core.types import Observation, final_decision
from tests.core.chunk_player_setup import (
    ACTION,
    HORIZON,
    KINEMATICS,
    READY,
    ROBOT,
    ROW,
    T0,
    TICK,
    Bench,
    rows,
)


def test_the_tool_goes_where_the_actions_sum_up_to() -> None:
    bench = Bench()
    bench.run([rows(0.01, 0.0, -0.005, yaw=0.02), rows(0.0, 0.01, 0.0), rows(0.0, 0.0, 0.0)])
    np.testing.assert_allclose(bench.tool, [0.54, 0.04, 0.18], atol=2e-4)
    assert KINEMATICS.tool_pose(bench.measured).yaw == pytest.approx(0.08, abs=1e-3)
    assert bench.safety.report().clamped == {}


def test_the_first_request_asks_to_start_and_the_next_when_the_chunk_is_played() -> None:
    bench = Bench()
    bench.run([rows(0.0, 0.0, 0.0)] * 2)
    bench.tick()
    told = [
        (request.sequence, request.reason, request.previous_steps_executed, request.stamp_ns)
        for request in bench.requests
    ]
    assert told == [
        (0, "start", 0, T0),
        (1, "exhausted", 4, T0 + 4 * ROW),
        (2, "exhausted", 4, T0 + 8 * ROW),
    ]


def test_a_tick_that_waits_for_its_chunk_leaves_no_trace() -> None:
    waiting, prompt = Bench(), Bench()
    waiting.run([rows(0.01, 0.0, 0.0)])
    prompt.run([rows(0.01, 0.0, 0.0)])
    for _ in range(3):
        waiting.player.tick(waiting.now, waiting.measured)
    assert waiting.player.load(waiting.decision(rows(0.01, 0.0, 0.0))) is None
    waiting.tick()
    prompt.tick(rows(0.01, 0.0, 0.0))
    np.testing.assert_array_equal(waiting.measured, prompt.measured)
    assert waiting.safety.report() == prompt.safety.report()


def test_equal_inputs_give_bit_equal_set_points() -> None:
    first, second = Bench(), Bench()
    chunks = np.random.default_rng(0).normal(0, 0.01, (5, HORIZON, 5)).astype(np.float32)
    first.run(chunks)
    second.run(chunks)
    for one, other in zip(first.set_points, second.set_points, strict=True):
        np.testing.assert_array_equal(one.joint_positions, other.joint_positions)
        assert one.gripper_width_m == other.gripper_width_m


def test_a_late_chunk_finds_the_arm_held_and_is_played_whole_from_there() -> None:
    bench = Bench()
    bench.run([rows(0.01, 0.0, 0.0)])
    for _ in range(12):
        bench.tick()
    held = bench.tool
    np.testing.assert_allclose(held, [0.54, 0.0, 0.2], atol=1e-4)
    begun = bench.now
    assert bench.player.load(bench.decision(rows(0.0, 0.01, 0.0))) is None
    for _ in range(20):
        bench.tick()
    bench.tick()
    assert bench.requests[-1].stamp_ns == begun + HORIZON * ROW
    assert bench.requests[-1].previous_steps_executed == HORIZON
    np.testing.assert_allclose(bench.tool, [0.54, 0.04, 0.2], atol=3e-3)


def test_the_gripper_is_told_a_new_width_once_at_the_start_of_its_action() -> None:
    bench = Bench()
    chunk = rows(0.0, 0.0, 0.0)
    chunk[:, 4] = [0.08, 0.0795, 0.03, -0.2]
    bench.run([chunk, rows(0.0, 0.0, 0.0, width=0.0005)])
    sent = {
        point.stamp_ns - T0: point.gripper_width_m
        for point in bench.set_points
        if point.gripper_width_m is not None
    }
    assert sent == {0: pytest.approx(0.08), 2 * ROW: pytest.approx(0.03), 3 * ROW: 0.0}
    assert bench.safety.report().clamped == {"gripper_width": 1}


@pytest.mark.parametrize(("ticks", "executed"), [(0, 0), (4, 0), (5, 1), (12, 2), (20, 4)])
def test_the_end_counts_the_actions_whose_time_is_over(ticks: int, executed: int) -> None:
    bench = Bench()
    bench.run([rows(0.0, 0.0, 0.0)])
    bench.player.tick(bench.now, bench.measured)
    bench.player.load(bench.decision(rows(0.0, 0.0, 0.0)))
    for _ in range(ticks):
        bench.tick()
    final = bench.player.end(bench.now, "ended")
    if ticks:
        assert (final.sequence, final.previous_steps_executed) == (2, executed)
    assert final.final
    assert final.reason == "ended"
    assert bench.player.end(bench.now + ROW, "deadline") is final
    assert bench.player.is_over


def test_an_end_tells_the_same_whether_the_next_chunk_was_asked_for_came_or_was_begun() -> None:
    finals = []
    for progress in range(4):
        bench = Bench()
        bench.run([rows(0.0, 0.0, 0.0)])
        if progress > 0:
            bench.player.tick(bench.now, bench.measured)
        if progress > 1:
            bench.player.load(bench.decision(rows(0.0, 0.0, 0.0)))
        if progress > 2:
            bench.player.tick(bench.now, bench.measured)
        finals.append(bench.player.end(bench.now, "ended"))
    assert all(final == finals[0] for final in finals)
    assert (finals[0].sequence, finals[0].previous_steps_executed) == (1, HORIZON)


def test_the_deadline_ends_the_episode_and_the_arm_comes_to_rest() -> None:
    bench = Bench(deadline_ns=T0 + 6 * ROW)
    while bench.tick(rows(0.01, 0.0, 0.0)):
        pass
    final = bench.requests[-1]
    assert (final.reason, final.final, final.stamp_ns) == ("deadline", True, T0 + 6 * ROW)
    assert (final.sequence, final.previous_steps_executed) == (2, 2)
    for _ in range(10):
        bench.tick()
    np.testing.assert_array_equal(
        bench.set_points[-1].joint_positions, bench.set_points[-2].joint_positions
    )
    assert bench.requests[-1] is final


def test_a_closing_record_is_no_chunk() -> None:
    bench = Bench()
    bench.player.tick(T0, READY)
    closing = final_decision(7, 0, Observation(T0, np.zeros(3, dtype=np.float32)))
    assert bench.player.load(closing) is None
    assert bench.player.pending is not None
    assert bench.player.refused == {}


def test_a_lost_measurement_ends_the_episode_as_invalid() -> None:
    bench = Bench()
    bench.run([rows(0.01, 0.0, 0.0)])
    tick = bench.player.tick(bench.now, np.full(7, np.nan))
    assert (tick.request.reason, tick.request.final) == ("invalid", True)
    assert tick.request.previous_steps_executed == HORIZON
    assert np.isfinite(tick.set_point.joint_positions).all()


def test_without_a_start_nothing_is_sent() -> None:
    player = ChunkPlayer(ROBOT, ACTION, HORIZON, KINEMATICS, Safety(ROBOT, KINEMATICS))
    tick = player.tick(T0, READY)
    assert (tick.set_point, tick.request) == (None, None)
    assert player.pending is None
    with pytest.raises(InvalidValue, match="no episode"):
        player.end(T0, "ended")


def test_from_an_unknown_position_nothing_is_sent_and_the_episode_is_invalid() -> None:
    bench = Bench()
    bench.player.start(T0, np.full(7, np.nan), 8, 10**15)
    tick = bench.player.tick(T0, READY)
    assert tick.set_point is None
    assert (tick.request.reason, tick.request.episode) == ("invalid", 8)
    assert bench.player.tick(T0 + TICK, READY) == type(tick)(None, None)


numbers = st.one_of(st.floats(width=32), st.floats(-0.0625, 0.0625, width=32))
chunk_like = hnp.arrays(np.float32, st.sampled_from([(4, 5), (4, 5), (1, 5)]), elements=numbers)
events = st.one_of(
    st.tuples(st.just("tick"), st.integers(0, 4 * TICK)),
    st.tuples(st.just("chunk"), chunk_like),
    st.tuples(st.just("stray"), st.tuples(chunk_like, st.integers(0, 9), st.integers(6, 8))),
    st.tuples(st.just("jump"), st.floats(-0.3, 0.3)),
    st.tuples(st.just("end"), st.just("ended")),
)


@settings(max_examples=60)
@given(st.lists(events, max_size=40))
def test_no_sequence_of_events_breaks_the_player_or_a_limit(sequence) -> None:
    bench = Bench()
    low, high = np.array(ROBOT.joint_position_min_rad), np.array(ROBOT.joint_position_max_rad)
    reach = np.array(ROBOT.joint_velocity_max_rad_s) * ROBOT.set_point_period_s * (1 + 1e-9)
    sent = READY
    executed = []
    for kind, value in sequence:
        if kind == "tick":
            bench.now += value
            last = bench.player.tick(bench.now, bench.measured)
            if last.request is not None:
                executed.append(last.request)
            if value and not bench.player.pending:
                position = last.set_point.joint_positions
                assert (position >= low).all()
                assert (position <= high).all()
                assert (np.abs(position - sent) <= reach).all()
            sent = bench.measured = last.set_point.joint_positions
        elif kind == "chunk":
            bench.player.load(bench.decision(value))
        elif kind == "stray":
            chunk, number, episode = value
            bench.player.load(bench.decision(chunk, number, episode))
        elif kind == "jump":
            bench.measured = bench.measured + value
        else:
            assert bench.player.end(bench.now, value).final
    assert all(0 <= request.previous_steps_executed <= HORIZON for request in executed)
    assert sum(request.final for request in executed) <= 1


def test_motion_begins_where_the_arm_is_measured_once_set_points_have_ceased() -> None:
    """In mid-brake, say, as the episode was over, and somebody led the arm away meanwhile."""
    safety = Safety(ROBOT, KINEMATICS)
    player = ChunkPlayer(ROBOT, ACTION, HORIZON, KINEMATICS, safety, stops_at_end=True)
    measured = READY.copy()
    player.begin_return(T0, measured, measured + 0.3)
    for tick in range(20):
        player.tick(T0 + tick * TICK, measured)
    assert safety.is_moving
    led_away = measured - 0.2
    player.release()
    player.begin_return(T0 + 40 * TICK, led_away, measured)
    np.testing.assert_array_equal(safety.position, led_away)
