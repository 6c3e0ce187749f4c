"""Ctrl+C in a demonstration: a valid summary, no process left, and a way to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.summary import Measured, Status, Summary
from dsrl_core.evaluation.summary_file import SUMMARY_FILE, read_summary
from dsrl_ros.demo.plan import Asked, plan
from dsrl_ros.demo.record import Record
from dsrl_ros.machine import DomainLock
from dsrl_ros.paths import catalog, prepare_output

DOMAIN = 102
SIZE = ("--episodes", "1", "--eval-episodes", "2", "--seed", "6")


@pytest.fixture(autouse=True)
def domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(DOMAIN))


def start(out: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dsrl_ros.cli", "demo", "--out", str(out), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until_s = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until_s
        time.sleep(0.02)


def processes_of(out: Path) -> list[str]:
    """Command lines that name the run's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if str(out) in line and entry.parent.name != str(os.getpid()):
            found.append(line)
    return found


def summary_of(out: Path) -> Summary | None:
    return read_summary(out) if (out / SUMMARY_FILE).is_file() else None


def test_interrupted_while_training_it_goes_on_to_the_end(tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(out, *SIZE)

    def is_training() -> bool:
        summary = summary_of(out)
        return summary is not None and len(summary.warm_up_outcomes) >= 2

    wait_for(is_training, process)
    process.send_signal(signal.SIGINT)
    printed = process.communicate(timeout=60)[0]

    assert process.returncode == 130, printed
    assert f"./dsrl demo --resume --out {out}" in printed
    assert "Traceback" not in printed
    assert processes_of(out) == []
    DomainLock(DOMAIN).release()
    part = read_summary(out)
    assert part.status is Status.INTERRUPTED
    assert {"base", "zero_noise"} <= set(part.phases_done)
    assert "This run is not complete" in (out / "report.html").read_text()

    resumed = start(out, "--resume")
    printed = resumed.communicate(timeout=200)[0]

    assert resumed.returncode == 0, printed
    whole = read_summary(out)
    assert whole.status is Status.COMPLETE
    assert whole.sittings == 2
    assert whole.measurements[Measured.BASE] == part.measurements[Measured.BASE]
    assert whole.warm_up_outcomes[: len(part.warm_up_outcomes)] == part.warm_up_outcomes
    assert len(whole.warm_up_outcomes) == whole.settings.warm_up_episodes
    assert len(whole.training_outcomes) == 1
    assert processes_of(out) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_it_starts_nothing_is_left(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(out, *SIZE)
    wait_for((out / SUMMARY_FILE).is_file, process)
    process.send_signal(number)
    printed = process.communicate(timeout=60)[0]
    assert process.returncode == 130, printed
    assert read_summary(out).status is Status.INTERRUPTED
    assert processes_of(out) == []


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The folder of a run of which nothing is done yet."""
    asked = Asked(episodes=1, eval_episodes=2, seed=6, out=tmp_path / "run")
    out, summary = plan(asked, catalog())
    Record(prepare_output(out), summary)
    return out


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(seed=7, resume=True), "seed is 6 in .*, asked for is 7"),
        (Asked(episodes=9, resume=True), "episodes is 1 in .*, asked for is 9"),
        (Asked(task="dance", resume=True), "unknown task .*'dance'; available"),
        (Asked(), "is not empty; choose another with --out, or go on .* --resume"),
        (Asked(viewer=True, headless=True), "exclude each other"),
    ],
    ids=["seed", "episodes", "task", "no --resume", "viewer"],
)
def test_another_run_is_not_gone_on_with(begun: Path, asked: Asked, words: str) -> None:
    with pytest.raises(DsrlError, match=words):
        plan(replace(asked, out=begun), catalog())


def test_what_is_to_be_gone_on_with_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DsrlError, match="--resume needs the folder"):
        plan(Asked(resume=True), catalog())
    with pytest.raises(DsrlError, match=r"there is no summary.json in .*; runs to resume:"):
        plan(Asked(resume=True, out=tmp_path), catalog())


def test_another_policy_is_not_gone_on_with(begun: Path) -> None:
    sha256 = read_summary(begun).policy_sha256_before
    assert sha256 is not None
    path = begun / SUMMARY_FILE
    path.write_text(path.read_text().replace(sha256, "0" * 64))
    with pytest.raises(DsrlError, match="cannot resume: policy 'franka_pick_flow' has sha256"):
        plan(Asked(resume=True, out=begun), catalog())
