"""The report: self-contained, complete, and honest about what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dsrl_core.evaluation import report
from dsrl_core.evaluation.plots import plot_learning_curve
from dsrl_core.evaluation.report import render_report, write_report
from dsrl_core.evaluation.summary import Status, Summary
from tests.core.summaries import complete_summary, settings

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects what a page refers to, and whether its tags close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name == "src"]
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text_of(html: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body).replace("&nbsp;", " "))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plot_learning_curve(complete_summary(), tmp_path / "learning_curve.png")
    (tmp_path / "before_after.webp").write_bytes(b"\x00" * 100)
    return tmp_path


@pytest.fixture
def summary() -> Summary:
    files = {"learning_curve": "learning_curve.png", "before_and_after": "before_after.webp"}
    return replace(complete_summary(), files=files)


def test_nothing_is_loaded_from_elsewhere(summary: Summary, folder: Path) -> None:
    html = write_report(summary, folder).read_text()
    assert not re.search(r"https?://|//[a-z]+\.", html.replace("data:", ""))
    assert "@import" not in html
    page = Page(html)
    assert page.open == []
    assert len(page.sources) == 2
    assert all(source.startswith("data:") for source in page.sources)
    assert "<script" not in html


def test_every_value_of_the_summary_is_told(summary: Summary, folder: Path) -> None:
    text = text_of(render_report(summary, folder))
    for value in (
        "36 % base policy",
        "97 % steered",
        summary.verdict,
        "36 / 100",
        "43 / 100",
        "97 / 100",
        "46 / 50",
        "99 / 100",
        "26.8 – 46.3 %",
        "20 / 25",
        "143 s",
        "2310 s",
        "25 ×",
        "4512 gradient updates, 212 per second",
        "2.7 ms",
        "6.1 ms",
        "1432 decisions",
        "a" * 64,
        "b" * 64,
        "No film: a renderer is missing.",
        "./dsrl demo --seed 0",
        "torch 2.13.0",
        "2030-01-01",
    ):
        assert value in text
    for name in ("seed", "episodes", "eval_episodes", "warm_up_episodes", "curve_episodes"):
        assert name in text


def test_every_training_outcome_is_one_mark(summary: Summary, folder: Path) -> None:
    html = render_report(summary, folder)
    assert html.count('<i class="success"') == 3 + 36
    assert html.count('<i class="failure"') == 7 + 4


def test_what_was_not_measured_is_said_to_be_missing(tmp_path: Path) -> None:
    interrupted = Summary(settings(), status=Status.INTERRUPTED, message="stopped by Ctrl+C")
    text = text_of(render_report(interrupted, tmp_path))
    assert text.count("not measured") >= 5
    assert "This run is not complete (interrupted): stopped by Ctrl+C" in text
    assert "Not known: the hashes after the run are missing." in text
    assert "There is no film." in text
    assert "There is no picture of the learning curve." in text
    assert "nan" not in text.lower()


def test_changed_weights_are_called_changed(summary: Summary, folder: Path) -> None:
    changed = replace(summary, policy_sha256_after="c" * 64)
    assert "No: the weights have changed." in text_of(render_report(changed, folder))


def test_text_from_outside_is_escaped(summary: Summary, folder: Path) -> None:
    sly = replace(summary, notes=("<script>alert(1)</script>",))
    assert "<script" not in render_report(sly, folder)


def test_a_large_film_is_linked_not_embedded(
    summary: Summary, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "EMBED_MAX_BYTES", 99)
    page = Page(render_report(summary, folder))
    assert "before_after.webp" in page.links
    assert not any("webp" in source for source in page.sources)


def test_the_curve_is_drawn_for_a_run_of_any_length(tmp_path: Path) -> None:
    for summary in (
        complete_summary(),
        Summary(settings()),
        Summary(replace(settings(), episodes=0)),
    ):
        path = plot_learning_curve(summary, tmp_path / "curve.png")
        assert path.read_bytes().startswith(b"\x89PNG")
