"""Nodes that decode no policy are there soon after a death: they do not import torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = (
    "dsrl_ros.nodes.chunk_player",
    "dsrl_ros.nodes.episode_manager",
    "dsrl_ros.nodes.rollout_recorder",
    "dsrl_ros.nodes.joy_operator",
    "dsrl_sim.nodes.auto_operator",
    "dsrl_sim.nodes.franka_sim",
)
HEAVY = ("torch", "onnxruntime", "tensorboard", "scipy.stats")


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_node_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*(set({HEAVY}) & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []
