"""`./dsrl preflight`, as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.steering.preflight.preflight_file import FILE
from dsrl_core.steering.preflight.verdict import EXIT_STATUS, Level
from tests.core.steering_setup import random_episode


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dsrl_ros.cli", "preflight", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A preflight in simulation, with few episodes: its folder, and what it printed."""
    out = tmp_path_factory.mktemp("preflight") / "out"
    finished = run("--sim", "--episodes", "4", "--seed", "1000", "--out", out, "--json")
    content: dict[str, object] = json.loads(finished.stdout)
    assert finished.returncode == EXIT_STATUS[Level(str(content["verdict"]))], finished.stderr
    return out, content


def test_simulated_trials_are_kept_as_episodes_with_labels(
    flown: tuple[Path, dict[str, object]],
) -> None:
    out, content = flown
    assert json.loads((out / FILE).read_text()) == content
    trials = content["trials"]
    assert isinstance(trials, dict)
    assert list(trials)[:2] == ["base", "held"]
    assert [count["trials"] for count in trials.values()] == [4, 4, 4]
    # One of the base episodes was replayed.
    assert EpisodeStore(out / "episodes").next_number() == 13
    assert len((out / "ledger.jsonl").read_text().splitlines()) == 13


def test_the_same_recordings_are_read_again(flown: tuple[Path, dict[str, object]]) -> None:
    out, content = flown
    finished = run(out, "--observations", "6", "--noises", "16")
    assert finished.returncode in EXIT_STATUS.values(), finished.stderr
    for word in ("What noise changes", "repeated", "Recommended: noise_shape", "Verdict:"):
        assert word in finished.stdout
    again = json.loads((out / FILE).read_text())
    assert again["trials"] == content["trials"]
    assert again["observations"] == 6


def test_other_episodes_are_not_mixed_in(flown: tuple[Path, dict[str, object]]) -> None:
    finished = run("--sim", "--out", flown[0])
    assert finished.returncode == 2
    assert "holds episodes already" in finished.stderr


def test_without_labels_it_measures_and_says_nothing_of_the_head_room(tmp_path: Path) -> None:
    EpisodeStore(tmp_path / "episodes").write(random_episode(0))
    finished = run(tmp_path, "--json", "--noises", "16")
    assert finished.returncode in EXIT_STATUS.values(), finished.stderr
    assert json.loads(finished.stdout)["head_room"] is None
    assert "none that are labelled" in run(tmp_path, "--noises", "16").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either the folder of a run or import, or --sim"),
        (["nowhere"], "there is no folder nowhere"),
        (["--sim", "--task", "juggle"], "unknown task"),
    ],
)
def test_a_mistake_is_one_line_without_a_traceback(arguments: list[str], words: str) -> None:
    finished = run(*arguments)
    assert finished.returncode == 2
    assert words in finished.stderr
    assert "Traceback" not in finished.stderr
