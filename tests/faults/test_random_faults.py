"""A graph that learns while its processes are killed and frozen and its files damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dsrl_core.learning.learner import LearnedTask
from dsrl_core.learning.retrain import retrain
from dsrl_core.policies import load_policy
from dsrl_ros.paths import catalog
from dsrl_ros.session import SessionOptions
from dsrl_sim.random_faults import torment

FAULTS = 8
OPTIONS = SessionOptions(overrides=("learner.checkpoint_period_s=1.0",))


@pytest.mark.timeout(900)
def test_nothing_labelled_is_lost_or_learned_twice_and_the_weights_are_those_of_a_quiet_run(
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    found = torment("franka_pick", out, 5, FAULTS, OPTIONS, print)
    assert found.problems == []
    assert len(found.strikes) == FAULTS
    assert found.learned == found.labelled >= 14
    running = [
        folder
        for folder in Path("/proc").glob("[0-9]*")
        if folder.name != str(os.getpid()) and str(out).encode() in command_of(folder)
    ]
    assert running == []
    task = catalog().task("franka_pick")
    learned = LearnedTask(task, load_policy(catalog().policy_of(task, "")))
    assert retrain(out, learned, 5, tmp_path / "again").equals_live


def command_of(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""
