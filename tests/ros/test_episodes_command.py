"""`./dsrl episodes`, as it is typed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.importers_setup import Recording, recording, stored, write_lerobot

MAPPING = """
format: lerobot
observation:
  tool_position: {source: observation.state, indices: [0, 1, 2], unit: mm}
  tool_yaw: {source: observation.state, indices: [3], unit: deg}
  gripper_width: {constant: 0.08}
  object_position: {constant: [0.5, 0.0, 0.02]}
  object_yaw: {constant: 0.0}
action:
  tool_displacement: {source: action, indices: [1, 2, 3], unit: mm}
  tool_turn: {constant: 0.0}
  gripper_command: {source: action, indices: [0], unit: mm}
success: {source: next.success}
"""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dsrl_ros.cli", "episodes", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def in_micrometres(one: Recording) -> Recording:
    return replace(one, positions_mm=one.positions_mm * 1000)


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.yaml"
    path.write_text(MAPPING)
    return path


def test_episodes_go_in_and_out_and_in_again(tmp_path: Path, mapping: Path) -> None:
    recordings = [recording(9), in_micrometres(recording(6, 1)), recording(7, 2, success=False)]
    source = write_lerobot(tmp_path / "set", recordings)
    first = run("import", source, "--mapping", mapping, "--out", tmp_path / "run")
    assert first.returncode == 0, first.stderr
    assert "2 new episodes (1 success, 1 failure), 0 were there already, 1 refused" in first.stdout
    assert "refused: set, episode 1: observation field 'tool_position'" in first.stderr

    again = run("import", source, "--mapping", mapping, "--out", tmp_path / "run")
    assert again.returncode == 0
    assert "0 new episodes (0 success, 0 failure), 2 were there already" in again.stdout

    out = tmp_path / "out.hdf5"
    export = run("export", tmp_path / "run", "--to", "robomimic", "--out", out)
    assert export.returncode == 0, export.stderr
    assert "2 episodes, 0 left out" in export.stdout

    mapping_of_export = tmp_path / "out.hdf5.mapping.yaml"
    back = run("import", out, "--mapping", mapping_of_export, "--out", tmp_path / "back")
    assert back.returncode == 0, back.stderr
    for (a, _), (b, _) in zip(stored(tmp_path / "run"), stored(tmp_path / "back"), strict=True):
        assert [step.steps_executed for step in a.steps] == [
            step.steps_executed for step in b.steps
        ]


def test_it_fails_when_nothing_could_be_taken(tmp_path: Path, mapping: Path) -> None:
    source = write_lerobot(tmp_path / "set", [in_micrometres(recording(6))])
    result = run("import", source, "--mapping", mapping, "--out", tmp_path / "run")
    assert result.returncode == 1
    assert "0 new episodes" in result.stdout


def test_a_mistake_is_one_line_without_a_traceback(tmp_path: Path, mapping: Path) -> None:
    result = run("import", tmp_path / "none", "--mapping", mapping, "--out", tmp_path / "run")
    assert result.returncode == 2
    assert result.stderr.startswith("error: there is no dataset")
    assert "Traceback" not in result.stderr
