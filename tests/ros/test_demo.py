"""A whole demonstration over a real graph, as short as one can be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.evaluation.summary import Measured, Status, Summary
from dsrl_core.evaluation.summary_file import read_summary
from dsrl_core.policies import file_sha256, load_policy
from dsrl_core.types import Mode
from dsrl_ros.paths import catalog

ONLINE, TRIALS = 2, 2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a demonstration, and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "run"
    command = [sys.executable, "-m", "dsrl_ros.cli", "demo", "--headless", "--out", str(out)]
    command += ["--episodes", str(ONLINE), "--eval-episodes", str(TRIALS), "--seed", "5"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return out, ended.stdout


@pytest.fixture
def out(run: tuple[Path, str]) -> Path:
    return run[0]


@pytest.fixture
def summary(out: Path) -> Summary:
    return read_summary(out)


def test_everything_that_was_promised_lies_in_the_folder(out: Path) -> None:
    for name in ("summary.json", "report.html", "learning_curve.png", "ledger.jsonl"):
        assert (out / name).stat().st_size > 0
    assert list((out / "tensorboard").glob("events.out.tfevents.*"))
    filmed = (out / "before_after.webp").is_file() and (out / "before_after.mp4").is_file()
    notes = json.loads((out / "summary.json").read_text())["notes"]
    assert filmed or "install Debian's" in notes[0]


def test_every_policy_was_measured_on_as_many_resets_as_were_asked_for(summary: Summary) -> None:
    assert summary.status is Status.COMPLETE
    for what in Measured:
        count = summary.count(what)
        assert count is not None
        assert count.trials == TRIALS
    assert len(summary.warm_up_outcomes) == summary.settings.warm_up_episodes
    assert len(summary.training_outcomes) == ONLINE
    assert [point.online_episodes for point in summary.curve] == [0, ONLINE]


def test_the_policy_is_the_one_on_disk_and_has_not_changed(summary: Summary) -> None:
    spec = catalog().policy(summary.settings.policy)
    assert summary.policy_is_unchanged
    assert summary.policy_sha256_after == file_sha256(spec)
    assert summary.policy_sha256_memory_after == load_policy(spec).digest()


def test_learning_and_time_were_measured(summary: Summary) -> None:
    assert summary.updates > 0
    assert summary.updates_per_s > 0
    assert summary.decision_latency_ms is not None
    assert 0 < summary.decision_latency_ms.p50 <= summary.decision_latency_ms.p99
    assert summary.sim_s > 0
    assert summary.wall_s > 0
    assert summary.real_time_factor is not None


def test_every_policy_faced_the_same_resets_and_none_was_trained_on(
    out: Path, summary: Summary
) -> None:
    store = EpisodeStore(out / "episodes")
    episodes = [store.read(number) for number in store.numbers()]
    seeds: dict[Any, list[int]] = {mode: [] for mode in Mode}
    for episode in episodes:
        seeds[episode.mode].append(episode.seed)
    assert seeds[Mode.BASE] == seeds[Mode.ZERO] == seeds[Mode.ACTOR]
    assert set(seeds[Mode.EVAL]) == set(seeds[Mode.BASE])
    assert not set(seeds[Mode.TRAIN]) & set(seeds[Mode.BASE])
    recorded = {episode.number for episode in episodes}
    measured = [summary.measurements[what].episodes for what in Measured]
    assert {number for numbers in measured for number in numbers} <= recorded


def test_the_end_is_told_in_words(run: tuple[Path, str], summary: Summary) -> None:
    _, printed = run
    assert summary.verdict.split(";")[0] in printed
    assert "The policy's weights have not changed by a bit." in printed
    assert "report.html" in printed
