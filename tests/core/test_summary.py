"""summary.json: whole at any moment, read back equal, refused where it does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.evaluation.summary import Measured, Measurement, Status, Summary
from dsrl_core.evaluation.summary_file import (
    SUMMARY_FILE,
    check_same_settings,
    read_summary,
    write_summary,
)
from tests.core.summaries import complete_summary, outcomes, settings

PROMISED = [
    "base_success",
    "zero_noise_success",
    "oracle_best_of_64_success",
    "steered_success",
    "actor_success",
    "curve",
    "training_outcomes",
    "warm_up_outcomes",
    "policy_sha256_before",
    "policy_sha256_after",
    "policy_sha256_memory_before",
    "policy_sha256_memory_after",
    "wall_s",
    "sim_s",
    "updates",
    "updates_per_s",
    "decision_latency_ms",
    "seed",
    "versions",
    "status",
    "command_line",
]


def content(folder: Path) -> dict:
    return json.loads((folder / SUMMARY_FILE).read_text())


def rewrite(folder: Path, **changes: object) -> None:
    (folder / SUMMARY_FILE).write_text(json.dumps(content(folder) | changes))


@pytest.mark.parametrize("summary", [complete_summary(), Summary(settings())])
def test_every_promised_key_is_there_from_the_first_write_on(
    summary: Summary, tmp_path: Path
) -> None:
    write_summary(tmp_path, summary)
    assert set(PROMISED) <= set(content(tmp_path))


@pytest.mark.parametrize("summary", [complete_summary(), Summary(settings())])
def test_what_is_read_back_is_what_was_written(summary: Summary, tmp_path: Path) -> None:
    write_summary(tmp_path, summary)
    assert read_summary(tmp_path) == summary


def test_counts_in_the_file_come_from_the_outcomes(tmp_path: Path) -> None:
    write_summary(tmp_path, complete_summary())
    written = content(tmp_path)
    assert written["base_success"]["successes"] == 36
    assert written["base_success"]["trials"] == 100
    assert SuccessCount(**written["steered_success"]) == SuccessCount.of(97, 100)
    assert set(written["decision_latency_ms"]) == {"p50", "p99", "count"}


def test_the_curve_ends_with_the_steered_measurement(tmp_path: Path) -> None:
    write_summary(tmp_path, complete_summary())
    curve = content(tmp_path)["curve"]
    assert [point["online_episodes"] for point in curve] == [0, 10, 20, 30, 40]
    assert [point["trials"] for point in curve] == [25, 25, 25, 25, 100]
    assert all({"successes", "wilson_low", "wilson_high"} <= set(point) for point in curve)


def test_a_write_that_fails_leaves_the_last_whole_summary(tmp_path: Path) -> None:
    write_summary(tmp_path, complete_summary())
    (tmp_path / f"{SUMMARY_FILE}.part").mkdir()
    with pytest.raises(DsrlError, match="cannot be written"):
        write_summary(tmp_path, Summary(settings()))
    assert read_summary(tmp_path) == complete_summary()


def test_a_count_that_contradicts_its_outcomes_is_refused(tmp_path: Path) -> None:
    write_summary(tmp_path, complete_summary())
    rewrite(tmp_path, steered_success={"successes": 100, "trials": 100})
    with pytest.raises(InvalidFile, match="contradicts itself: steered_success"):
        read_summary(tmp_path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format": 99}, "has format 99, expected 1"),
        ({"status": "splendid"}, "status"),
        ({"training_outcomes": ["maybe"]}, "training_outcomes.0"),
        ({"settings": {}}, "settings"),
        ({"wall_s": -1}, "wall_s"),
    ],
)
def test_a_summary_that_is_not_valid_is_refused_by_place(
    changes: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    write_summary(tmp_path, complete_summary())
    rewrite(tmp_path, **changes)
    with pytest.raises(InvalidFile, match=complaint):
        read_summary(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_file_that_is_no_summary_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / SUMMARY_FILE).write_text(text)
    with pytest.raises(InvalidFile, match=SUMMARY_FILE):
        read_summary(tmp_path)


def test_an_absent_summary_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="cannot be read"):
        read_summary(tmp_path)


def test_resuming_under_other_settings_names_every_difference(tmp_path: Path) -> None:
    earlier = complete_summary()
    check_same_settings(earlier, settings(), tmp_path)
    with pytest.raises(DsrlError) as refusal:
        check_same_settings(earlier, replace(settings(), seed=3, policy="other"), tmp_path)
    assert "seed is 0" in str(refusal.value)
    assert "asked for is 3" in str(refusal.value)
    assert "policy is franka_pick_flow" in str(refusal.value)


@pytest.mark.parametrize(
    ("base", "steered", "verdict"),
    [(36, 97, "Better"), (36, 40, "No difference shown"), (80, 20, "Worse")],
)
def test_the_verdict_asks_whether_intervals_overlap(base: int, steered: int, verdict: str) -> None:
    summary = (
        Summary(settings())
        .with_measurement(Measured.BASE, Measurement(100, outcomes(base, 100)))
        .with_measurement(Measured.STEERED, Measurement(100, outcomes(steered, 100)))
    )
    assert summary.verdict.startswith(verdict)


def test_without_measurements_there_is_no_verdict() -> None:
    assert Summary(settings()).verdict.startswith("Not known yet")


def test_a_policy_is_unchanged_only_if_file_and_memory_are() -> None:
    summary = complete_summary()
    assert summary.policy_is_unchanged is True
    assert replace(summary, policy_sha256_memory_after="c" * 64).policy_is_unchanged is False
    assert replace(summary, policy_sha256_after=None).policy_is_unchanged is None


def test_an_interrupted_measurement_keeps_its_place(tmp_path: Path) -> None:
    part = Summary(settings(), status=Status.INTERRUPTED).with_measurement(
        Measured.BASE, Measurement(100, outcomes(4, 9))
    )
    write_summary(tmp_path, part)
    measurement = read_summary(tmp_path).measurements[Measured.BASE]
    assert len(measurement.outcomes) == 9
    assert not measurement.is_complete
