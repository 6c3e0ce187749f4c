"""The next chunk is asked for while the present one plays, and begins where that one ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.control.reference import LEAD_NS
from dsrl_core.errors import InvalidValue
from tests.core.chunk_player_setup import HORIZON, ROW, T0, TICK, Bench, rows
from tests.core.steering_setup import CATALOG

CHUNK_TICKS = HORIZON * ROW // TICK
MS = 1_000_000


class Ahead(Bench):
    """A player that asks ahead; chunks come a number of ticks after they were asked for."""

    def __init__(self, ahead: int, delays: list[int], deadline_ns: int = 10**15) -> None:
        super().__init__(deadline_ns)
        self.player.ask_ahead(ahead)
        self.delays, self.due, self.loaded = delays, -1, 0

    def step(self, chunk: np.ndarray) -> None:
        """One tick; the arm follows whatever is sent."""
        if self.player.pending is not None and self.due <= 0:
            assert self.player.load(self.decision(chunk)) is None
            self.loaded += 1
        tick = self.player.tick(self.now, self.measured)
        self.due -= 1
        if tick.request is not None:
            self.requests.append(tick.request)
            self.due = self.delays[len(self.requests) % len(self.delays)]
        self.set_points.append(tick.set_point)
        if tick.set_point is not None:
            self.measured = tick.set_point.joint_positions
        self.now += self.period_ns


@pytest.mark.parametrize("ahead", [0, 1, 2, 3, 4])
def test_a_chunk_that_is_there_in_time_leaves_no_gap(ahead: int) -> None:
    late = Ahead(ahead, [0])
    while len(late.requests) < 4:
        late.step(rows(0.01, 0.0, 0.0))
    asked = [request.stamp_ns - T0 for request in late.requests]
    gap = 0 if ahead else TICK  # in lock-step the world would not have gone on
    for number, stamp in enumerate(asked[1:], 1):
        assert abs(stamp - (number * (HORIZON * ROW + gap) - ahead * ROW)) <= 2 * TICK
    assert {len(request.committed) for request in late.requests[1:]} == {ahead}


def test_the_motion_is_that_of_chunks_that_came_at_once() -> None:
    """Whenever a chunk comes before it is needed, the arm goes the same way."""
    chunks = [rows(0.01, 0.0, 0.0), rows(0.0, 0.01, 0.0), rows(0.0, 0.0, -0.01)]
    ways = []
    for delay in (0, 3, 7):
        player = Ahead(2, [delay])
        for _ in range(3 * CHUNK_TICKS):
            player.step(chunks[min(player.loaded, 2)])
        begin = next(i for i, p in enumerate(player.set_points) if (p.joint_velocities != 0).any())
        ways.append([p.joint_positions for p in player.set_points[begin : begin + 2 * CHUNK_TICKS]])
    np.testing.assert_allclose(ways[1], ways[0], atol=1e-9)
    np.testing.assert_allclose(ways[2], ways[0], atol=1e-9)


def way_of_tool(early_ns: int) -> np.ndarray:
    """Where a robot's tool is led, by ticks, with a second chunk that comes so long before the
    first one ends."""
    bench = Bench(robot=CATALOG.robot("fr3"))
    bench.player.ask_ahead(2)
    chunk, points, begun_ns = rows(0.01, 0.0, 0.0), [], None
    while len(points) < 2 * HORIZON * ROW // bench.period_ns:
        end_ns = None if begun_ns is None else begun_ns + HORIZON * ROW
        tick = bench.player.tick(bench.now, bench.measured)
        if bench.player.pending is not None and (end_ns is None or bench.now >= end_ns - early_ns):
            assert bench.player.load(bench.decision(chunk)) is None
        if begun_ns is None and bench.player.pending is None:
            begun_ns = bench.now + bench.period_ns
        elif begun_ns is not None:
            points.append(bench.tool)
        bench.measured = tick.set_point.joint_positions
        bench.now += bench.period_ns
    return np.array(points)


@pytest.mark.parametrize("early_ms", [50, 80, 150])
def test_a_chunk_that_comes_40_ms_early_makes_no_difference(early_ms: int) -> None:
    np.testing.assert_allclose(way_of_tool(early_ms * MS), way_of_tool(200 * MS), rtol=0, atol=1e-9)


@pytest.mark.parametrize("early_ms", [30, 20, 10])
def test_one_that_comes_later_but_in_time_costs_a_little_way_and_no_stop(early_ms: int) -> None:
    """The arm has begun to brake: it is never behind by more than it goes in 40 ms."""
    late, early = way_of_tool(early_ms * MS), way_of_tool(200 * MS)
    speed_m_s = 0.01 / (ROW * 1e-9)
    behind_m = np.abs(late - early).max()
    assert 0 < behind_m < speed_m_s * LEAD_NS * 1e-9
    np.testing.assert_allclose(late[-10:], early[-10:], rtol=0, atol=1e-4)
    around_the_seam = slice(HORIZON * ROW // (20 * MS), None)
    assert np.diff(late[:, 0])[around_the_seam].min() > 0.3 * speed_m_s * 0.01


def test_what_is_committed_are_the_actions_that_are_left() -> None:
    player = Ahead(2, [0])
    chunk = rows(0.01, 0.0, 0.0) * np.arange(1, HORIZON + 1)[:, None]
    chunk[:, 4] = 0.08
    while len(player.requests) < 2:
        player.step(chunk)
    request = player.requests[1]
    assert (request.reason, request.sequence) == ("ahead", 1)
    assert request.previous_steps_executed == HORIZON
    np.testing.assert_allclose(request.committed, chunk[2:].astype(np.float32))


@pytest.mark.parametrize("rate_hz", [60, 70, 125, 400])
def test_so_it_is_where_ticks_do_not_fall_on_the_beginnings_of_actions(rate_hz: int) -> None:
    robot = replace(CATALOG.robot("fr3"), set_point_period_s=1.0 / rate_hz)
    bench = Bench(robot=robot)
    bench.player.ask_ahead(2)
    chunk = rows(0.01, 0.0, 0.0)
    while len(bench.requests) < 4:
        bench.tick(chunk)
    assert [len(request.committed) for request in bench.requests] == [0, 2, 2, 2]


@given(
    ahead=st.integers(0, HORIZON),
    delays=st.lists(st.integers(0, 2 * CHUNK_TICKS), min_size=1, max_size=6),
    length=st.integers(1, 5 * CHUNK_TICKS),
    by_deadline=st.booleans(),
)
def test_whenever_chunks_come_each_is_played_once_and_whole_until_the_end(
    ahead: int, delays: list[int], length: int, by_deadline: bool
) -> None:
    deadline_ns = T0 + length * TICK if by_deadline else 10**15
    player = Ahead(ahead, delays, deadline_ns)
    for _ in range(length):
        if not player.player.is_over:
            player.step(rows(0.01, 0.0, -0.002, yaw=0.02))
    if player.player.is_over:
        final = player.requests.pop()
    else:
        final = player.player.end(player.now, "deadline" if by_deadline else "ended")
    asked = player.requests
    assert [request.sequence for request in asked] == list(range(len(asked)))
    assert all(request.previous_steps_executed == HORIZON for request in asked[1:])
    # What is told to have been played fits into the time that there was.
    assert final.sequence in (len(asked) - 1, len(asked))
    assert 0 <= final.previous_steps_executed <= HORIZON
    played = HORIZON * max(0, final.sequence - 1) + final.previous_steps_executed
    assert played * ROW <= length * TICK + TICK
    for before, after in pairwise(p for p in player.set_points if p is not None):
        moved = np.abs(after.joint_positions - before.joint_positions)
        assert (moved <= player.safety.limits.velocity * TICK * 1e-9 + 1e-9).all()


def test_an_end_before_a_queued_chunk_began_is_the_end_of_the_one_that_played() -> None:
    player = Ahead(2, [0])
    while player.loaded < 2:
        player.step(rows(0.01, 0.0, 0.0))
    final = player.player.end(player.now, "ended")
    assert final.sequence == 1
    assert final.previous_steps_executed == 2


def test_a_chunk_that_comes_too_late_is_waited_for_at_rest() -> None:
    player = Ahead(1, [CHUNK_TICKS])
    for _ in range(CHUNK_TICKS + CHUNK_TICKS // 2):
        player.step(rows(0.01, 0.0, 0.0))
    assert player.player.waits_since_ns is None or player.loaded <= 1
    while player.loaded == 1 and player.player.waits_since_ns is None:
        player.step(rows(0.01, 0.0, 0.0))
    assert player.player.waits_since_ns is not None
    assert player.player.waits_since_ns >= player.requests[1].stamp_ns + ROW - TICK


@pytest.mark.parametrize("actions", [-1, HORIZON + 1])
def test_more_actions_than_a_chunk_has_cannot_be_asked_ahead(actions: int) -> None:
    with pytest.raises(InvalidValue, match=f"expected 0 to {HORIZON}"):
        Bench().player.ask_ahead(actions)
