"""When the automatic operator lets a held arm go on: patiently, and never after a stop."""

from __future__ import annotations

from itertools import pairwise

from franka_msgs.msg import FrankaRobotState

from dsrl_core.status import SafetyStatus
from dsrl_sim.resuming import FIRST_PAUSE_S, LONGEST_PAUSE_S, Resuming, Step

FREE = SafetyStatus()
REFLEX, IDLE, MOVE, USER_STOPPED = (
    FrankaRobotState.ROBOT_MODE_REFLEX,
    FrankaRobotState.ROBOT_MODE_IDLE,
    FrankaRobotState.ROBOT_MODE_MOVE,
    FrankaRobotState.ROBOT_MODE_USER_STOPPED,
)


def held(rule: str) -> SafetyStatus:
    return SafetyStatus(held=True, rule=rule, reason="for a reason")


def steps(resuming: Resuming, until_s: float, mode: int | None = MOVE) -> list[tuple[float, Step]]:
    """Everything that is due up to a time, looked at every tenth of a second."""
    found = []
    for tick in range(round(10 * until_s)):
        if (step := resuming.step(lambda: mode, tick / 10)) is not Step.NOTHING:
            found.append((tick / 10, step))
    return found


def test_nothing_is_done_for_an_arm_that_is_not_held() -> None:
    resuming = Resuming(1.0)
    assert steps(resuming, 5.0) == []
    resuming.saw(FREE, 0.0)
    assert steps(resuming, 5.0) == []


def test_first_try_is_after_a_moment_and_further_ones_ever_later() -> None:
    resuming = Resuming(1.0)
    resuming.saw(held("no_chunk"), 0.0)
    times = [time_s for time_s, _ in steps(resuming, 60.0)]
    between = [after - before for before, after in pairwise(times)]
    assert times[0] == 1.0
    assert between[0] < 2 * FIRST_PAUSE_S
    assert all(after >= before - 1e-6 for before, after in pairwise(between))
    assert max(between) <= LONGEST_PAUSE_S + 0.1


def test_a_stop_is_a_persons_to_resume() -> None:
    resuming = Resuming(0.0)
    resuming.saw(held("stop"), 0.0)
    assert steps(resuming, 60.0) == []


def test_a_stop_during_an_automatic_hold_ends_the_tries() -> None:
    resuming = Resuming(0.0)
    resuming.saw(held("no_chunk"), 0.0)
    assert resuming.step(lambda: MOVE, 0.0) is Step.RESUME
    resuming.saw(held("stop"), 0.1)
    assert steps(resuming, 60.0) == []


def test_what_is_done_depends_on_the_robots_mode() -> None:
    wanted = {
        REFLEX: Step.CLEAR_ERROR,
        IDLE: Step.ACTIVATE,
        MOVE: Step.RESUME,
        USER_STOPPED: Step.RESUME,
        None: Step.RESUME,
    }
    for mode, step in wanted.items():
        resuming = Resuming(0.0)
        resuming.saw(held("mode"), 0.0)
        assert {found for _, found in steps(resuming, 5.0, mode)} == {step}


def test_a_new_hold_begins_with_patience_of_its_own() -> None:
    resuming = Resuming(1.0)
    resuming.saw(held("mode"), 0.0)
    steps(resuming, 60.0)
    resuming.saw(FREE, 60.0)
    resuming.saw(held("mode"), 60.0)
    assert resuming.step(lambda: MOVE, 60.9) is Step.NOTHING
    assert resuming.step(lambda: MOVE, 61.0) is Step.RESUME
