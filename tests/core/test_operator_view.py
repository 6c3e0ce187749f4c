"""What an operator is shown and may press, from what was heard."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dsrl_core.operator.heard import Heard, see
from dsrl_core.operator.orders import (
    Action,
    Answer,
    Asked,
    Order,
    RunWanted,
    begin,
    follow_up,
    regrade,
    relabel,
)
from dsrl_core.operator.view import OperatorView, view_of
from dsrl_core.operator.words import Tone
from dsrl_core.status import EpisodeStatus, Phase, SafetyStatus, Waits
from dsrl_core.types import Mode, Outcome
from tests.rqt import scenes


def changed(heard: Heard, **values: object) -> Heard:
    assert heard.status is not None
    return replace(heard, status=replace(heard.status, **values))  # type: ignore[arg-type]


def order(view: OperatorView, action: Action) -> Order:
    found = view.buttons[action].order
    assert found is not None, view.buttons[action].reason
    return found


def test_without_a_graph_only_the_stop_can_be_pressed_and_every_other_button_says_why() -> None:
    view = view_of(Heard())
    assert "No graph" in view.sentence.headline
    for action, button in view.buttons.items():
        assert (button.order is not None) == (action is Action.STOP)
        assert bool(button.reason) == (button.order is None)


def test_a_running_episode_has_a_timer_of_ros_time_and_is_labelled_by_the_buttons() -> None:
    view = view_of(scenes.running())
    assert view.sentence.tone is Tone.MOVES
    assert view.timer is not None
    assert view.timer.elapsed_s == pytest.approx(12.4)
    assert view.timer.limit_s == 30.0
    assert order(view, Action.SUCCESS) == Order(Asked.LABEL, 12, Outcome.SUCCESS)
    assert view.buttons[Action.START].order is None


def test_a_label_names_the_entry_that_its_author_saw() -> None:
    heard = scenes.alarmed()
    again = relabel(heard, 11, Outcome.FAILURE)
    assert again.order == Order(Asked.LABEL, 11, Outcome.FAILURE, supersedes=13)
    assert relabel(heard, 11, Outcome.SUCCESS).order is None, "it is labelled so already"
    undo = order(view_of(heard), Action.UNDO)
    assert undo == Order(Asked.LABEL, 11, Outcome.UNDO, supersedes=13)
    assert relabel(heard, 12, Outcome.UNDO).order is None, "it has no label"


def test_a_graded_success_can_be_made_a_full_one() -> None:
    heard = scenes.awaiting()
    half = replace(heard.entries[0], reward=0.5)
    heard = replace(heard, entries=(half, *heard.entries[1:]))
    assert relabel(heard, 0, Outcome.SUCCESS).order is not None
    assert view_of(heard).episodes[-1].words == "success 0.5 by anna"


def test_any_episode_can_be_graded_which_asks_how_much_and_is_told_as_a_grade() -> None:
    heard = scenes.awaiting()
    asked = order(view_of(heard), Action.GRADE)
    assert "How much" in asked.question
    sent = [chosen for _, chosen in asked.answers]
    assert [chosen.reward for chosen in sent] == [0.25, 0.5, 0.75]
    assert {(chosen.question, chosen.outcome) for chosen in sent} == {("", Outcome.FAILURE)}
    assert relabel(heard, 11, Outcome.FAILURE).order is None
    assert regrade(heard, 11).order is not None, "a plain failure"
    assert regrade(heard, 8).order is not None, "another grade"
    assert "invalid" in regrade(scenes.held(), 12).reason
    rows = {row.episode: row for row in view_of(heard).episodes}
    assert rows[8].words == "graded 0.5 by anna"
    graded = replace(heard.entries[8], episode=12, entry=13)
    done = changed(replace(heard, entries=(*heard.entries, graded)), phase=Phase.DONE)
    assert view_of(done).sentence.headline == "Episode 12 is graded 0.5"


def test_a_comparison_is_begun_only_after_its_length_was_told() -> None:
    assert begin(RunWanted("train")) == Order(Asked.RUN)
    plan = begin(RunWanted("ab", 30))
    assert plan == Order(Asked.PLAN)
    asked = follow_up(Answer(plan, True, "at most 60 episodes"))
    assert asked is not None
    assert asked.question == "at most 60 episodes. Begin?"
    assert asked.answers == (("Yes", Order(Asked.RUN)),)
    assert follow_up(Answer(plan, False, "no such arm")) is None
    assert follow_up(Answer(Order(Asked.RUN), True, "begun")) is None


def test_a_conflict_is_told_until_somebody_names_the_other_entry() -> None:
    heard = scenes.alarmed()
    view = view_of(heard)
    assert view.conflicts == ("episode 11: anna said failure, ben said success, which holds",)
    last = heard.entries[-1]
    settled = replace(
        last, entry=14, author="anna", outcome=Outcome.FAILURE, supersedes=13, conflicts_with=0
    )
    assert not view_of(replace(heard, entries=(*heard.entries, settled))).conflicts


@pytest.mark.parametrize(
    ("values", "text", "asked"),
    [
        ({"phase": Phase.IDLE}, "Start run", Asked.RUN),
        ({"phase": Phase.READY, "waits_for": Waits.OPERATOR}, "Start", Asked.START),
        ({"phase": Phase.AWAITING_LABEL, "waits_for": Waits.LABEL}, "Label later", Asked.START),
        ({"phase": Phase.RESETTING, "waits_for": Waits.RESET}, "Cell ready", Asked.START),
        ({"phase": Phase.RUNNING, "paused": True}, "Go on", Asked.GO_ON),
        (
            {"phase": Phase.DONE, "paused": True, "waits_for": Waits.OPERATOR},
            "Start",
            Asked.START,
        ),
    ],
)
def test_start_is_what_the_graph_waits_for(
    values: dict[str, object], text: str, asked: Asked
) -> None:
    button = view_of(changed(scenes.running(), **values)).buttons[Action.START]
    assert button.text == text
    assert button.order is not None
    assert button.order.asked is asked


def test_a_held_arm_goes_on_only_after_a_question_and_its_episode_has_no_label() -> None:
    view = view_of(scenes.held())
    assert view.sentence.tone is Tone.HELD
    assert "external_force" in view.sentence.detail
    assert order(view, Action.START).asked is Asked.RESUME
    assert "clear" in order(view, Action.START).question
    assert "invalid" in view.buttons[Action.SUCCESS].reason
    assert order(view, Action.STOP) == Order(Asked.HOLD)


def test_ending_a_run_asks_and_says_what_becomes_of_the_episode() -> None:
    assert "becomes invalid" in order(view_of(scenes.running()), Action.END).question


def test_pause_is_for_a_run_and_lets_it_go_on_again() -> None:
    assert view_of(scenes.idle()).buttons[Action.PAUSE].order is None
    assert order(view_of(scenes.running()), Action.PAUSE).asked is Asked.PAUSE
    assert order(view_of(changed(scenes.running(), paused=True)), Action.PAUSE).asked is Asked.GO_ON


def test_rates_bear_their_intervals_and_training_counts_no_other_mode() -> None:
    base, recent, trained = view_of(scenes.running()).rates
    assert (base.successes, base.episodes) == (1, 3)
    assert base.low < base.share < base.high
    assert recent.name == "last 9 steered"
    assert (trained.successes, trained.episodes) == (6, 9)
    none = view_of(scenes.idle()).rates[0]
    assert none.text == "no episodes yet"
    assert math.isnan(none.share)


def test_idle_share_is_of_a_runs_time_and_says_why() -> None:
    cost = view_of(scenes.running()).cost
    assert cost.minutes == pytest.approx((372 + 121 + 34 + 48 + 95 + 6) / 60)
    assert cost.idle_share == pytest.approx(1 - 372 / 676)
    assert cost.waiting[0].words == "resetting"
    assert cost.forecast == "target 90%: 8 to 42 more episodes, 8 to 39 min"
    assert view_of(scenes.idle()).cost.forecast == "target 90%: no forecast yet"


def test_nothing_that_is_shown_of_a_blinded_comparison_depends_on_the_arm_that_acts() -> None:
    assert view_of(scenes.blinded(Mode.BASE)) == view_of(scenes.blinded(Mode.EVAL))


@pytest.mark.parametrize("phase", list(Phase))
def test_nor_does_what_is_waited_for(phase: Phase) -> None:
    waiting = changed(scenes.blinded(Mode.EVAL), phase=phase, waits_for=Waits.LEARNER)
    view = view_of(waiting)
    shown = f"{view.sentence} {view.episode} {view.run} {view.learner} {view.alarms} {view.cost}"
    assert "learner" not in f"{view.sentence}"
    for word in ("eval", "base", "weights", "steered", "policy"):
        assert word not in shown.replace("Blinded", ""), shown
    assert "K7" in view.episode or phase is Phase.IDLE
    assert {row.mode for row in view.episodes if row.episode in (10, 11, 12)} <= {"K7", "M2", "Q4"}


def test_an_episode_that_was_not_seen_live_shows_no_mode() -> None:
    heard = replace(scenes.blinded(), seen={})
    assert {row.mode for row in view_of(heard).episodes} == {""}


def test_the_learner_has_taken_a_label_once_it_says_so() -> None:
    heard = scenes.running()
    assert heard.learner is not None
    behind = replace(heard, learner=replace(heard.learner, ledger_entries=11))
    rows = {row.episode: row for row in view_of(behind).episodes}
    assert rows[10].is_learned
    assert not rows[11].is_learned


def test_a_silent_graph_keeps_its_last_word_but_takes_no_orders_but_stop() -> None:
    view = view_of(scenes.silent())
    assert view.sentence.tone is Tone.HELD
    assert "17 s" in view.sentence.detail
    assert len(view.episodes) == 13
    pressable = {a for a, b in view.buttons.items() if b.order is not None}
    assert pressable == {Action.STOP}


def test_what_was_seen_of_an_episode_outlasts_it() -> None:
    seen = see({}, EpisodeStatus(4, Phase.DONE, Mode.EVAL, code="A1", outcome="success"))
    seen = see(seen, EpisodeStatus(5, Phase.RUNNING, Mode.TRAIN))
    assert seen[4].mode == "A1"
    assert seen[4].is_hidden
    assert seen[5].mode == "train"
    restarted = see(seen, EpisodeStatus(5, Phase.IDLE, Mode.BASE))
    assert restarted[5].mode == "train", "a manager that has just been started knows no mode"


def test_a_hold_is_shown_whatever_the_phase() -> None:
    for phase in Phase:
        heard = replace(changed(scenes.running(), phase=phase), safety=SafetyStatus(True, "stop"))
        assert view_of(heard).sentence.headline == "The arm is held"
