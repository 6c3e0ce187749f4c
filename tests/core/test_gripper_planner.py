"""The gripper planner: one command at a time, none for a flicker, the last wish in the end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.control.gripper import Goal, Grasp, GripperPlanner, Move, Stop
from dsrl_core.specs import GripperSpec

SPEC = GripperSpec(force_n=30.0, speed_m_s=0.1, grasp_below_m=0.045, debounce_s=0.05)
OPEN, CLOSED = 0.08, 0.0
MS = 1_000_000
TICK = 10 * MS


@dataclass
class Hand:
    """A gripper that takes `slow` ticks for a goal and `stopping` for a stop."""

    planner: GripperPlanner
    slow: int = 30
    stopping: int = 2
    sent: list[object] = field(default_factory=list)
    now: int = 0
    running: Goal | None = None
    left: int = 0
    stop_left: int = 0

    def tick(self, width: float | None = None) -> None:
        self.now += TICK
        if width is not None:
            self.planner.want(width, self.now)
        command = self.planner.next(self.now)
        if command is not None:
            self.sent.append(command)
        if isinstance(command, Stop):
            assert self.running is not None, "a stop of nothing"
            self.stop_left = self.stopping
        elif command is not None:
            assert self.running is None, "a second goal before the first has ended"
            assert self.stop_left == 0, "a goal that the stop on its way would end"
            self.running, self.left = command, self.slow
        self._answer()

    def _answer(self) -> None:
        if self.stop_left:
            self.stop_left -= 1
            if self.stop_left == 0:
                stopped, self.running = self.running, None
                if stopped is not None:
                    self.planner.finished(stopped, False, "command aborted")
                self.planner.stopped()
        elif self.running is not None:
            self.left -= 1
            if self.left <= 0:
                done, self.running = self.running, None
                self.planner.finished(done, True)

    def run(self, width: float | None, ticks: int) -> None:
        for _ in range(ticks):
            self.tick(width)


def hand(**changes: object) -> Hand:
    return Hand(GripperPlanner(SPEC, OPEN), **changes)


def test_a_small_width_is_a_grasp_with_the_tasks_force_and_a_large_one_a_move() -> None:
    closing, opening = hand(), hand()
    closing.run(CLOSED, 40)
    opening.run(OPEN, 40)
    assert closing.sent == [Grasp(0.0, 30.0, 0.1, 0.08, 0.08)]
    assert opening.sent == [Move(0.08, 0.1)]


def test_a_goal_that_runs_is_stopped_and_the_answer_awaited_before_the_next() -> None:
    bench = hand(stopping=5)
    bench.run(CLOSED, 3)
    bench.run(OPEN, 40)
    kinds = [type(command) for command in bench.sent]
    assert kinds == [Grasp, Stop, Move]
    assert bench.planner.fault is None


def test_a_wish_is_taken_back_while_the_hand_stops_and_it_closes_again() -> None:
    bench = hand(stopping=8)
    bench.run(CLOSED, 3)
    bench.run(OPEN, 7)
    assert isinstance(bench.sent[-1], Stop)
    bench.run(CLOSED, 60)
    assert isinstance(bench.planner.goal, Grasp)
    assert not bench.planner.is_busy


@given(st.lists(st.integers(1, 4), min_size=20, max_size=60))
def test_a_width_that_flickers_faster_than_the_debounce_moves_nothing(lengths: list[int]) -> None:
    bench = hand()
    bench.run(OPEN, 60)
    for index, ticks in enumerate(lengths):
        bench.run(CLOSED if index % 2 else OPEN, ticks)
    assert bench.sent == [Move(OPEN, 0.1)]


widths = st.one_of(st.floats(-0.05, 0.2), st.sampled_from([OPEN, CLOSED, 0.0449, 0.0451]))


@given(
    st.lists(st.tuples(widths, st.integers(1, 40)), min_size=1, max_size=12),
    st.integers(1, 50),
    st.integers(1, 10),
)
def test_one_goal_at_a_time_and_the_last_width_is_reached(
    wishes: list[tuple[float, int]], slow: int, stopping: int
) -> None:
    bench = hand(slow=slow, stopping=stopping)
    for width, ticks in wishes:
        bench.run(width, ticks)
    bench.run(wishes[-1][0], 150)
    assert bench.planner.goal is not None
    wanted = min(max(wishes[-1][0], 0.0), OPEN)
    assert abs(bench.planner.goal.width_m - wanted) <= SPEC.step_m
    assert not bench.planner.is_busy
    assert bench.planner.fault is None
    goals = [command for command in bench.sent if not isinstance(command, Stop)]
    assert len(goals) <= bench.now / (SPEC.debounce_s * 1e9) + 1


def test_a_slow_drift_is_followed_step_by_step() -> None:
    bench = hand(slow=1)
    for step in range(200):
        bench.tick(0.08 - 0.0001 * step)
    assert 10 < len(bench.sent) < 40
    assert bench.planner.goal.width_m == pytest.approx(0.06, abs=2e-3)


def test_an_error_of_the_hand_latches_until_a_person_clears_it() -> None:
    planner = GripperPlanner(SPEC, OPEN)
    planner.want(CLOSED, 0)
    goal = planner.next(0)
    planner.finished(goal, False, "libfranka gripper: lost connection")
    assert "grasp to 0.000 m failed: libfranka" in planner.fault
    planner.fail("something else")
    planner.want(OPEN, TICK)
    for tick in range(100):
        assert planner.next(tick * TICK) is None
    assert "libfranka" in planner.fault
    planner.clear()
    planner.want(OPEN, 200 * TICK)
    assert planner.next(200 * TICK) == Move(OPEN, 0.1)


def test_a_fault_stops_what_still_moves() -> None:
    planner = GripperPlanner(SPEC, OPEN)
    planner.want(CLOSED, 0)
    planner.next(0)
    planner.fail("the gripper's node is gone")
    assert isinstance(planner.next(TICK), Stop)
    assert planner.next(2 * TICK) is None


def test_nothing_to_grasp_is_no_fault() -> None:
    planner = GripperPlanner(SPEC, OPEN)
    planner.want(CLOSED, 0)
    planner.finished(planner.next(0), False)
    assert planner.fault is None
    assert planner.missed == 1
    assert not planner.is_busy


def test_a_goal_without_an_answer_is_a_fault_and_is_stopped() -> None:
    bench = hand(slow=10**6)
    bench.run(CLOSED, 250)
    assert bench.planner.fault is None
    bench.run(CLOSED, 100)
    assert "no answer to Grasp" in bench.planner.fault
    assert [type(command) for command in bench.sent] == [Grasp, Stop]


def test_a_result_of_an_earlier_goal_is_passed_over() -> None:
    planner = GripperPlanner(SPEC, OPEN)
    planner.want(CLOSED, 0)
    first = planner.next(0)
    planner.want(OPEN, TICK)
    assert isinstance(planner.next(10 * TICK), Stop)
    planner.stopped()
    second = planner.next(11 * TICK)
    planner.finished(replace(first), False, "aborted")
    planner.finished(first, False, "aborted")
    assert planner.fault is None
    assert planner.is_busy
    planner.finished(second, True)
    assert not planner.is_busy


def test_a_hold_stops_the_fingers_and_the_wish_counts_again_afterwards() -> None:
    bench = hand()
    bench.run(CLOSED, 3)
    bench.planner.halt()
    bench.run(None, 20)
    assert [type(command) for command in bench.sent] == [Grasp, Stop]
    bench.run(CLOSED, 40)
    assert isinstance(bench.sent[-1], Grasp)
    assert len(bench.sent) == 3


def test_a_finished_grasp_is_not_let_go_by_a_hold() -> None:
    bench = hand(slow=2)
    bench.run(CLOSED, 10)
    bench.planner.halt()
    bench.run(None, 20)
    assert [type(command) for command in bench.sent] == [Grasp]


@pytest.mark.parametrize("width", [float("nan"), float("inf")])
def test_what_is_no_number_moves_nothing(width: float) -> None:
    planner = GripperPlanner(SPEC, OPEN)
    planner.want(width, 0)
    assert planner.next(TICK) is None
