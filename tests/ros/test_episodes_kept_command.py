"""`./dsrl episodes list|show|verify|repair`, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LabelLedger
from dsrl_core.types import Label, Outcome
from tests.core.test_episode_store import one


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    store = EpisodeStore(tmp_path / EPISODES)
    for number in range(3):
        store.write(one(number))
    with LabelLedger(tmp_path / LEDGER) as ledger:
        ledger.append(Label(0, Outcome.SUCCESS, 1.0, "ada", 1))
        ledger.append(Label(1, Outcome.FAILURE, 0.0, "ada", 2))
    return tmp_path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dsrl_ros.cli", "episodes", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def damage(folder: Path, number: int) -> None:
    bag = next(EpisodeStore(folder / EPISODES).path_of(number).glob("*.mcap"))
    bag.write_bytes(bag.read_bytes()[:-200])


def test_a_run_is_listed_with_what_was_said(run_folder: Path) -> None:
    shown = run("list", run_folder)
    assert shown.returncode == 0, shown.stderr
    assert "3 episodes, 1 of 2 labelled succeed" in shown.stdout
    rows = json.loads(run("list", run_folder, "--json").stdout)
    assert [row["outcome"] for row in rows] == ["success", "failure", "unlabelled"]
    assert rows[0]["decisions"] == 3


def test_an_episode_is_shown(run_folder: Path) -> None:
    shown = run("show", run_folder, "1")
    assert shown.returncode == 0, shown.stderr
    assert "ada" in shown.stdout
    told = json.loads(run("show", run_folder, "1", "--json").stdout)
    assert told["labels"][0]["outcome"] == "failure"
    assert [row["actions_played"] for row in told["decisions"]] == [4, 4, 4]


def test_an_episode_that_is_not_there_is_told_with_those_that_are(run_folder: Path) -> None:
    shown = run("show", run_folder, "7")
    assert shown.returncode == 2
    assert "available: 0, 1, 2" in shown.stderr


def test_damage_is_found_and_mended_as_far_as_it_can_be(run_folder: Path) -> None:
    assert run("verify", run_folder).returncode == 0
    damage(run_folder, 1)
    found = run("verify", run_folder)
    assert found.returncode == 1
    assert "episode_000001.mcap is not what was written" in found.stdout
    assert "3 episodes, 1 problems" in found.stdout
    assert run("list", run_folder).returncode == 1
    mended = run("repair", run_folder)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "episode 1: invalid, repaired" in mended.stdout
    assert run("verify", run_folder).returncode == 0


def test_labels_of_episodes_that_are_not_there_are_told(run_folder: Path) -> None:
    with LabelLedger(run_folder / LEDGER) as ledger:
        ledger.append(Label(40, Outcome.SUCCESS, 1.0, "ada", 3))
    found = run("verify", run_folder)
    assert found.returncode == 1
    assert "episode 40: is labelled, and not there" in found.stdout


def test_nothing_is_repaired_while_somebody_writes(run_folder: Path) -> None:
    damage(run_folder, 1)
    with LabelLedger(run_folder / LEDGER):
        refused = run("repair", run_folder)
    assert refused.returncode == 2
    assert "error:" in refused.stderr
    assert run("verify", run_folder).returncode == 1


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    for command in ("list", "verify", "repair"):
        refused = run(command, tmp_path)
        assert refused.returncode == 2
        assert "there is no run in" in refused.stderr
