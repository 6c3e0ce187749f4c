"""The report of a run says what its folder says, in one file that loads nothing."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.ledger import LabelLedger
from dsrl_core.data.timeline import Timeline
from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.rate_difference import RateDifference
from dsrl_core.evaluation.run_data import FRAMES, read_run
from dsrl_core.evaluation.run_figures import draw_curve
from dsrl_core.evaluation.run_report import render_run_report, write_run_report
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.status import EpisodeStatus, Phase, Waits
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Label,
    Mode,
    Observation,
    Outcome,
    final_decision,
)

POLICY = Catalog.default().policy("franka_pick_flow")
SECOND_NS = 10**9


def observation(step: int, images: bool) -> Observation:
    values = np.linspace(0, 1 + step, POLICY.observation_size, dtype=np.float32)
    pictures = np.full((2, 8, 10, 3), 20 * step, np.uint8) if images else None
    return Observation(step * SECOND_NS, values, pictures)


def episode(number: int, mode: Mode, version: int, images: bool = False, **more) -> Episode:
    noise = np.full(POLICY.noise_shape, 0.5, np.float32)
    chunk = np.zeros(POLICY.chunk_shape, np.float32)
    steps = [
        DecisionStep(
            Decision(
                number,
                step,
                observation(step, images),
                noise,
                noise,
                chunk,
                "search" if version else "base",
                version,
                value=0.1 * number if version else math.nan,
                latency_s=0.01,
            ),
            4,
        )
        for step in range(3)
    ]
    steps.append(DecisionStep(final_decision(number, 3, observation(3, images)), 0))
    return Episode(number, mode, 5, tuple(steps), more.get("end_reason", "ended"))


def label(number: int, outcome: Outcome, author: str = "anna", **more) -> Label:
    return Label(number, outcome, float(outcome is Outcome.SUCCESS), author, number + 1, **more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two of the frozen policy, three steered; one corrected, one unlabelled, one invalid."""
    store = EpisodeStore(tmp_path / "run" / "episodes")
    store.write(episode(0, Mode.BASE, 0))
    store.write(episode(1, Mode.TRAIN, 0))
    store.write(episode(2, Mode.TRAIN, 3))
    store.write(episode(3, Mode.EVAL, 4, images=True))
    store.write(episode(4, Mode.TRAIN, 4))
    store.write(episode(5, Mode.TRAIN, 4, end_reason="invalid"))
    with LabelLedger(tmp_path / "run" / "ledger.jsonl") as ledger:
        ledger.append(label(0, Outcome.FAILURE))
        ledger.append(label(1, Outcome.SUCCESS))
        ledger.append(label(2, Outcome.SUCCESS))
        ledger.append(replace(label(2, Outcome.FAILURE, "ben"), stamp_ns=9, note="<b>slipped</b>"))
        ledger.append(label(3, Outcome.FAILURE))
        ledger.append(label(3, Outcome.MARK, moment_ns=SECOND_NS, note="touched the bowl"))
    return tmp_path / "run"


def test_run_is_read_as_it_was_recorded_and_labelled(folder: Path) -> None:
    run = read_run(folder)
    assert [one.outcome for one in run.episodes] == [
        "failure",
        "success",
        "failure",
        "failure",
        "unlabelled",
        "invalid",
    ]
    assert run.count(run.base) == SuccessCount.of(1, 2), "a warm-up is the frozen policy too"
    assert run.count(run.steered) == SuccessCount.of(0, 2)
    steered = run.episodes[2]
    assert (steered.decisions, steered.steps, steered.duration_s) == (3, 12, 3.0)
    assert steered.noise_rms == pytest.approx(0.5)
    assert steered.was_corrected
    assert not run.episodes[3].was_corrected, "a mark is no correction"
    assert len(run.episodes[3].frames) == min(FRAMES, 4)
    assert run.episodes[3].frames[0].shape == (8, 20, 3)


