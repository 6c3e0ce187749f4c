"""The watch: whatever is missing, old, frozen or from another time is noticed, with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.control.watch import MODE_IDLE, MODES, Watch

CATALOG = Catalog.default()
ROBOT, TASK = CATALOG.robot("fr3"), CATALOG.task("franka_pick")
MS = 1_000_000
START = 10_000 * MS
STATES, STATE, CAMERA = "joint_states", "robot_state", "wrist"


class Inputs:
    """A robot and a camera that are well unless told otherwise, in steps of 10 ms."""

    def __init__(self) -> None:
        self.watch = Watch(ROBOT, TASK, (CAMERA,))
        self.now = START
        self.joints = np.zeros(7)
        self.picture = 0
        self.skew = {STATES: 0, STATE: 0, CAMERA: 0}
        self.silent: set[str] = set()

    def step(self, steps: int = 1) -> tuple[str, str] | None:
        broken = None
        for _ in range(steps):
            self.now += 10 * MS
            for name, skew in self.skew.items():
                if name not in self.silent:
                    content = self.picture if name == CAMERA else None
                    self.watch.saw(name, self.now + skew, self.now, content)
            self.watch.arm_at(self.joints.copy())
            broken = broken or self.watch.check(self.now)
        return broken

    def noticed(self, steps: int = 100) -> tuple[str, str, float]:
        """Rule, reason and the time [s] until the first broken rule."""
        begin = self.now
        for _ in range(steps):
            broken = self.step()
            if broken is not None:
                return *broken, (self.now - begin) * 1e-9
        raise AssertionError("nothing was noticed")


@pytest.fixture
def inputs() -> Inputs:
    made = Inputs()
    made.step(5)
    assert made.watch.check(made.now) is None
    return made


def test_before_anything_came_every_input_is_missing() -> None:
    watch = Watch(ROBOT, TASK)
    assert watch.check(START) == ("stale_joint_states", "joint_states: nothing has come yet")
    watch.saw(STATES, START, START)
    assert watch.check(START)[0] == "stale_robot_state"


def test_all_is_well_for_a_long_time(inputs: Inputs) -> None:
    for step in range(500):
        inputs.picture = step
        assert inputs.step() is None


@pytest.mark.parametrize(
    ("name", "limit_s"),
    [
        (STATES, ROBOT.joint_states_age_max_s),
        (STATE, ROBOT.robot_state_age_max_s),
        (CAMERA, TASK.input_age_max_s),
    ],
)
def test_an_input_that_stays_away_is_stale_after_its_limit(inputs, name, limit_s) -> None:
    inputs.silent = {name}
    rule, reason, after_s = inputs.noticed()
    assert rule == f"stale_{name}"
    assert limit_s < after_s <= limit_s + 0.011
    assert reason.startswith(f"{name}: the last one is ")
    assert f"at most {limit_s:.3f} s may be" in reason


def test_stamps_that_are_old_on_arrival_are_stale(inputs: Inputs) -> None:
    inputs.skew[STATES] = -60 * MS
    assert inputs.noticed()[0] == "stale_joint_states"


def test_stamps_that_stand_still_become_stale(inputs: Inputs) -> None:
    inputs.silent = {STATES}
    stamp = inputs.now
    for _ in range(10):
        inputs.watch.saw(STATES, stamp, inputs.now)
        broken = inputs.step()
    assert broken[0] == "stale_joint_states"


def test_a_stamp_from_the_future_is_refused_at_once(inputs: Inputs) -> None:
    inputs.skew[STATE] = 150 * MS
    rule, reason, after_s = inputs.noticed()
    assert (rule, after_s) == ("stale_robot_state", pytest.approx(0.01))
    assert "0.150 s in the future" in reason


def test_clocks_that_differ_a_little_are_no_matter(inputs: Inputs) -> None:
    inputs.skew[STATE] = 90 * MS
    assert inputs.step(100) is None


def test_stamps_that_go_back_are_noticed_at_once_and_reported_for_a_while(inputs: Inputs) -> None:
    inputs.watch.saw(STATES, inputs.now - 3_000 * MS, inputs.now)
    assert inputs.watch.check(inputs.now) == (
        "stale_joint_states",
        "joint_states: its stamps went back by 3.000 s",
    )
    assert inputs.step(50) is not None
    inputs.step(60)
    assert inputs.watch.check(inputs.now) is None


def test_a_message_that_was_overtaken_is_passed_over(inputs: Inputs) -> None:
    inputs.watch.saw(STATES, inputs.now - 15 * MS, inputs.now)
    assert inputs.watch.check(inputs.now) is None


def test_a_clock_of_ones_own_that_goes_back_is_noticed(inputs: Inputs) -> None:
    inputs.now -= 2_000 * MS
    rule, reason, _ = inputs.noticed()
    assert rule == "stale_clock"
    assert "went back by 1.990 s" in reason
    inputs.step(120)
    assert inputs.watch.check(inputs.now) is None


def test_a_camera_that_freezes_while_the_arm_moves_is_noticed_though_stamps_go_on(inputs) -> None:
    for step in range(30):
        inputs.picture = step
        inputs.joints += 0.005
        assert inputs.step() is None
    begin = inputs.now
    while inputs.now - begin < TASK.frozen_camera_s * 1e9 - 20 * MS:
        inputs.joints += 0.005
        assert inputs.step() is None
    inputs.joints += 0.005
    rule, reason, _ = inputs.noticed(5)
    assert rule == "stale_wrist"
    assert "has not changed for 0.5" in reason


def test_an_arm_at_rest_before_a_camera_without_noise_is_no_fault(inputs: Inputs) -> None:
    for step in range(10):
        inputs.picture = step
        inputs.joints += 0.01
        inputs.step()
    assert inputs.step(500) is None


def test_a_slow_motion_is_not_taken_for_a_cameras_noise(inputs: Inputs) -> None:
    for step in range(200):
        inputs.picture = step
        inputs.joints += 0.003
        inputs.step()
    assert inputs.step(500) is None


def test_a_camera_with_noise_that_freezes_is_noticed_before_the_arm_moves(inputs: Inputs) -> None:
    for step in range(80):
        inputs.picture = step
        assert inputs.step() is None
    rule, _, after_s = inputs.noticed()
    assert rule == "stale_wrist"
    assert after_s == pytest.approx(TASK.frozen_camera_s, abs=0.011)


@pytest.mark.parametrize("mode", [mode for mode in range(7) if mode != 2])
def test_a_robot_in_another_mode_is_named_with_its_errors(inputs: Inputs, mode: int) -> None:
    inputs.watch.robot(mode, "cartesian_reflex")
    rule, reason = inputs.watch.check(inputs.now)
    assert rule == "mode"
    assert f"mode {mode} ({MODES[mode]}), expected 2 (move): cartesian_reflex" in reason
    inputs.watch.robot(2)
    assert inputs.watch.check(inputs.now) is None


def test_a_lost_process_is_named_until_it_is_back(inputs: Inputs) -> None:
    inputs.watch.lost("policy_server")
    assert inputs.watch.check(inputs.now) == (
        "lost_policy_server",
        "process policy_server is gone",
    )
    inputs.watch.back("policy_server")
    assert inputs.watch.check(inputs.now) is None


def test_after_a_pause_nothing_of_before_counts(inputs: Inputs) -> None:
    inputs.watch.robot(4)
    inputs.watch.forget()
    assert inputs.watch.check(inputs.now)[0] == "stale_joint_states"
    assert inputs.step() is None


def test_a_further_input_is_watched_once_it_is_expected(inputs: Inputs) -> None:
    inputs.watch.expect("wrench", 0.1)
    assert inputs.watch.check(inputs.now) == ("stale_wrench", "wrench: nothing has come yet")


def test_a_robot_may_be_idle_while_its_controllers_are_off_on_purpose_and_nothing_else(
    inputs: Inputs,
) -> None:
    inputs.watch.may_be_idle = True
    inputs.watch.robot(MODE_IDLE)
    assert inputs.step() is None
    inputs.watch.robot(MODES.index("reflex"))
    assert inputs.noticed()[0] == "mode"
    inputs.watch.may_be_idle = False
    inputs.watch.robot(MODE_IDLE)
    assert inputs.noticed()[0] == "mode"
