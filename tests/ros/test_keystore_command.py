"""`./dsrl keystore`: least rights as a file, and keys where ROS can make them; what is seen from
other machines by default: nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from dsrl_ros.machine import stay_on_this_machine

ROOT = Path(__file__).parents[2]
RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"


def keystore(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dsrl_ros.cli", "keystore", str(folder), *arguments]
    environment = os.environ | {"PATH": path or os.environ["PATH"]}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_without_ros_security_the_rights_are_written_and_it_is_said_how_to_go_on(
    tmp_path: Path,
) -> None:
    told = keystore(tmp_path / "keys", "--robots", "left,right", path="/nowhere")
    assert told.returncode == 2
    assert "apt-get install ros-jazzy-sros2" in told.stderr
    written = tmp_path / "keys" / "policy.xml"
    paths = {e.attrib["path"] for e in ElementTree.parse(written).iter("enclave")}
    assert paths >= {"/dsrl/learner", "/dsrl/left/chunk_player", "/dsrl/right/operator"}
    assert written.stat().st_mode & 0o077 == 0


def test_ros_security_is_asked_to_make_keys_for_just_these_rights(tmp_path: Path) -> None:
    """A stand-in for `ros2`: the real one is not installed here."""
    program = tmp_path / "ros2"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    program.chmod(0o755)
    folder = tmp_path / "keys"
    told = keystore(folder, path=f"{tmp_path}:{os.environ['PATH']}")
    assert told.returncode == 0, told.stderr
    expected = f"security generate_artifacts -k {folder} -p {folder}/policy.xml"
    assert (tmp_path / "asked").read_text().strip() == expected
    program.write_text("#!/bin/sh\nexit 3\n")
    told = keystore(folder, path=f"{tmp_path}:{os.environ['PATH']}")
    assert told.returncode == 2
    assert "no keys were made" in told.stderr


def test_nodes_are_seen_on_this_machine_only_unless_somebody_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (RANGE, "ROS_LOCALHOST_ONLY", "ROS_DISCOVERY_SERVER"):
        monkeypatch.setenv(name, "")
    stay_on_this_machine()
    assert os.environ[RANGE] == "LOCALHOST"
    monkeypatch.setenv(RANGE, "SUBNET")
    stay_on_this_machine()
    assert os.environ[RANGE] == "SUBNET"
    monkeypatch.setenv(RANGE, "")
    monkeypatch.setenv("ROS_DISCOVERY_SERVER", "10.0.0.1:11811")
    stay_on_this_machine()
    assert os.environ[RANGE] == ""


def test_the_environment_and_the_containers_stay_on_this_machine_too() -> None:
    assert re.search(rf'{RANGE}="\\\$\{{{RANGE}:-LOCALHOST\}}"', (ROOT / "dsrl").read_text())
    one = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]
    for service in one.values():
        assert RANGE not in service.get("environment", {})
    two = yaml.safe_load((ROOT / "docker/compose.two-machines.yaml").read_text())["services"]
    for service in two.values():
        # Seen from elsewhere, and then only with keys.
        assert service["environment"][RANGE] == "SUBNET"
        assert service["environment"]["ROS_SECURITY_STRATEGY"] == "Enforce"