def test_the_legend_covers_no_curve_wherever_it_lies(folder: Path) -> None:
    run = read_run(folder)
    figure = draw_curve([run, run, run])
    figure.draw_without_rendering()
    (axes,), (legend,) = figure.axes, figure.legends
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())
    assert figure.bbox.containsx(legend.get_window_extent().x0)
    assert figure.bbox.containsy(legend.get_window_extent().y0)


def test_report_loads_nothing_and_takes_no_text_for_html(folder: Path, artefacts: Path) -> None:
    text = render_run_report([read_run(folder)], {}, {"python": "3"})
    (artefacts / "run_report.html").write_text(text)
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
    assert "<b>slipped" not in text
    assert "slipped" in text
    assert "did not name the other" in text
    assert "touched the bowl" in text
    assert "1 unlabelled, 1 invalid" in text
    assert "data:image/webp" in text


def test_way_of_the_tool_is_drawn_where_there_are_no_pictures(folder: Path) -> None:
    run = replace(read_run(folder), about={"policy": POLICY.name})
    assert "<svg" in render_run_report([run], {POLICY.name: POLICY}, {})
    assert "<svg" not in render_run_report([run], {}, {})


def test_time_is_told_by_activity_and_not_made_up(folder: Path) -> None:
    assert read_run(folder).seconds == {}
    assert "No time line was kept" in render_run_report([read_run(folder)], {}, {})
    timeline = Timeline(folder)
    timeline.add(EpisodeStatus(0, Phase.RUNNING))
    timeline.add(EpisodeStatus(0, Phase.AWAITING_LABEL, waits_for=Waits.LABEL))
    Timeline(folder).add(EpisodeStatus(1, Phase.RUNNING))
    seconds = read_run(folder).seconds
    assert set(seconds) == {"moving"}, "between two starts nothing is known"
    assert "of the cell's time" in render_run_report([read_run(folder)], {}, {})


def test_runs_beside_each_other_are_compared_with_a_warning(folder: Path) -> None:
    run = read_run(folder)
    text = render_run_report([run, replace(run, folder=folder.parent / "other")], {}, {})
    assert "run beside other" in text
    assert "are no experiment" in text
    assert "+0 points" in text


def test_damaged_episode_is_told_and_the_others_are_reported(folder: Path) -> None:
    bag = folder / "episodes" / "episode_000002"
    next(bag.glob("*.mcap")).write_bytes(b"broken")
    run = read_run(folder)
    assert [one.number for one in run.episodes] == [0, 1, 3, 4, 5]
    assert "episode_000002" in render_run_report([run], {}, {})


def test_preflight_is_told_with_its_reasons(folder: Path) -> None:
    reason = {"level": "warn", "name": "spread.whole", "found": "3 %", "expected": "10 %"}
    found = {"verdict": "warn", "reasons": [reason | {"advice": "Train it on more."}]}
    (folder / "preflight.json").write_text(json.dumps(found))
    text = render_run_report([read_run(folder)], {}, {})
    assert "<strong>warn</strong>" in text
    assert "spread.whole: 3 %; expected 10 %. Train it on more." in text


def test_folder_without_a_run_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DsrlError, match="there is no run in"):
        read_run(tmp_path / "nothing")
    with pytest.raises(DsrlError, match="cannot be written"):
        write_run_report([read_run(folder)], {}, {}, tmp_path / "gone" / "x.html")


def test_empty_run_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "episodes").mkdir()
    text = render_run_report([read_run(tmp_path)], {}, {})
    assert "Nothing has been labelled" in text


def test_interval_of_a_difference_covers_the_truth() -> None:
    draws = np.random.default_rng(1)
    covered = []
    for first, second in [(0.3, 0.5), (0.05, 0.05), (0.9, 0.6)]:
        for _ in range(150):
            counts = [SuccessCount.of(int(draws.binomial(30, p)), 30) for p in (first, second)]
            found = RateDifference.of("a", counts[0], "b", counts[1])
            assert found.low <= found.difference <= found.high
            covered.append(found.low <= second - first <= found.high)
    assert np.mean(covered) > 0.95
    assert math.isnan(
        RateDifference.of("a", SuccessCount.of(0, 0), "b", SuccessCount.of(1, 2)).difference
    )
