"""Where the time of robot and people goes, and when the target will be reached."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.data.timeline import TIMELINE_FILE, Timeline, read_timeline
from dsrl_core.evaluation.budget import Activity, Budget, activity_of, busy_s
from dsrl_core.evaluation.progress import HORIZON, LEAST_OUTCOMES, episodes_to_target
from dsrl_core.evaluation.run_progress import RECENT, RunProgress
from dsrl_core.status import EpisodeStatus, Phase, RecordedEpisode, Waits
from dsrl_core.types import Label, Mode, Outcome

STATES = st.tuples(st.sampled_from(Phase), st.sampled_from(["", *Waits]))


@given(st.lists(st.tuples(STATES, st.floats(0.0, 100.0))))
def test_every_second_is_spent_on_exactly_one_activity(
    moments: list[tuple[tuple[Phase, str], float]],
) -> None:
    budget, now_s = Budget(), 0.0
    budget.see(EpisodeStatus(), now_s)
    for (phase, waits), passed_s in moments:
        now_s += passed_s
        budget.see(EpisodeStatus(phase=phase, waits_for=waits), now_s)
    assert sum(budget.seconds(now_s).values()) == pytest.approx(now_s)


def test_time_goes_to_what_is_waited_for() -> None:
    assert activity_of(Phase.READY, Waits.LEARNER) is Activity.WAITING_LEARNER
    assert activity_of(Phase.READY, Waits.OPERATOR) is Activity.WAITING_PERSON
    assert activity_of(Phase.RESETTING, Waits.RESUME) is Activity.WAITING_PERSON
    budget = Budget()
    budget.see(EpisodeStatus(phase=Phase.RUNNING), 10.0)
    budget.see(EpisodeStatus(phase=Phase.AWAITING_LABEL, waits_for=Waits.LABEL), 14.0)
    seconds = budget.seconds(15.5)
    assert (seconds[Activity.MOVING], seconds[Activity.LABELLING]) == (4.0, 1.5)


def test_late_chunks_are_told_apart_from_moving() -> None:
    budget = Budget()
    budget.see(EpisodeStatus(phase=Phase.RUNNING), 0.0)
    budget.idle(7.0, 0.0)  # of before this process was started
    budget.idle(7.5, 4.0)
    seconds = budget.seconds(4.0)
    assert (seconds[Activity.MOVING], seconds[Activity.WAITING_POLICY]) == (3.5, 0.5)
    budget.idle(0.25, 5.0)  # the chunk player was started again
    seconds = budget.seconds(5.0)
    assert (seconds[Activity.MOVING], seconds[Activity.WAITING_POLICY]) == (4.25, 0.75)
    budget.idle(100.0, 5.0)  # more than there was: a clock of its own
    assert sum(budget.seconds(5.0).values()) == 5.0


def test_late_chunks_are_in_the_timeline_and_an_older_one_is_read(tmp_path: Path) -> None:
    Timeline(tmp_path).add(EpisodeStatus(phase=Phase.RUNNING), 1.25)
    path = tmp_path / TIMELINE_FILE
    moment = json.loads(path.read_text())
    del moment["idle_s"]
    path.write_text(path.read_text() + json.dumps(moment) + "\n")
    assert [moment.idle_s for moment in read_timeline(tmp_path)] == [1.25, 0.0]


def test_time_that_nobody_saw_is_not_counted() -> None:
    budget = Budget()
    budget.see(EpisodeStatus(phase=Phase.RUNNING), 0.0)
    budget.close(2.0)
    budget.see(EpisodeStatus(phase=Phase.RUNNING), 100.0)
    assert budget.seconds(101.0)[Activity.MOVING] == 3.0


def test_clock_that_goes_back_takes_no_time_away() -> None:
    budget = Budget()
    budget.see(EpisodeStatus(phase=Phase.RUNNING), 10.0)
    assert budget.seconds(5.0)[Activity.MOVING] == 0.0


def labelled(number: int, success: bool) -> Label:
    outcome = Outcome.SUCCESS if success else Outcome.FAILURE
    return Label(number, outcome, float(success), "test", number)


def progress_of(modes: list[Mode], successes: list[bool]) -> RunProgress:
    progress = RunProgress(0.9)
    for number, mode in enumerate(modes):
        progress.recorded(RecordedEpisode(number, "x", 3, 12, 0, "ended", mode))
    progress.labelled(labelled(number, success) for number, success in enumerate(successes))
    return progress


def test_base_and_latest_steered_episodes_are_counted_apart() -> None:
    modes = [Mode.BASE] * 4 + [Mode.TRAIN] * 30
    told = progress_of(modes, [True] + [False] * 13 + [True] * 20).snapshot(0.0)
    assert told.labelled == 34
    assert told.base == (1, 4)
    assert told.recent == (20, RECENT)


def test_unlabelled_discarded_and_taken_back_episodes_are_no_failures() -> None:
    progress = progress_of([Mode.BASE] * 4, [True, False])
    progress.labelled([replace(labelled(2, False), outcome=Outcome.DISCARD)])
    progress.labelled([replace(labelled(1, False), outcome=Outcome.UNDO)])
    assert progress.snapshot(0.0).base == (1, 1)


def test_hidden_episodes_are_not_counted_by_mode() -> None:
    progress = progress_of([Mode.BASE, Mode.EVAL], [False, True])
    progress.see(EpisodeStatus(1, Phase.RUNNING, Mode.EVAL, code="K7"), 0.0)
    told = progress.snapshot(1.0)
    assert (told.labelled, told.base, told.recent) == (2, (0, 1), (0, 0))


def test_episodes_per_hour_are_of_the_time_that_was_not_idle() -> None:
    progress = progress_of([Mode.BASE], [True])
    assert math.isnan(progress.snapshot(0.0).episodes_per_hour)
    progress.see(EpisodeStatus(0, Phase.RUNNING), 0.0)
    progress.see(EpisodeStatus(0, Phase.IDLE), 36.0)
    told = progress.snapshot(1000.0)
    assert told.episodes_per_hour == pytest.approx(100.0)
    assert busy_s({Activity(name): value for name, value in told.activities}) == 36.0


def test_forecast_needs_outcomes_and_a_trend() -> None:
    assert episodes_to_target([1.0] * (LEAST_OUTCOMES - 1), 0.9) is None
    assert episodes_to_target([0.0] * 60, 0.9) is None
    assert episodes_to_target([0.0, 1.0] * 200, 0.9) is None
    assert episodes_to_target([1.0] * 20, 0.0) is None


def test_reached_target_is_no_episodes_away() -> None:
    found = episodes_to_target([0.0] * 3 + [1.0] * 60, 0.9)
    assert found is not None
    assert found[0] == 0


def test_forecast_covers_the_truth_more_often_than_not() -> None:
    """Where success does follow the curve that is assumed."""
    level, slope, target, seen = -2.5, 1.2, 0.85, 25
    rates = 1 / (1 + np.exp(-(level + slope * np.log(np.arange(1, seen + HORIZON + 1)))))
    truth = int(np.argmax(rates >= target)) + 1 - seen
    found = []
    for seed in range(120):
        outcomes = np.random.default_rng(seed).random(seen) < rates[:seen]
        found.append(episodes_to_target(outcomes.astype(float).tolist(), target))
    told = [interval for interval in found if interval is not None]
    assert len(told) > 60
    assert np.mean([low <= truth <= high for low, high in told]) > 0.7


def test_timeline_is_read_as_it_was_written_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    assert list(read_timeline(tmp_path)) == []
    timeline = Timeline(tmp_path)
    timeline.add(EpisodeStatus(4, Phase.RUNNING, Mode.EVAL, code="K7"))
    with (tmp_path / TIMELINE_FILE).open("a") as file:
        file.write('{"session": 1, "wall_\n' + json.dumps([1]) + "\n")
    timeline.add(EpisodeStatus(4, Phase.DONE, Mode.EVAL, outcome="success"))
    first, last = read_timeline(tmp_path)
    assert (first.episode, first.phase, first.mode) == (4, "RUNNING", "K7")
    assert (last.phase, last.outcome, last.session) == ("DONE", "success", first.session)
    assert last.monotonic_s >= first.monotonic_s
