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

TASK = "franka_pick"
FOLLOWED_M = 0.02
"""The policy's tool goes much further; what is left is the servos' lag."""


@pytest.mark.parametrize("path", get_args(CommandPath))
def test_an_episode_goes_over_this_controller_alone(path: str, tmp_path: Path) -> None:
    options = SessionOptions(realtime=True, overrides=(f"chunk_player.command_path={path}",))
    heard: Counter[str] = Counter()
    with GraphSession(TASK, tmp_path, 3, options) as graph:
        for name, kind in PATHS.items():
            kind.topic.subscribe(graph.client.node, lambda _, name=name: heard.update([name]))
        (result,) = graph.run(Mode.BASE, 1)

    assert set(heard) == {path}
    steps = EpisodeStore(tmp_path / "episodes").read(result.episode).steps
    tool = np.array([step.decision.observation.values[:3] for step in steps])
    asked = np.array([step.decision.chunk[:, :3].sum(axis=0) for step in steps[:-1]])
    assert np.abs(asked).max() > 2 * FOLLOWED_M
    # The last chunk may have been cut short.
    np.testing.assert_allclose(np.diff(tool, axis=0)[:-1], asked[:-1], atol=FOLLOWED_M)
