"""The state machine of episodes: its story and its refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_core.data.ledger import LabelLedger
from dsrl_core.episode_manager import OVERTIME_NS, REPEATS_MAX, EpisodeManager
from dsrl_core.episode_run import Run
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.seeding import reset_seed
from dsrl_core.status import INVALID, LearnerStatus, Phase, Waits
from dsrl_core.types import Mode, Outcome
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


def test_a_run_resets_runs_and_ends_each_episode() -> None:
    manager = EpisodeManager(MemoryLedger(), LIMIT_NS, 0, wait_for_learner=False)
    manager.run(Run(Mode.TRAIN, 3, seed=1, first_index=0))
    for number in range(3):
        wanted = manager.reset_wanted
        assert wanted is not None
        assert (wanted.episode, wanted.seed) == (number, reset_seed(1, Mode.TRAIN, number))
        manager.world_ready(number, START_NS)
        assert manager.status.phase is Phase.RUNNING
        assert manager.status.deadline_ns == START_NS + LIMIT_NS
        manager.label(label(number))
        assert manager.status.phase is Phase.DONE
        manager.recorded(recorded(number))
    assert manager.status.phase is Phase.IDLE
    assert (manager.status.run_done, manager.status.run_total) == (3, 3)


def test_first_index_goes_on_in_the_seeds_series() -> None:
    manager = EpisodeManager(MemoryLedger(), LIMIT_NS, 40, wait_for_learner=False)
    assert manager.run(Run(Mode.EVAL, 1, seed=9, first_index=7)) == 40
    assert manager.status.seed == reset_seed(9, Mode.EVAL, 7)


def test_next_episode_waits_for_label_and_record_in_either_order() -> None:
    manager = manager_at(Phase.AWAITING_LABEL)
    manager.recorded(recorded(0, "deadline"))
    assert manager.status.episode == 0
    manager.label(label(0, Outcome.FAILURE))
    assert manager.status.episode == 1

    manager = manager_at(Phase.DONE)
    assert manager.status.episode == 0
    manager.recorded(recorded(0, "deadline"))
    assert manager.status.episode == 1


@pytest.mark.parametrize("mode", [Mode.TRAIN, Mode.EVAL, Mode.ACTOR])
def test_steered_episode_waits_until_all_labels_are_learned_from(mode: Mode) -> None:
    ledger = MemoryLedger()
    ledger.append(label(0))
    manager = EpisodeManager(ledger, LIMIT_NS, 1, wait_for_learner=True)
    manager.run(Run(mode, 1, seed=1, first_index=0))
    manager.world_ready(1, START_NS)
    assert manager.status.phase is Phase.READY

    manager.learner_progress(LearnerStatus(4, updates_pending=0, ledger_entries=0))
    assert manager.status.phase is Phase.READY
    manager.learner_progress(LearnerStatus(4, updates_pending=9, ledger_entries=1))
    assert manager.status.phase is Phase.READY
    manager.learner_progress(LearnerStatus(5, updates_pending=0, ledger_entries=1))
    assert manager.status.phase is Phase.RUNNING
    assert manager.status.minimum_weights_version == 5


@pytest.mark.parametrize("mode", [Mode.BASE, Mode.ZERO])
def test_unsteered_episode_waits_for_no_learner(mode: Mode) -> None:
    ledger = MemoryLedger()
    ledger.append(label(0))
    manager = EpisodeManager(ledger, LIMIT_NS, 1, wait_for_learner=True)
    manager.run(Run(mode, 1, seed=1, first_index=0))
    manager.world_ready(1, START_NS)
    assert manager.status.phase is Phase.RUNNING


def test_the_same_press_again_changes_nothing() -> None:
    manager = manager_at(Phase.AWAITING_LABEL)
    first = manager.label(label(0))
    manager.label(replace(label(0, Outcome.UNDO), stamp_ns=6))
    entries = manager._ledger.entries
    assert manager.label(label(0)) == first
    assert manager._ledger.entries == entries
    assert manager.status.phase is Phase.AWAITING_LABEL


def test_undo_asks_for_the_label_again() -> None:
    manager = manager_at(Phase.DONE)
    manager.label(label(0, Outcome.UNDO))
    assert manager.status.phase is Phase.AWAITING_LABEL
    assert manager.status.outcome == ""


def test_invalid_episode_is_repeated_with_its_own_reset_and_not_counted() -> None:
    manager = manager_at(Phase.RUNNING)
    seed = manager.status.seed
    manager.lost("chunk_player is gone")
    assert (manager.status.phase, manager.status.outcome) == (Phase.DONE, INVALID)
    assert "chunk_player is gone" in manager.status.message
    manager.recorded(recorded(0, INVALID))
    assert (manager.status.episode, manager.status.seed, manager.status.run_done) == (1, seed, 0)


def test_episode_that_nobody_ends_at_its_deadline_is_given_up() -> None:
    manager = manager_at(Phase.RUNNING)
    manager.time_is(manager.status.deadline_ns + OVERTIME_NS)
    assert manager.status.phase is Phase.RUNNING
    manager.time_is(manager.status.deadline_ns + OVERTIME_NS + 1)
    assert (manager.status.phase, manager.status.outcome) == (Phase.DONE, INVALID)


def test_run_is_given_up_after_invalid_episodes_in_a_row() -> None:
    manager = manager_at(Phase.RESETTING)
    for number in range(REPEATS_MAX):
        manager.world_ready(number, START_NS)
        manager.requested(final(number, INVALID))
        manager.recorded(recorded(number, INVALID))
    assert manager.status.phase is Phase.IDLE
    assert f"given up after {REPEATS_MAX} invalid episodes" in manager.status.message


def test_labelled_episode_that_was_not_recorded_whole_becomes_invalid() -> None:
    manager = manager_at(Phase.DONE)
    manager.recorded(recorded(0, INVALID))
    assert manager.status.episode == 1
    assert manager.status.run_done == 0
    with pytest.raises(InvalidValue, match="episode 0 is invalid"):
        manager.label(label(0))


@pytest.mark.parametrize("phase", list(Phase))
def test_stop_in_any_phase_leads_to_idle_once_all_is_said(phase: Phase) -> None:
    manager = manager_at(phase)
    manager.stop()
    if manager.status.phase is Phase.AWAITING_LABEL:
        manager.label(label(0))
    if manager.status.phase is Phase.DONE:
        manager.recorded(recorded(0, INVALID if phase is Phase.RUNNING else "deadline"))
    assert manager.status.phase is Phase.IDLE
    assert manager.reset_wanted is None


def test_second_run_is_refused_while_one_is_not_over() -> None:
    with pytest.raises(DsrlError, match="episode 0 is RUNNING in a run of 3 episodes"):
        manager_at(Phase.RUNNING).run(Run(Mode.BASE, 1, 0, 0))


@pytest.mark.parametrize(
    ("phase", "episode", "words"),
    [
        (Phase.RUNNING, 5, "there is no episode 5; the last one is 0"),
        (Phase.RESETTING, 0, "episode 0 is RESETTING; expected RUNNING or over"),
    ],
)
def test_label_of_what_has_not_run_is_refused(phase: Phase, episode: int, words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        manager_at(phase).label(label(episode))


def test_failed_reset_ends_the_run_with_the_reason() -> None:
    manager = manager_at(Phase.RESETTING)
    manager.reset_failed(0, "no answer")
    assert manager.status.phase is Phase.IDLE
    assert "no answer" in manager.status.message


def test_hold_makes_the_running_episode_invalid_and_says_what_to_do() -> None:
    manager = manager_at(Phase.RUNNING)
    manager.safety(HELD)
    assert (manager.status.phase, manager.status.outcome) == (Phase.DONE, INVALID)
    assert "invalid: the arm is held (force): 41 N on the tool" in manager.status.message
    assert "resume" in manager.status.message


def test_no_reset_is_wanted_while_the_arm_is_held_and_the_same_one_after() -> None:
    manager = manager_at(Phase.RUNNING)
    seed = manager.status.seed
    manager.reset_wanted = None
    manager.safety(HELD)
    manager.recorded(recorded(0, INVALID))
    assert (manager.status.phase, manager.status.episode) == (Phase.RESETTING, 1)
    assert manager.reset_wanted is None
    assert "the arm is held (force)" in manager.status.message

    manager.safety(FREE)
    assert manager.reset_wanted is not None
    assert (manager.reset_wanted.episode, manager.reset_wanted.seed) == (1, seed)
    assert manager.status.message == ""


def test_reason_of_the_hold_is_told_though_the_player_gave_up_first() -> None:
    manager = manager_at(Phase.RUNNING)
    manager.requested(final(0, INVALID))
    manager.safety(HELD)
    assert manager.status.phase is Phase.DONE
    assert "41 N on the tool" in manager.status.message


@pytest.mark.parametrize("phase", [Phase.RESETTING, Phase.READY])
def test_hold_before_the_start_makes_the_reset_due_again(phase: Phase) -> None:
    manager = manager_at(phase)
    manager.safety(HELD)
    manager.world_ready(0, START_NS)
    assert manager.status.phase is Phase.RESETTING
    assert manager.reset_wanted is None
    manager.safety(FREE)
    assert manager.reset_wanted is not None
    manager.world_ready(0, START_NS)
    assert manager.status.phase is not Phase.RESETTING


def test_reset_that_broke_off_because_of_a_hold_does_not_end_the_run() -> None:
    manager = manager_at(Phase.RESETTING)
    manager.safety(HELD)
    manager.reset_failed(0, "the arm is held")
    assert manager.status.phase is Phase.RESETTING
    manager.safety(FREE)
    assert manager.reset_wanted is not None


def test_hold_changes_nothing_of_an_episode_that_awaits_its_label() -> None:
    manager = manager_at(Phase.AWAITING_LABEL)
    manager.safety(HELD)
    assert manager.status.phase is Phase.AWAITING_LABEL
    manager.label(label(0))
    assert manager.status.outcome == "success"


def test_no_episode_begins_while_a_process_that_it_needs_is_away() -> None:
    manager = manager_at(Phase.RESETTING)
    manager.away(["policy_server", "noise_actor"])
    manager.world_ready(0, START_NS)
    status = manager.status
    assert (status.phase, status.waits_for) == (Phase.READY, Waits.PROCESS)
    assert status.message == "waits for policy_server and noise_actor"
    manager.away(["noise_actor"], 2 * START_NS)
    assert manager.status.message == "waits for noise_actor"
    manager.away([], 3 * START_NS)
    assert manager.status.phase is Phase.RUNNING
    assert (manager.status.started_ns, manager.status.message) == (3 * START_NS, "")


def test_a_process_that_is_away_does_not_end_the_running_episode() -> None:
    manager = manager_at(Phase.RUNNING)
    manager.away(["rollout_recorder"], 2 * START_NS)
    assert manager.status.phase is Phase.RUNNING


def test_labels_are_in_the_real_ledger(tmp_path: Path) -> None:
    with LabelLedger(tmp_path / "ledger.jsonl") as ledger:
        manager = EpisodeManager(ledger, LIMIT_NS, 0, wait_for_learner=False)
        manager.run(Run(Mode.BASE, 1, 0, 0))
        manager.world_ready(0, START_NS)
        written = manager.label(label(0))
        assert (written.entry, ledger.outcome_of(0)) == (1, Outcome.SUCCESS)
