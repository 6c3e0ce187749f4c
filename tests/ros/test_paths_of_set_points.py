"""An episode in the real-time graph over each way to the arm, from its reset to its record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.specs.robot import CommandPath
from dsrl_core.types import Mode
from dsrl_ros.command_paths import PATHS
from dsrl_ros.session import GraphSession, SessionOptions
from tests.ros.real_time_setup import one_episode

TASK = "franka_pick"
FOLLOWED_M = 0.05
"""The policy's tool goes much further; what is left is the lag behind an arm that moves."""


@pytest.mark.parametrize("path", get_args(CommandPath))
def test_an_episode_goes_over_this_controller_alone(path: str, tmp_path: Path) -> None:
    options = SessionOptions(realtime=True, overrides=(f"chunk_player.command_path={path}",))
    heard: Counter[str] = Counter()
    with GraphSession(TASK, tmp_path, 3, options) as graph:
        for name, kind in PATHS.items():
            kind.topic.subscribe(graph.client.node, lambda _, name=name: heard.update([name]))
        result = one_episode(graph, Mode.BASE)

    assert set(heard) == {path}
    steps = EpisodeStore(tmp_path / "episodes").read(result.episode).steps
    tool = np.array([step.decision.observation.values[:3] for step in steps])
    ways = [step.decision.chunk[:, :3].sum(axis=0) for step in steps[:-1]]
    # The last chunk may have been cut short.
    asked = tool[0] + np.cumsum(ways, axis=0)[:-1]
    assert np.abs(asked - tool[0]).max() > 2 * FOLLOWED_M
    np.testing.assert_allclose(tool[1:-1], asked, atol=FOLLOWED_M)
