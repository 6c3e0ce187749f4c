"""The unit of a robot cell: systemd takes it, and it moves no arm by itself."""

from __future__ import annotations

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "docker" / "systemd" / "dsrl@.service"


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    cell = tmp_path / "dsrl@cell.service"
    cell.write_text(UNIT.read_text())
    found = subprocess.run(
        ["systemd-analyze", "verify", str(cell)], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_a_restart_begins_no_run_and_a_storm_of_them_ends() -> None:
    unit = ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(UNIT)
    assert "mode:=none" in unit["Service"]["ExecStart"]
    assert unit["Service"]["Restart"] == "on-failure"
    assert int(unit["Unit"]["StartLimitBurst"]) > 0
    assert unit["Service"]["KillMode"] == "mixed"
