"""A blinded comparison on the robot: its plan rules, its ledger decides, its record is sealed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_core.data.ledger import LabelLedger
from dsrl_core.data.timeline import Timeline
from dsrl_core.episode_manager import EpisodeManager
from dsrl_core.errors import DsrlError, InvalidFile, InvalidValue
from dsrl_core.evaluation.ab_rule import StopRule, asked_rule
from dsrl_core.evaluation.ab_run import (
    ComparisonRun,
    read_plans,
    recorded_test,
    requested_run,
    sealed_episodes,
    told_in_advance,
    write_plan,
)
from dsrl_core.evaluation.ab_unblinding import unblind, unblinding_of
from dsrl_core.status import EpisodeStatus, LearnerStatus, Phase
from dsrl_core.types import Label, Mode, Outcome
from tests.core.episode_manager_setup import (
    LIMIT_NS,
    START_NS,
    MemoryLedger,
    final,
    label,
    recorded,
)


class Cell:
    """A manager, its ledger and its time line in a folder, and a person who labels at once."""

    def __init__(self, folder: Path, pairs: int = 4) -> None:
        self.folder = folder
        self.ledger = LabelLedger(folder / "ledger.jsonl")
        self.timeline = Timeline(folder)
        self.manager = EpisodeManager(self.ledger, LIMIT_NS, 0, wait_for_learner=False)
        run = requested_run("ab", pairs, 7, 0, ["base", "eval"])
        assert isinstance(run, ComparisonRun)
        self.run = run
        self.manager.run(run)
        write_plan(folder, run, 0, resets_match=True)
        self.seen: list[EpisodeStatus] = []

    @property
    def status(self) -> EpisodeStatus:
        return self.manager.status

    def episode(self, outcome: Outcome | None) -> EpisodeStatus:
        """The present one is run and labelled; None: it becomes invalid."""
        began = self.status
        self.seen.append(began)
        number = began.episode
        self.manager.world_ready(number, START_NS)
        self.timeline.add(self.status)
        if outcome is None:
            self.manager.lost("the arm was held")
            self.timeline.add(self.status)
            self.manager.recorded(recorded(number, "invalid"))
            return began
        self.manager.requested(final(number))
        self.label(number, outcome)
        self.manager.recorded(recorded(number))
        return began

    def label(self, number: int, outcome: Outcome) -> None:
        reward = float(outcome is Outcome.SUCCESS)
        stamp_ns = len(self.ledger.entries) + 1
        self.manager.label(Label(number, outcome, reward, "anna", stamp_ns))


def test_pairs_share_their_reset_and_nobody_is_told_the_mode(tmp_path: Path) -> None:
    cell = Cell(tmp_path)
    while cell.status.phase is not Phase.IDLE:
        assert cell.status.run_mode == "ab"
        assert cell.status.shown_mode == cell.status.code != ""
        cell.episode(Outcome.FAILURE)
    assert len(cell.seen) == 8
    for first, second in zip(cell.seen[::2], cell.seen[1::2], strict=True):
        assert first.seed == second.seed
        assert {first.mode, second.mode} == {Mode.BASE, Mode.EVAL}
    assert len({status.code for status in cell.seen}) == 8


@pytest.mark.parametrize("outcome", [None, Outcome.DISCARD])
def test_void_episode_is_run_again_with_its_arm_and_reset(
    tmp_path: Path, outcome: Outcome | None
) -> None:
    cell = Cell(tmp_path)
    void = cell.episode(outcome)
    again = cell.status
    assert (again.mode, again.seed, again.code) == (void.mode, void.seed, void.code)
    assert again.episode == void.episode + 1
    assert again.run_done == (0 if outcome is None else 1)


def test_comparison_ends_once_the_difference_is_shown(tmp_path: Path) -> None:
    cell = Cell(tmp_path, pairs=40)
    while cell.status.phase is not Phase.IDLE:
        good = cell.status.mode is Mode.EVAL
        cell.episode(Outcome.SUCCESS if good else Outcome.FAILURE)
    assert 4 <= len(cell.seen) < 80
    (planned,) = read_plans(tmp_path)
    test = recorded_test(tmp_path, planned)
    assert test.verdict == "second better"
    assert test.arm(1).count.rate == 1.0


def test_record_follows_corrections(tmp_path: Path) -> None:
    cell = Cell(tmp_path)
    for _ in range(4):
        cell.episode(Outcome.SUCCESS)
    (planned,) = read_plans(tmp_path)
    assert recorded_test(tmp_path, planned).differences == (0.0, 0.0)
    cell.label(cell.seen[0].episode, Outcome.FAILURE)
    test = recorded_test(tmp_path, planned)
    first_arm = 0 if cell.seen[0].mode is Mode.BASE else 1
    assert test.differences[0] == (1.0 if first_arm == 0 else -1.0)


def test_invalid_attempt_is_kept_in_the_record_with_its_reason(tmp_path: Path) -> None:
    cell = Cell(tmp_path)
    cell.episode(None)
    cell.episode(Outcome.SUCCESS)
    (planned,) = read_plans(tmp_path)
    first, second = recorded_test(tmp_path, planned).episodes
    assert (first.is_valid, "held" in first.reason, second.is_valid) == (False, True, True)


def test_plan_that_was_changed_is_refused(tmp_path: Path) -> None:
    cell = Cell(tmp_path)
    (path,) = tmp_path.glob("ab-*.json")
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"seed": values["seed"] + 1}))
    (planned,) = read_plans(tmp_path)
    with pytest.raises(InvalidFile, match="was changed"):
        recorded_test(tmp_path, planned)
    path.write_text("{}")
    with pytest.raises(InvalidFile, match="is no plan"):
        read_plans(tmp_path)
    with pytest.raises(DsrlError, match="cannot be written"):
        write_plan(tmp_path / "gone", cell.run, 0, resets_match=True)


@pytest.mark.parametrize(
    ("mode", "count", "arms", "expected"),
    [
        ("good", 1, [], "'good'; available: .*ab"),
        ("eval", 1, ["base", "eval"], "are for mode 'ab'"),
        ("ab", 4, ["base"], r"compares two arms, such as base and eval; asked for \['base'\]"),
        ("ab", 4, ["base", "base"], "two that differ"),
        ("ab", 4, ["base", "train"], "explores and learns"),
        ("ab", 4, ["base", "eval@3"], "unknown weights 'eval@3'; available: eval@12, eval@40"),
        ("ab", 4, ["eval", "eval@40"], "both arms are 'eval@40', expected two that differ"),
        ("ab", 0, ["base", "eval"], "pairs is 0, expected 1 or more"),
    ],
)
def test_run_that_cannot_be_is_refused(
    mode: str, count: int, arms: list[str], expected: str
) -> None:
    with pytest.raises(DsrlError, match=expected):
        requested_run(mode, count, 1, 0, arms, (12, 40))


def test_two_checkpoints_are_compared_and_each_episode_names_its_own(tmp_path: Path) -> None:
    run = requested_run("ab", 2, 7, 0, ["eval@12", "eval"], (12, 40))
    assert isinstance(run, ComparisonRun)
    assert [str(arm) for arm in run.plan.arms] == ["eval@12", "eval@40"]
    manager = EpisodeManager(MemoryLedger(), LIMIT_NS, 0, wait_for_learner=True)
    manager.run(run)
    asked = []
    for number in range(4):
        # A comparison's weights are there: it does not wait for what the learner still learns.
        manager.learner_progress(LearnerStatus(41, updates_pending=9))
        manager.world_ready(number, START_NS)
        assert manager.status.phase is Phase.RUNNING
        asked.append(manager.status.minimum_weights_version)
        manager.requested(final(number))
        manager.label(label(number, Outcome.FAILURE))
        manager.recorded(recorded(number))
    assert asked == [run.plan.arm_of(index).weights_version for index in range(4)]
    assert sorted(asked) == [12, 12, 40, 40]
    write_plan(tmp_path, run, 0, resets_match=True)
    (planned,) = read_plans(tmp_path)
    assert planned.weights_versions == {12, 40}


def test_an_arm_without_version_runs_without_weights_where_there_are_none_yet() -> None:
    run = requested_run("ab", 2, 7, 0, ["base", "eval"])
    assert isinstance(run, ComparisonRun)
    assert [str(arm) for arm in run.plan.arms] == ["base", "eval@0"]


def test_stop_rule_is_sealed_too(tmp_path: Path) -> None:
    Cell(tmp_path)
    (path,) = tmp_path.glob("ab-*.json")
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"alpha": 0.2}))
    (planned,) = read_plans(tmp_path)
    with pytest.raises(InvalidFile, match="was changed"):
        recorded_test(tmp_path, planned)


def test_episodes_of_a_comparison_that_is_not_over_stay_sealed(tmp_path: Path) -> None:
    cell = Cell(tmp_path, pairs=2)
    cell.episode(Outcome.SUCCESS)
    cell.episode(Outcome.FAILURE)
    assert sealed_episodes(tmp_path) == {0, 1}
    while cell.status.phase is not Phase.IDLE:
        cell.episode(Outcome.FAILURE)
    assert sealed_episodes(tmp_path) == set()


def test_length_is_told_in_advance() -> None:
    few, many = (requested_run("ab", pairs, 7, 0, ["base", "eval"]) for pairs in (3, 30))
    assert isinstance(few, ComparisonRun)
    assert isinstance(many, ComparisonRun)
    assert "6 episodes, which are too few" in told_in_advance(few)
    expected = "base against eval@0: 16 episodes at least, 60 at most, 26 in the median if 30%"
    assert told_in_advance(many).startswith(expected)
    assert "errs in 5% at most; " in told_in_advance(many)


def test_a_stricter_rule_takes_longer_and_is_sealed_with_the_plan(tmp_path: Path) -> None:
    strict = requested_run("ab", 30, 7, 0, ["base", "eval"], (), asked_rule(0.001, 0.2))
    assert isinstance(strict, ComparisonRun)
    told = told_in_advance(strict)
    assert "errs in 0.1% at most, and differences below 20 points count as none" in told
    least = re.search(r"(\d+) episodes at least", told)
    assert least is not None
    assert int(least[1]) > 16
    write_plan(tmp_path, strict, 0, resets_match=True)
    (planned,) = read_plans(tmp_path)
    assert planned.rule == StopRule(0.001, 0.2)
    assert planned.plan == strict.plan


@pytest.mark.parametrize(("alpha", "margin"), [(1.0, 0.0), (-0.1, 0.0), (0.05, 1.0), (0.05, -0.2)])
def test_a_rule_that_means_nothing_is_refused(alpha: float, margin: float) -> None:
    with pytest.raises(InvalidValue, match="expected between 0 and 1"):
        asked_rule(alpha, margin)
    assert asked_rule(0.0, 0.0) == StopRule()


def test_key_is_opened_once(tmp_path: Path) -> None:
    Cell(tmp_path)
    (planned,) = read_plans(tmp_path)
    assert unblinding_of(tmp_path, planned) is None
    first = unblind(tmp_path, planned, "anna", 5, 3)
    assert unblind(tmp_path, planned, "ben", 6, 4) == first
    assert unblinding_of(tmp_path, planned) == first
    assert read_plans(tmp_path) == [planned]


def test_two_plans_are_never_the_same(tmp_path: Path) -> None:
    one, other = (requested_run("ab", 30, 7, 0, ["base", "eval"]) for _ in range(2))
    assert isinstance(one, ComparisonRun)
    assert isinstance(other, ComparisonRun)
    assert one.plan.seal != other.plan.seal
    assert replace(one, plan=other.plan).test(()).next_index == 0
