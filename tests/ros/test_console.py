"""`./dsrl console`: what keys ask for, and that everything fits into a small terminal."""

from __future__ import annotations

import pytest
from rich.console import Console

from dsrl_core.evaluation.ab_rule import asked_rule
from dsrl_core.evaluation.ab_run import ComparisonRun, requested_run, told_in_advance
from dsrl_core.operator.orders import Answer, Asked, Order, RunWanted
from dsrl_core.types import Outcome
from dsrl_ros.cli.console_screen import screen
from dsrl_ros.cli.desk import Desk
from tests.rqt.scenes import SCENES, FakeGraph, awaiting, held, idle, running


def pressed(desk: Desk, graph: FakeGraph, keys: str) -> list[Order]:
    for key in keys:
        assert not desk.press(key)
        desk.look()
    sent, graph.sent = graph.sent, []
    return sent


def test_keys_ask_for_what_the_buttons_of_the_window_do() -> None:
    graph = FakeGraph(awaiting())
    desk = Desk(graph)
    assert pressed(desk, graph, "s") == [Order(Asked.LABEL, 12, Outcome.SUCCESS)]
    assert pressed(desk, graph, " ") == [Order(Asked.HOLD)]
    assert [o.asked for o in pressed(desk, graph, "p")] == [Asked.PAUSE]
    assert pressed(desk, graph, "xyn?") == []
    assert desk.press("q")


def test_a_moment_of_the_running_episode_is_marked_by_a_key() -> None:
    graph = FakeGraph(running())
    desk = Desk(graph)
    assert pressed(desk, graph, "m") == [Order(Asked.LABEL, 12, Outcome.MARK)]
    graph.now = awaiting()
    desk.look()
    assert pressed(desk, graph, "m") == []
    assert "no episode runs" in desk.words


def test_a_question_stands_until_it_is_answered_or_something_else_is_asked_for() -> None:
    graph = FakeGraph(held())
    desk = Desk(graph)
    assert pressed(desk, graph, "\n") == []
    assert "clear of it" in desk.words
    assert pressed(desk, graph, "n") == []
    assert [o.asked for o in pressed(desk, graph, "\ny")] == [Asked.RESUME]
    assert [o.asked for o in pressed(desk, graph, "\n y")] == [Asked.HOLD]


def test_capital_letters_are_for_the_episode_that_was_chosen() -> None:
    graph = FakeGraph(awaiting())
    desk = Desk(graph)
    assert pressed(desk, graph, "S") == [], "none is chosen yet"
    assert pressed(desk, graph, "jjS") == [Order(Asked.LABEL, 11, Outcome.SUCCESS, supersedes=12)]
    assert pressed(desk, graph, "jkF") == []
    assert "labelled failure already" in desk.words
    assert desk.chosen == 11


def test_a_task_that_was_done_in_part_is_graded_by_keys() -> None:
    graph = FakeGraph(awaiting())
    desk = Desk(graph)
    assert pressed(desk, graph, "g") == []
    assert "1: 0.25, 2: 0.5, 3: 0.75, n: no" in desk.words
    half = Order(Asked.LABEL, 12, Outcome.FAILURE, reward=0.5)
    assert pressed(desk, graph, "2") == [half]
    assert pressed(desk, graph, "gn1") == [], "no is no grade"
    assert pressed(desk, graph, "jjG3") == [
        Order(Asked.LABEL, 11, Outcome.FAILURE, supersedes=12, reward=0.75)
    ]


def test_the_length_of_a_comparison_is_told_before_it_begins() -> None:
    graph = FakeGraph(idle())
    graph.run_wanted = RunWanted("ab", 30, alpha=0.01, margin=0.2)
    desk = Desk(graph)
    assert pressed(desk, graph, "\n") == [Order(Asked.PLAN)]
    run = requested_run("ab", 30, 0, 0, ("base", "eval@40"), (40,), asked_rule(0.01, 0.2))
    assert isinstance(run, ComparisonRun)
    graph.to_tell = [Answer(Order(Asked.PLAN), True, told_in_advance(run))]
    desk.look()
    recorder = Console(width=80, height=24)
    with recorder.capture() as captured:
        recorder.print(screen(desk), height=24)
    shown = " ".join(captured.get().split())
    assert desk.words.split("Begin?")[1].strip() in shown, "to its end, at the smallest size"
    assert [order.asked for order in pressed(desk, graph, "y")] == [Asked.RUN]
    graph.to_tell = [Answer(Order(Asked.PLAN), False, "expected two arms")]
    desk.look()
    assert desk.words == "refused: expected two arms"


def test_answers_are_shown() -> None:
    graph = FakeGraph(awaiting())
    desk = Desk(graph)
    graph.to_tell = [Answer(Order(Asked.START), False, "the door is open")]
    desk.look()
    assert desk.words == "refused: the door is open"


@pytest.mark.parametrize("scene", SCENES)
def test_a_terminal_of_80_by_24_shows_all_that_matters(scene: str) -> None:
    desk = Desk(FakeGraph(SCENES[scene]()))
    recorder = Console(width=80, height=24)
    with recorder.capture() as captured:
        recorder.print(screen(desk), height=24)
    lines = captured.get().splitlines()
    assert len(lines) == 24
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert desk.view.sentence.headline in text
    for button in desk.view.buttons.values():
        assert button.text in text, button.text
    for row in desk.view.episodes[:8]:
        assert f"{row.episode} {row.graded}" in text
