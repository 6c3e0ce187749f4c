"""The hand's commands: one at a time, a grasp judged by its width, a stop that ends what runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_sim.gripper_actions import ABORTED, FAILED, Command, Grasp, Hand, Homing, Job, Move

STEP_S = 0.01
LATENCY_S = 0.06
WIDTH_MAX_M = 0.08


class Fingers:
    """Fingers that go where they are driven, unless an object is between them."""

    def __init__(self, object_m: float = 0.0) -> None:
        self.width_m, self.target_m, self.speed_m_s, self.force_n = (
            WIDTH_MAX_M,
            WIDTH_MAX_M,
            0.1,
            0.0,
        )
        self.object_m = object_m
        self.now_s = 0.0
        self.hand = Hand(WIDTH_MAX_M, round(LATENCY_S * 1e9), self.drive)

    def drive(self, width_m: float, speed_m_s: float, force_n: float) -> None:
        self.target_m, self.speed_m_s, self.force_n = width_m, speed_m_s, force_n

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            way = max(min(self.target_m - self.width_m, 1e-3), -1e-3) * self.speed_m_s / 0.1
            self.width_m = max(self.width_m + way, self.object_m)
            self.hand.step(round(self.now_s * 1e9), self.width_m)

    def do(self, command: Command, seconds: float = 3.0) -> Job:
        job = self.hand.accept(command)
        self.run(seconds)
        return job


def grasp(width_m: float, inner_m: float = 0.005, outer_m: float = 0.005) -> Grasp:
    return Grasp(width_m, 0.1, 40.0, inner_m, outer_m)


def succeeded(job: Job) -> bool:
    assert job.outcome is not None
    return job.outcome.success


@given(st.floats(0.0, WIDTH_MAX_M), st.floats(0.02, 0.2))
def test_a_move_ends_at_its_width(width_m: float, speed_m_s: float) -> None:
    fingers = Fingers()
    assert succeeded(fingers.do(Move(width_m, speed_m_s), 6.0))
    assert fingers.width_m == pytest.approx(width_m, abs=0.0011)


@given(object_m=st.floats(0.0, 0.07), width_m=st.floats(0.0, 0.08), inner_m=st.floats(0, 0.02))
def test_a_grasp_succeeds_if_what_it_holds_is_as_wide_as_told(
    object_m: float, width_m: float, inner_m: float
) -> None:
    fingers = Fingers(object_m)
    job = fingers.do(grasp(min(width_m, WIDTH_MAX_M), inner_m, 0.003))
    assert succeeded(job) == (width_m - inner_m < fingers.width_m < width_m + 0.003)


def test_a_grasp_never_presses_with_less_than_the_hand_can() -> None:
    fingers = Fingers(0.04)
    fingers.do(Grasp(0.04, 0.1, 1.0, 0.005, 0.005))
    assert fingers.force_n == 30.0


def test_homing_closes_and_opens() -> None:
    fingers = Fingers()
    job = fingers.hand.accept(Homing())
    fingers.run(1.7)
    assert fingers.width_m < 0.01
    fingers.run(3.0)
    assert succeeded(job)
    assert fingers.width_m == pytest.approx(WIDTH_MAX_M, abs=0.002)


def test_a_second_command_waits_for_the_first() -> None:
    fingers = Fingers()
    first = fingers.hand.accept(Move(0.0, 0.05))
    second = fingers.hand.accept(Move(0.08, 0.1))
    fingers.run(1.0)
    assert first.outcome is None
    assert second.outcome is None
    fingers.run(4.0)
    assert succeeded(first)
    assert succeeded(second)


def test_a_move_that_meets_an_object_blocks_all_that_follow_until_it_is_stopped() -> None:
    fingers = Fingers(0.04)
    blocked = fingers.hand.accept(Move(0.0, 0.1))
    waiting = fingers.hand.accept(Move(0.08, 0.1))
    fingers.run(20.0)
    assert blocked.outcome is None
    fingers.hand.stop()
    assert blocked.outcome is not None
    assert blocked.outcome.error == ABORTED
    fingers.run(2.0)
    assert succeeded(waiting)


def test_a_command_that_waits_can_be_taken_back() -> None:
    fingers = Fingers()
    first, second = fingers.hand.accept(Move(0.0, 0.1)), fingers.hand.accept(Move(0.05, 0.1))
    fingers.hand.cancel(second)
    fingers.run(2.0)
    assert succeeded(first)
    assert not succeeded(second)
    assert fingers.width_m < 0.002


def test_stopping_a_hand_that_does_nothing_is_harmless() -> None:
    fingers = Fingers()
    fingers.hand.stop()
    assert succeeded(fingers.do(Move(0.02, 0.1)))


@pytest.mark.parametrize(
    "command",
    [
        Move(0.09, 0.1),
        Move(-0.01, 0.1),
        Move(0.02, 0.0),
        Move(float("nan"), 0.1),
        Grasp(0.02, 0.1, -1.0, 0.005, 0.005),
        Grasp(0.02, 0.1, 40.0, -0.005, 0.005),
        Grasp(0.02, float("inf"), 40.0, 0.005, 0.005),
    ],
)
def test_impossible_commands_fail_and_move_nothing(command: Command) -> None:
    fingers = Fingers()
    job = fingers.do(command, 0.5)
    assert job.outcome is not None
    assert job.outcome.error == FAILED
    assert fingers.width_m == WIDTH_MAX_M


def test_with_a_fault_every_command_fails_until_it_is_gone() -> None:
    fingers = Fingers()
    running = fingers.hand.accept(Move(0.0, 0.05))
    fingers.run(0.5)
    fingers.hand.has_fault = True
    fingers.run(0.1)
    assert running.outcome is not None
    assert running.outcome.error == FAILED
    assert not succeeded(fingers.do(grasp(0.0), 0.1))
    fingers.hand.has_fault = False
    assert succeeded(fingers.do(Move(0.03, 0.1)))
