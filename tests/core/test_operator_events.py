"""What a person beside the arm asks of the episode manager: pause, start, labels late and twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_core.data.ledger import LabelLedger, standing_labels
from dsrl_core.episode_labels import chosen_episode
from dsrl_core.episode_manager import EpisodeManager
from dsrl_core.episode_run import Run
from dsrl_core.errors import InvalidValue
from dsrl_core.status import EpisodeStatus, LearnerStatus, Phase, Waits
from dsrl_core.types import Label, Mode, Outcome
from tests.core.episode_manager_setup import (
    FREE,
    HELD,
    LIMIT_NS,
    START_NS,
    MemoryLedger,
    final,
    label,
    manager_at,
    recorded,
)

LATER_NS = 50 * START_NS


def waiting_manager() -> EpisodeManager:
    """One that starts no episode by itself, with its first one ready."""
    manager = EpisodeManager(MemoryLedger(), LIMIT_NS, 0, False, auto_advance=False)
    manager.run(Run(Mode.BASE, 2, seed=1, first_index=0))
    manager.world_ready(0, START_NS)
    return manager


@pytest.mark.parametrize(
    ("phase", "waits"),
    [
        (Phase.IDLE, ""),
        (Phase.RESETTING, Waits.RESET),
        (Phase.READY, Waits.LEARNER),
        (Phase.RUNNING, ""),
        (Phase.AWAITING_LABEL, Waits.LABEL),
        (Phase.DONE, Waits.RECORDER),
    ],
)
def test_status_says_what_is_waited_for(phase: Phase, waits: str) -> None:
    assert manager_at(phase).status.waits_for == waits


def test_held_arm_waits_for_a_resume() -> None:
    manager = manager_at(Phase.RESETTING)
    manager.safety(HELD)
    assert manager.status.waits_for == Waits.RESUME
    manager.safety(FREE)
    assert manager.status.waits_for == Waits.RESET


def test_pause_lets_the_episode_end_and_begins_no_other() -> None:
    manager = manager_at(Phase.RUNNING)
    manager.pause()
    assert manager.status.phase is Phase.RUNNING
    manager.requested(final(0))
    manager.label(label(0))
    manager.reset_wanted = None
    manager.recorded(recorded(0))
    assert (manager.status.phase, manager.status.waits_for) == (Phase.DONE, Waits.OPERATOR)
    assert manager.reset_wanted is None

    manager.go_on(LATER_NS)
    assert (manager.status.episode, manager.status.phase) == (1, Phase.RESETTING)
    assert manager.reset_wanted is not None
    assert not manager.status.paused
    assert manager.status.run_done == 1


def test_pause_during_a_reset_keeps_the_episode_ready() -> None:
    manager = manager_at(Phase.RESETTING)
    manager.pause()
    manager.world_ready(0, START_NS)
    assert (manager.status.phase, manager.status.waits_for) == (Phase.READY, Waits.OPERATOR)
    manager.learner_progress(LearnerStatus())
    assert manager.status.phase is Phase.READY
    manager.go_on(LATER_NS)
    assert manager.status.phase is Phase.RUNNING


def test_a_new_run_ends_a_pause() -> None:
    manager = manager_at(Phase.IDLE)
    manager.pause()
    manager.run(Run(Mode.BASE, 1, seed=1, first_index=0))
    manager.world_ready(0, START_NS)
    assert manager.status.phase is Phase.RUNNING


def test_without_auto_advance_every_episode_waits_for_its_start() -> None:
    manager = waiting_manager()
    assert (manager.status.phase, manager.status.waits_for) == (Phase.READY, Waits.OPERATOR)
    assert manager.press_start(LATER_NS) == ""
    assert manager.status.phase is Phase.RUNNING
    assert manager.status.started_ns == LATER_NS, "not before the person said so"
    assert manager.status.deadline_ns == LATER_NS + LIMIT_NS
    manager.requested(final(0))
    manager.label(label(0))
    manager.recorded(recorded(0))
    manager.world_ready(1, START_NS)
    assert (manager.status.phase, manager.status.waits_for) == (Phase.READY, Waits.OPERATOR)


def test_start_is_refused_while_it_has_no_effect() -> None:
    manager = manager_at(Phase.RUNNING)
    assert "is RUNNING and waits for nothing" in manager.press_start(LATER_NS)
    assert manager.status.phase is Phase.RUNNING


def test_start_leaves_an_episode_unlabelled_and_its_label_may_come_late() -> None:
    manager = manager_at(Phase.AWAITING_LABEL)
    assert manager.press_start(LATER_NS) == ""
    manager.recorded(recorded(0))
    assert (manager.status.episode, manager.status.phase) == (1, Phase.RESETTING)
    assert manager._ledger.entries == ()

    assert manager.label(label(0, Outcome.FAILURE)).entry == 1
    assert (manager.status.episode, manager.status.phase) == (1, Phase.RESETTING)


def test_mark_changes_nothing_but_the_ledger() -> None:
    manager = manager_at(Phase.RUNNING)
    before = manager.status
    marked = manager.label(replace(label(0, Outcome.MARK), moment_ns=START_NS + 5))
    assert manager.status == before
    assert manager._ledger.entries == (marked,)


def test_two_who_disagree_are_both_kept_and_told(tmp_path: Path) -> None:
    with LabelLedger(tmp_path / "ledger.jsonl") as ledger:
        manager = EpisodeManager(ledger, LIMIT_NS, 0, wait_for_learner=False)
        manager.run(Run(Mode.BASE, 1, seed=1, first_index=0))
        manager.world_ready(0, START_NS)
        manager.requested(final(0))
        manager.label(Label(0, Outcome.SUCCESS, 1.0, "anna", 5))
        written = manager.label(Label(0, Outcome.FAILURE, 0.0, "ben", 6))
        assert written.conflicts_with == 1
        assert manager.status.outcome == "failure"
        assert "anna said success, ben says failure" in manager.status.message

        corrected = manager.label(Label(0, Outcome.SUCCESS, 1.0, "anna", 7, supersedes=2))
        assert corrected.conflicts_with == 0, "anna has seen what she replaces"


def test_clock_that_jumped_is_told_and_the_order_of_entries_holds() -> None:
    manager = manager_at(Phase.AWAITING_LABEL)
    manager.label(replace(label(0), stamp_ns=LATER_NS * 1000))
    manager.label(replace(label(0, Outcome.FAILURE), stamp_ns=5))
    assert "a clock has jumped" in manager.status.message
    assert manager.status.outcome == "failure"


def test_the_episode_that_is_meant_is_the_present_one_and_for_undo_the_last_labelled() -> None:
    ledger = MemoryLedger()
    for number in (3, 5, 4):
        ledger.append(label(number))
    status = EpisodeStatus(7, Phase.AWAITING_LABEL)
    assert chosen_episode(ledger, status, Outcome.SUCCESS) == 7
    assert chosen_episode(ledger, status, Outcome.UNDO) == 4
    with pytest.raises(InvalidValue, match="episode 7 is RESETTING"):
        chosen_episode(ledger, replace(status, phase=Phase.RESETTING), Outcome.FAILURE)
    with pytest.raises(InvalidValue, match="no label to take back"):
        chosen_episode(MemoryLedger(), status, Outcome.UNDO)


def test_what_stands_is_the_last_word_without_what_was_taken_back() -> None:
    entries = [label(0), label(1), label(0, Outcome.UNDO), label(1, Outcome.FAILURE)]
    entries.append(replace(label(1, Outcome.MARK), moment_ns=3))
    assert standing_labels(entries) == {1: entries[3]}
