"""The report of an A/B test: complete, self-contained, and sealed until the key is opened."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.ab_episodes import AbEpisode
from dsrl_core.evaluation.ab_plot import plot_difference
from dsrl_core.evaluation.ab_report import AbFacts, Unblinding, render_ab_report, write_ab_report
from dsrl_core.evaluation.ab_rule import Forecast, StopRule
from dsrl_core.evaluation.ab_test import AbTest
from dsrl_core.types import Outcome
from tests.core.ab_setup import (
    BOTH,
    LOSS,
    SECOND_NS,
    WIN,
    ab_test,
    changed,
    label,
    of_outcome,
    plan,
)

OPENED = Unblinding("grace", 1000 * SECOND_NS)
FACTS = AbFacts(
    "franka_pick on fr3",
    planned_at="2030-01-01T08:00:00Z",
    seal="f" * 64,
    forecast=Forecast((0.3, 0.8), 8, 17, 32, 0.96, 0.0),
    not_randomised=("The blinds were open.",),
    notes=("The camera was wiped after episode 503.",),
    versions={"dsrl_core": "0.1.0"},
)
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Collects what a page refers to, and whether its tags close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text_of(html: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body).replace("&nbsp;", " "))


def told(test: AbTest, opened: Unblinding | None = OPENED, facts: AbFacts = FACTS) -> str:
    return text_of(render_ab_report(test, facts, opened))


@pytest.fixture
def eventful() -> AbTest:
    """Ten pairs with an invalid episode, a discarded one, both repeated, and a correction."""
    test = ab_test([WIN] * 6 + [BOTH] * 3 + [LOSS], margin=0.1)
    test = changed(test, 502, is_valid=False, labels=(), reason="joint states stopped")
    test = changed(test, 504, labels=(of_outcome(504, Outcome.DISCARD, 5),))
    first = test.episodes[12].labels[0]
    test = changed(test, 512, labels=(first, of_outcome(512, Outcome.FAILURE, 40, "bob")))
    values = [WIN[plan().arm_number_of(index)] for index in (2, 4)]
    again = (
        AbEpisode(2, 600, labels=(label(600, values[0], 41),)),
        AbEpisode(4, 601, labels=(label(601, values[1], 42),)),
    )
    return replace(test, episodes=(*test.episodes, *again))


def test_nothing_is_loaded_from_elsewhere(eventful: AbTest, artefacts: Path) -> None:
    path = write_ab_report(eventful, FACTS, OPENED, artefacts / "ab_report.html")
    page = Page(path.read_text())
    assert page.open == []
    assert len(page.sources) == 1
    kind, data = page.sources[0].split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert "<script" not in path.read_text()
    assert "@import" not in path.read_text()


def test_the_design_is_told(eventful: AbTest) -> None:
    text = told(eventful)
    for part in (
        "base against eval@12",
        "written down at 2030-01-01 08:00:00 UTC",
        "f" * 64,
        "numbers 100 to 139",
        plan().seal,
        "excludes 0, or lies within ±10 points, or at 40 pairs",
        "alpha = 0.05",
        "At least 8 pairs (16 episodes)",
        "rates were 30 and 80 %: 17 pairs (median), 32 or fewer in 90 % of tests",
        "same arm, reset and code",
        "The blinds were open.",
        "The camera was wiped",
        "dsrl_core 0.1.0",
    ):
        assert part in text


def test_the_results_are_those_of_the_test(eventful: AbTest) -> None:
    text = told(eventful)
    assert eventful.text.removeprefix("Not decided yet: ") in text
    assert text.count("Not decided yet") == 1
    for number, arm in enumerate(plan().arms):
        count = eventful.arm(number).count
        assert (
            f"{arm} {count.successes} / {count.trials} {100 * count.rate:.1f} % "
            f"{100 * count.wilson_low:.1f} – {100 * count.wilson_high:.1f} %"
        ) in text
    low, high = eventful.interval
    assert f"confidence sequence {100 * low:+.1f} to {100 * high:+.1f}" in text
    assert eventful.harsh is not None
    assert f"counted as a failure: {100 * eventful.harsh.mean:+.1f} points" in text


def test_every_episode_is_listed_with_its_arm_and_what_became_of_it(eventful: AbTest) -> None:
    text = told(eventful)
    for episode in eventful.episodes:
        made = plan()
        assert (
            f"{made.pair_of(episode.index) + 1} {episode.number} {made.code_of(episode.index)} "
            f"{made.reset_index_of(episode.index)} {made.arm_of(episode.index)}"
        ) in text
    assert "invalid joint states stopped" in text
    assert "discard ada" in text
    assert text.count("repeated") == 2


def test_corrections_are_told_and_those_after_unblinding_stand_out(eventful: AbTest) -> None:
    text = told(eventful)
    assert "1 label was corrected or taken back" in text
    assert "failure bob 40.0 s of simulated time" in text
    assert "after the key was opened" not in text
    early = told(eventful, Unblinding("grace", 30 * SECOND_NS))
    assert "1 of them after the key was opened : who corrected could know the arm" in early
    assert "2 episodes were labelled for the first time after that" in early
    by_entry = told(eventful, Unblinding("grace", 0, ledger_entries=39))
    assert "1 of them after the key was opened" in by_entry
    assert "after the key was opened" not in told(eventful, Unblinding("grace", 0, 42))
    assert "No label was corrected." in told(ab_test([WIN]))


def test_opening_the_key_too_soon_is_told() -> None:
    assert "opened by grace" in told(ab_test([WIN] * 3))
    assert "the test had not reached its stop rule" in told(ab_test([WIN] * 3))
    assert "the test had not reached its stop rule" not in told(ab_test([WIN] * 8))


def test_the_key_is_shown_whole_once_it_is_opened(eventful: AbTest) -> None:
    html = render_ab_report(eventful, FACTS, OPENED)
    assert f"<pre>{plan().key}</pre>" in html


def test_while_it_is_sealed_it_tells_the_same_whichever_arm_is_better() -> None:
    """The codes and outcomes in their order are known to the operator anyway."""

    def design(test: AbTest) -> str:
        return re.split("Every episode", told(test, opened=None))[0]

    assert design(ab_test([WIN] * 9)) == design(ab_test([LOSS] * 9))
    html = render_ab_report(ab_test([WIN] * 9), FACTS, None)
    assert "<img" not in html
    assert "is better than" not in html
    assert str(plan().seed) + "," not in text_of(html)
    rows = re.findall(r"<tr class=.*?</tr>", html)
    assert len(rows) == 18
    assert all("sealed" in row and "base" not in row and "eval" not in row for row in rows)


def test_what_is_not_known_is_said_to_be_so() -> None:
    text = told(AbTest(plan(), StopRule()), facts=AbFacts("nothing yet", resets_match=False))
    for part in (
        "Nothing is known yet: no pair is complete.",
        "no forecast was recorded",
        "cannot show that it was before the first episode",
        "resets match roughly",
        "no episode has run",
        "not recorded",
    ):
        assert part in text
    assert not re.search(r"\bnan\b", text)


def test_unlabelled_episodes_are_named() -> None:
    text = told(changed(ab_test([WIN] * 3), 503, labels=()))
    assert "1 episode is still unlabelled" in text
    assert "unlabelled" in text


def test_graded_outcomes_show_their_grade_and_the_mean() -> None:
    text = told(ab_test([(0.25, 0.75)] * 4))
    assert "failure (0.25)" in text
    assert "success (0.75)" in text
    assert "mean 0.750" in text


def test_an_arm_without_a_version_is_pointed_out() -> None:
    unpinned = replace(plan(), second=replace(plan().second, weights_version=None))
    text = told(ab_test([WIN], of=unpinned))
    assert "eval names no weights version" in text
    assert "names no weights version" not in told(ab_test([WIN]))


def test_text_from_outside_is_escaped(eventful: AbTest) -> None:
    sly = replace(FACTS, notes=("<script>alert(1)</script>",))
    assert "<script" not in render_ab_report(eventful, sly, OPENED)


def test_the_difference_is_drawn_for_a_test_of_any_length() -> None:
    for pairs in ([], [WIN], [WIN] * 20, [LOSS, WIN] * 10):
        for margin in (None, 0.1):
            assert plot_difference(ab_test(pairs, margin)).startswith(b"\x89PNG")


def test_a_report_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(DsrlError, match="cannot be written"):
        write_ab_report(ab_test([WIN]), FACTS, OPENED, tmp_path / "absent" / "ab.html")
