"""Bad input to a graph: a clear error, and not one process or file more than before."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dsrl_core.catalog import POLICIES_VARIABLE
from dsrl_core.errors import DsrlError
from dsrl_ros.machine import DomainLock
from dsrl_ros.paths import catalog, prepare_output
from dsrl_ros.session import GraphSession

DOMAIN = 1 + os.getpid() % 99
NAME = "franka_pick_flow"


@pytest.fixture(autouse=True)
def domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(DOMAIN))


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the frozen policy that may be spoilt."""
    original = catalog().policy(NAME).folder
    folder = tmp_path / "policies" / NAME
    shutil.copytree(original, folder)
    monkeypatch.setenv(POLICIES_VARIABLE, str(folder.parent))
    return folder


def children() -> set[str]:
    found = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True)
    return set(found.stdout.split())


def edit(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    path = folder / "policy.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def assert_refused(out: Path, words: str) -> None:
    with pytest.raises(DsrlError, match=words), GraphSession("franka_pick", out):
        pytest.fail("the graph runs")
    assert not children()
    DomainLock(DOMAIN).release()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("horizon"), "horizon: Field required"),
        (lambda c: c.update(horizont=4), "horizont: Unexpected keyword"),
        (
            lambda c: c.update(backend="caffe"),
            "unknown policy backend 'caffe'; .*flow_mlp",
        ),
        (lambda c: c.update(weights="lost.safetensors"), "no weights at .*lost.safetensors"),
        (lambda c: c.update(weights_sha256="0" * 64), "pins 0{64}: the weights are not the ones"),
    ],
    ids=["missing key", "unknown key", "backend", "no weights", "hash"],
)
def test_policy_file_that_does_not_hold(
    policy: Path, tmp_path: Path, change: Callable[[dict[str, object]], object], words: str
) -> None:
    edit(policy, change)
    assert_refused(tmp_path / "out", words)
    assert not (tmp_path / "out").exists()


def test_policy_of_another_horizon_stops_the_graph_while_it_starts(
    policy: Path, tmp_path: Path
) -> None:
    edit(policy, lambda content: content.update(horizon=8))
    assert_refused(tmp_path / "out", r"(?s)policy_server ended|learner ended.*horizon")


def test_output_folder_under_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert_refused(tmp_path / "file" / "out", "cannot be written: Not a directory")


def test_output_folder_without_write_access() -> None:
    assert_refused(Path("/proc/dsrl"), "output folder /proc/dsrl cannot be written")


def test_output_folder_without_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1_000_000))
    with pytest.raises(DsrlError, match="has 1 MB free, expected at least 50 MB"):
        prepare_output(tmp_path / "out")


def test_second_graph_on_the_domain(tmp_path: Path) -> None:
    lock = DomainLock(DOMAIN)
    with (
        pytest.raises(
            DsrlError, match=f"already runs on ROS domain {DOMAIN} .process {os.getpid()}"
        ),
        GraphSession("franka_pick", tmp_path),
    ):
        pytest.fail("the graph runs")
    lock.release()
    assert not children()


@pytest.mark.parametrize("text", ["many", "-1", "500"])
def test_domain_that_is_none(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", text)
    with pytest.raises(DsrlError, match=f"ROS_DOMAIN_ID is '{text}', expected 0 to 232"):
        GraphSession("franka_pick", tmp_path).__enter__()
