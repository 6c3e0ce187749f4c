"""What clicks and keys in the window ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dsrl_core.evaluation.ab_rule import asked_rule
from dsrl_core.evaluation.ab_run import ComparisonRun, requested_run, told_in_advance
from dsrl_core.operator.cost import WORDS
from dsrl_core.operator.orders import Answer, Asked, Order, RunWanted
from dsrl_core.types import Outcome
from rqt_dsrl.look import SHARES
from tests.rqt.scenes import FakeCamera, FakeGraph, alarmed, awaiting, held, idle, running, scenery


class Screen:
    """A window on a made-up graph, and a hand."""

    def __init__(self, application: Any) -> None:
        from rqt_dsrl.widget import OperatorWidget

        self.application = application
        self.graph = FakeGraph(awaiting())
        self.widget = OperatorWidget(self.graph)
        self.widget.resize(1280, 720)
        self.widget.show()
        self.widget.activateWindow()
        self.widget.setFocus()
        self.application.processEvents()

    def shows(self, heard: Any) -> None:
        self.graph.now = heard
        self.widget.refresh()
        self.application.processEvents()

    def find(self, name: str) -> Any:
        from rqt_dsrl.qt import QtWidgets

        found = self.widget.findChild(QtWidgets.QWidget, name)
        assert found is not None, name
        return found

    def click(self, name: str) -> None:
        from PyQt5.QtTest import QTest

        from rqt_dsrl.qt import QtCore

        QTest.mouseClick(self.find(name), QtCore.Qt.MouseButton.LeftButton)
        self.application.processEvents()

    def key(self, key: Any) -> None:
        from PyQt5.QtTest import QTest

        QTest.keyClick(self.application.focusWidget() or self.widget, key)
        self.application.processEvents()


@pytest.fixture
def screen(application: Any) -> Iterator[Screen]:
    made = Screen(application)
    yield made
    made.widget.stop()
    made.widget.close()
    made.widget.deleteLater()


@pytest.mark.parametrize("outcome", ["success", "failure", "discard"])
def test_a_click_labels_the_present_episode(screen: Screen, outcome: str) -> None:
    screen.click(outcome)
    assert screen.graph.sent == [Order(Asked.LABEL, 12, Outcome(outcome))]


def test_undo_takes_the_last_label_back_and_names_it(screen: Screen) -> None:
    screen.click("undo")
    assert screen.graph.sent == [Order(Asked.LABEL, 11, Outcome.UNDO, supersedes=12)]


@pytest.mark.parametrize(
    ("key", "asked"),
    [("s", Outcome.SUCCESS), ("f", Outcome.FAILURE), ("d", Outcome.DISCARD), ("u", Outcome.UNDO)],
)
def test_keys_do_what_the_buttons_do(screen: Screen, key: str, asked: Outcome) -> None:
    screen.key(key)
    assert [order.outcome for order in screen.graph.sent] == [asked]


def test_a_moment_of_the_running_episode_is_marked_by_a_key(screen: Screen) -> None:
    screen.shows(running())
    screen.key("m")
    assert screen.graph.sent == [Order(Asked.LABEL, 12, Outcome.MARK)]
    screen.shows(idle())
    screen.key("m")
    assert len(screen.graph.sent) == 1
    assert "no episode runs" in screen.find("words").text()


def test_a_task_that_was_done_in_part_is_graded_by_a_key_and_a_choice(
    screen: Screen, artefacts: Path
) -> None:
    screen.key("g")
    assert not screen.graph.sent, "the choice comes first"
    assert [screen.find(f"answer_{i}").text() for i in (1, 2, 3)] == [
        "0.25 (1)",
        "0.5 (2)",
        "0.75 (3)",
    ]
    assert not screen.find("yes").isVisible()
    assert screen.widget.grab().save(str(artefacts / "grade_1280x720.png"))
    screen.key("2")
    assert screen.graph.sent.pop() == Order(Asked.LABEL, 12, Outcome.FAILURE, reward=0.5)
    assert not screen.find("answer_2").isVisible()
    screen.key("3")
    assert not screen.graph.sent, "numbers mean nothing without a question"
    screen.find("episode_panel").choose(11)
    screen.click("relabel_grade")
    screen.click("answer_3")
    wanted = Order(Asked.LABEL, 11, Outcome.FAILURE, supersedes=12, reward=0.75)
    assert screen.graph.sent == [wanted], "a plain failure is graded too"


def test_space_stops_also_where_a_name_is_typed_and_while_a_question_stands(screen: Screen) -> None:
    screen.key(" ")
    assert screen.graph.sent.pop().asked is Asked.HOLD
    screen.shows(held())
    screen.click("start")
    assert screen.find("yes").isVisible()
    screen.key(" ")
    assert screen.graph.sent.pop().asked is Asked.HOLD
    assert not screen.find("yes").isVisible(), "the question is not open any more"
    screen.find("author").setFocus()
    screen.key(" ")
    assert screen.graph.sent.pop().asked is Asked.HOLD


def test_a_held_arm_goes_on_only_after_a_yes(screen: Screen) -> None:
    screen.shows(held())
    screen.click("start")
    assert not screen.graph.sent
    screen.click("no")
    assert not screen.graph.sent
    screen.click("start")
    screen.key("y")
    assert [order.asked for order in screen.graph.sent] == [Asked.RESUME]


def test_start_begins_the_run_that_was_chosen(screen: Screen) -> None:
    screen.shows(idle())
    screen.widget.restore({"mode": "base", "count": "10"})
    screen.click("start")
    assert [order.asked for order in screen.graph.sent] == [Asked.RUN]
    assert screen.graph.run_wanted == RunWanted("base", 10)


def test_a_comparison_is_of_the_arms_that_were_written(screen: Screen, artefacts: Path) -> None:
    screen.shows(idle())
    arms = screen.find("arms")
    screen.widget.restore({"mode": "base"})
    screen.widget.refresh()
    assert not arms.isVisible()
    screen.widget.restore({"mode": "ab", "count": "20"})
    screen.widget.refresh()
    assert arms.isVisible()
    arms.setText("eval@12,eval@40")
    screen.find("alpha").setValue(1)
    screen.find("margin").setValue(20)
    screen.click("start")
    wanted = RunWanted("ab", 20, arms=("eval@12", "eval@40"), alpha=0.01, margin=0.2)
    assert screen.graph.run_wanted == wanted
    plan = screen.graph.sent.pop()
    assert plan == Order(Asked.PLAN), "nothing is begun before its length was told"
    run = requested_run("ab", 20, 0, 0, wanted.arms, (12, 40), asked_rule(0.01, 0.2))
    assert isinstance(run, ComparisonRun)
    screen.graph.to_tell = [Answer(plan, True, told_in_advance(run))]
    screen.widget.refresh()
    screen.application.processEvents()
    assert not screen.graph.sent
    words = screen.find("words")
    assert "eval@12 against eval@40" in words.text()
    assert "Begin?" in words.text()
    assert words.heightForWidth(words.width()) <= words.height() + 1, "all of it is read"
    assert screen.widget.grab().save(str(artefacts / "arms_1280x720.png"))
    screen.key("y")
    assert [order.asked for order in screen.graph.sent] == [Asked.RUN]
    needed = arms.fontMetrics().horizontalAdvance("eval@100012, eval@100040")
    assert arms.width() > needed, "both can be read at once"


def test_a_button_without_sense_is_disabled_and_says_why_and_its_key_does_nothing(
    screen: Screen,
) -> None:
    screen.shows(idle())
    assert not screen.find("success").isEnabled()
    assert "no episode runs" in screen.find("success").toolTip()
    assert screen.find("stop").isEnabled()
    screen.key("s")
    assert not screen.graph.sent


def test_an_earlier_episode_is_labelled_anew_by_its_row(screen: Screen) -> None:
    screen.shows(alarmed())
    assert not screen.find("relabel_failure").isEnabled()
    screen.find("episode_panel").choose(11)
    screen.application.processEvents()
    assert not screen.find("relabel_success").isEnabled()
    screen.click("relabel_failure")
    assert screen.graph.sent == [Order(Asked.LABEL, 11, Outcome.FAILURE, supersedes=13)]


def test_the_chosen_row_stays_chosen_while_episodes_come(screen: Screen) -> None:
    panel = screen.find("episode_panel")
    panel.choose(7)
    more = awaiting()
    assert more.status is not None
    status = replace(more.status, episode=13)
    screen.shows(replace(more, status=status, recorded={**more.recorded, 12: more.recorded[11]}))
    assert panel.selected == 7


def test_answers_are_shown_and_a_refusal_stands_out(screen: Screen) -> None:
    order = Order(Asked.START)
    screen.graph.to_tell = [Answer(order, False, "the door is open")]
    screen.widget.refresh()
    words = screen.find("words")
    assert words.text() == "refused: the door is open"
    screen.graph.to_tell = [Answer(order, True, "")]
    screen.widget.refresh()
    assert words.text() == "done"


def test_a_camera_is_found_and_its_pictures_are_kept_for_the_episode_that_runs(
    application: Any,
) -> None:
    from rqt_dsrl.widget import OperatorWidget

    graph = FakeGraph(running(), FakeCamera(("/a/image_raw", "/b/image_raw")))
    widget = OperatorWidget(graph)
    assert graph.camera.topic == "/a/image_raw"
    assert widget.frames_of(12) == ()
    graph.camera.number = 1
    widget.refresh()
    widget.refresh()
    assert [round(seconds, 1) for seconds, _ in widget.frames_of(12)] == [12.4]
    widget.restore({"camera": "/b/image_raw"})
    assert widget.settings()["camera"] == graph.camera.topic == "/b/image_raw"
    widget.stop()


def test_what_was_chosen_is_kept_and_nonsense_is_not(screen: Screen) -> None:
    chosen = {"camera": "/c", "author": "ben", "mode": "eval", "count": "7"}
    screen.widget.restore(chosen)
    assert screen.widget.settings() == chosen
    screen.widget.restore({"mode": "no such mode", "count": "-3", "author": "", "camera": ""})
    assert screen.widget.settings() == chosen
    assert screen.graph.author == "ben"


def test_film_strips_are_spread_over_an_episode_and_do_not_grow_without_end() -> None:
    from rqt_dsrl.film_strips import EPISODES_MAX, FRAMES_MAX, FilmStrips

    films = FilmStrips()
    for tenth in range(600):
        films.add(1, tenth / 10, scenery(tenth))
    times = [seconds for seconds, _ in films.of(1)]
    assert FRAMES_MAX / 2 <= len(times) <= FRAMES_MAX
    gaps = {round(b - a, 3) for a, b in pairwise(times)}
    assert len(gaps) == 1, "evenly"
    assert times[0] == 0.0
    assert times[-1] > 40.0
    for episode in range(2, EPISODES_MAX + 2):
        films.add(episode, 0.0, scenery(0))
    assert films.of(1) == ()
    assert len(films.of(2)) == 1


def test_a_number_that_is_used_again_begins_a_new_strip() -> None:
    from rqt_dsrl.film_strips import FilmStrips

    films = FilmStrips()
    films.add(0, 9.0, scenery(0))
    films.add(0, 0.1, scenery(1))
    assert [seconds for seconds, _ in films.of(0)] == [0.1]


def test_every_activity_that_is_shown_has_a_colour_of_its_own() -> None:
    assert len(set(SHARES)) == len(SHARES) == len(WORDS)
