"""At the wall's clock nothing waits: an episode takes as long as it says, and the arm is held."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.types import Mode
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions


def test_episode_runs_at_the_clock_on_the_wall(tmp_path: Path) -> None:
    limit_s = catalog().task("franka_pick").time_limit_s
    with GraphSession("franka_pick", tmp_path, 3, SessionOptions(realtime=True)) as graph:
        began_s = time.monotonic()
        (result,) = graph.run(Mode.ZERO, 1)
        took_s = time.monotonic() - began_s

    episode = EpisodeStore(tmp_path / "episodes").read(result.episode)
    stamps = [step.decision.observation.stamp_ns for step in episode.steps]
    simulated_s = (stamps[-1] - stamps[0]) / 1e9
    assert 0.5 < simulated_s <= limit_s + 0.2
    assert simulated_s - 0.3 < took_s < simulated_s + 5.0
    assert np.all(np.diff(stamps) > 0)
    assert all(step.decision.source == "zero" for step in episode.steps[:-1])
