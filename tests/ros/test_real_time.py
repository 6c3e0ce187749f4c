"""At the wall's clock nothing waits: an episode takes as long as it says, and its stamps tell."""

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
from tests.ros.real_time_setup import one_episode


@pytest.mark.parametrize("task", ["franka_pick", "franka_pick_vision"])
def test_episode_runs_at_the_clock_on_the_wall(task: str, tmp_path: Path) -> None:
    spec = catalog().task(task)
    policy = catalog().policy(spec.policy)
    if policy.images_shape is not None:
        try:
            available_backend()
        except RendererMissing as error:
            pytest.skip(str(error))
    began_ns = time.time_ns()
    with GraphSession(task, tmp_path, 3, SessionOptions(realtime=True)) as graph:
        result = one_episode(graph, Mode.ZERO)
    ended_ns = time.time_ns()

    steps = EpisodeStore(tmp_path / "episodes").read(result.episode).steps
    stamps = [step.decision.observation.stamp_ns for step in steps]
    assert began_ns < stamps[0]
    assert stamps[-1] < ended_ns
    assert np.all(np.diff(stamps) > 0)
    period_s = policy.action.period_s
    assert policy.horizon <= result.steps <= round(spec.time_limit_s / period_s)
    # Each chunk takes its time, on a machine that has none too; a decision may be made of what was
    # seen a little before it.
    least_s = result.steps * period_s - spec.input_age_max_s
    assert (stamps[-1] - stamps[0]) / 1e9 >= least_s
    images = [step.decision.observation.images for step in steps]
    assert all((None if seen is None else seen.shape) == policy.images_shape for seen in images)
    assert all(step.decision.source == "zero" for step in steps[:-1])
