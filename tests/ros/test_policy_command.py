"""`./dsrl policy list`, `check`, `card` and `add`, as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsrl_core.catalog import POLICIES_VARIABLE
from tests.core.exported_setup import Network, noise, observation, save_onnx
from tests.core.steering_setup import CATALOG

LIKE = CATALOG.policy("franka_pick_flow")


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    return folder


def run(policies: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dsrl_ros.cli", "policy", *map(str, arguments)]
    environment = {**os.environ, POLICIES_VARIABLE: str(policies)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def test_a_policy_is_added_listed_measured_and_refused_once_it_is_another(policies: Path) -> None:
    added = run(policies, "add", LIKE.weights_path, "--name", "mine", "--like", "franka_pick_flow")
    assert added.returncode == 2, "there is nothing that it could be like"
    assert "franka_pick_flow" in added.stderr

    (policies / "like").symlink_to(LIKE.folder)
    added = run(policies, "add", LIKE.weights_path, "--name", "mine", "--like", "like")
    assert added.returncode == 0, added.stdout + added.stderr
    listed = run(policies, "list")
    assert "mine" in listed.stdout
    rows = {row["name"]: row for row in json.loads(run(policies, "list", "--json").stdout)}
    assert rows["mine"]["weights_sha256"] == LIKE.weights_sha256

    checked = run(policies, "check", "mine")
    assert checked.returncode == 0, checked.stdout
    assert "determinism" in checked.stdout

    weights = policies / "mine" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    listed = run(policies, "list")
    assert listed.returncode == 1
    assert "not the ones that were checked in" in listed.stderr
    assert run(policies, "check", "mine").returncode == 2


def test_what_an_exported_file_cannot_tell_is_asked_for(policies: Path, tmp_path: Path) -> None:
    save_onnx(Network(), tmp_path / "model.onnx", observation(), noise())
    refused = run(policies, "add", tmp_path / "model.onnx", "--name", "mine")
    assert refused.returncode == 2
    assert "observation: the fields that we observe" in refused.stderr
    assert list(policies.iterdir()) == []
