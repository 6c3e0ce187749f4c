"""At the wall's clock nothing waits: an episode takes as long as it says, and the arm is held."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.types import Mode
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.rendering import RendererMissing, available_backend


@pytest.mark.parametrize("task", ["franka_pick", "franka_pick_vision"])
def test_episode_runs_at_the_clock_on_the_wall(task: str, tmp_path: Path) -> None:
    spec = catalog().task(task)
    limit_s, shape = spec.time_limit_s, catalog().policy(spec.policy).images_shape
    if shape is not None:
        try:
            available_backend()
        except RendererMissing as error:
            pytest.skip(str(error))
    with GraphSession(task, tmp_path, 3, SessionOptions(realtime=True)) as graph:
        began_s = time.monotonic()
        (result,) = graph.run(Mode.ZERO, 1)
        took_s = time.monotonic() - began_s

    episode = EpisodeStore(tmp_path / "episodes").read(result.episode)
    stamps = [step.decision.observation.stamp_ns for step in episode.steps]
    simulated_s = (stamps[-1] - stamps[0]) / 1e9
    assert 0.5 < simulated_s <= limit_s + 0.2
    assert simulated_s - 0.3 < took_s < simulated_s + 5.0
    assert np.all(np.diff(stamps) > 0)
    images = [step.decision.observation.images for step in episode.steps]
    assert all((None if seen is None else seen.shape) == shape for seen in images)
    assert all(step.decision.source == "zero" for step in episode.steps[:-1])
