"""A policy that sees the past: graph, loop in one process and bag agree on it to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.catalog import POLICIES_VARIABLE
from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.types import Mode
from dsrl_ros import topics
from dsrl_ros.bag_parity import DecisionBag
from dsrl_ros.paths import catalog
from dsrl_ros.raw_recorder import RawRecorder, decision_topics
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.rendering import RendererMissing, available_backend
from tests.core.history_setup import CAMERAS, NAME, policy_with_a_past
from tests.ros.test_lock_step import SEED, InOneProcess, assert_equal

WARM_UP = 10


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_joints_and_the_observation_before_are_seen_and_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = policy_with_a_past(tmp_path / "policies")
    monkeypatch.setenv(POLICIES_VARIABLE, str(tmp_path / "policies"))
    here = InOneProcess(policy_name=NAME)

    with GraphSession("franka_pick", tmp_path / "run", SEED, SessionOptions(policy=NAME)) as graph:
        store = EpisodeStore(tmp_path / "run" / "episodes")
        for mode, count in ((Mode.BASE, 2), (Mode.TRAIN, WARM_UP + 1)):
            results = graph.run(mode, count)
            for index, result in enumerate(results):
                expected, outcome = here.run(result.episode, mode, index)
                assert_equal(store.read(result.episode), expected)
                assert result.outcome == outcome
        assert graph.learner_status.weights_version > 0

    for number in store.numbers():
        first, *later = store.read(number).steps
        now, before = np.split(first.decision.observation.values, 2)
        np.testing.assert_array_equal(now, before)
        for step in later:
            now, before = np.split(step.decision.observation.values, 2)
            assert now.shape == (spec.step_size,)
            assert not np.array_equal(now, before)


def test_in_real_time_the_past_is_seen_again_from_a_bag_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = policy_with_a_past(tmp_path / "policies")
    monkeypatch.setenv(POLICIES_VARIABLE, str(tmp_path / "policies"))
    task = catalog().task("franka_pick")
    robot = catalog().robot(task.robot)
    options = SessionOptions(policy=NAME, realtime=True)

    with (
        GraphSession("franka_pick", tmp_path / "run", SEED, options) as graph,
        RawRecorder(tmp_path / "bag", decision_topics(spec, robot)) as recorder,
    ):
        recorder.wait_for_publishers()
        (result,) = graph.run(Mode.BASE, 1)
        episode = EpisodeStore(tmp_path / "run" / "episodes").read(result.episode)
        recorder.wait_for_count(topics.DECISION_INPUTS, len(episode.steps))

    rebuilt = DecisionBag(tmp_path / "bag", task, spec, robot, lock_step=False).decisions()
    # A best effort measurement may not have reached the recorder.
    seen_again = [entry for entry in rebuilt if entry.by_stamps is not None]
    assert seen_again
    for entry in seen_again:
        assert entry.by_stamps is not None
        assert entry.inputs is not None
        assert entry.by_stamps.equals(entry.decision.observation)
        if entry.decision.sequence:
            newest, before = (entry.inputs.stamps_ns[name] for name in ("joints", "joints@1"))
            assert abs(newest - before - 1e9 * spec.action.period_s) < 1e9 * task.input_age_max_s


def test_images_of_both_moments_are_seen_and_seen_again_from_a_bag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    spec = policy_with_a_past(tmp_path / "policies", CAMERAS)
    monkeypatch.setenv(POLICIES_VARIABLE, str(tmp_path / "policies"))
    task = catalog().task("franka_pick")
    robot = catalog().robot(task.robot)
    here = InOneProcess(policy_name=NAME)

    with (
        GraphSession("franka_pick", tmp_path / "run", SEED, SessionOptions(policy=NAME)) as graph,
        RawRecorder(tmp_path / "bag", decision_topics(spec, robot)) as recorder,
    ):
        recorder.wait_for_publishers()
        results = graph.run(Mode.BASE, 3)
        store = EpisodeStore(tmp_path / "run" / "episodes")
        episodes = [store.read(result.episode) for result in results]
        recorder.wait_for_count(topics.DECISION_INPUTS, sum(len(one.steps) for one in episodes))

    for index, episode in enumerate(episodes):
        assert_equal(episode, here.run(episode.number, Mode.BASE, index)[0])
        for step in episode.steps[1:]:
            images = step.decision.observation.images
            assert images is not None
            assert images.shape == (4, 24, 32, 3)
            assert not np.array_equal(images[:2], images[2:])
    rebuilt = list(DecisionBag(tmp_path / "bag", task, spec, robot, lock_step=True).decisions())
    assert len(rebuilt) == sum(len(episode.steps) for episode in episodes)
    for entry in rebuilt:
        assert entry.by_stamps is not None
        assert entry.by_stamps.equals(entry.decision.observation)
