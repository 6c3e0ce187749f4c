"""With a policy that sees, too, the graph decides as the loop in one process does, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.types import Mode
from dsrl_ros.session import GraphSession
from dsrl_sim.rendering import RendererMissing, available_backend
from tests.ros.test_lock_step import SEED, InOneProcess, assert_equal

TASK = "franka_pick_vision"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphSession]:
    """A whole simulated graph whose robot has two cameras."""
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    with GraphSession(TASK, tmp_path_factory.mktemp("run"), SEED) as session:
        yield session


@pytest.fixture(scope="module")
def here(graph: GraphSession) -> Iterator[InOneProcess]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield InOneProcess(TASK)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("mode", [Mode.BASE, Mode.TRAIN])
def test_graph_sees_and_decides_as_the_loop_in_one_process(
    graph: GraphSession, here: InOneProcess, mode: Mode
) -> None:
    store = EpisodeStore(graph.graph.options.out / "episodes")

    results = graph.run(mode, 2)

    for index, result in enumerate(results):
        expected, outcome = here.run(result.episode, mode, index)
        assert_equal(store.read(result.episode), expected)
        assert result.outcome == outcome


def test_every_record_holds_what_the_cameras_saw_and_what_they_saw_changes(
    graph: GraphSession,
) -> None:
    store = EpisodeStore(graph.graph.options.out / "episodes")
    episode = store.read(store.numbers()[-1])
    images = [step.decision.observation.images for step in episode.steps]
    assert all(entry is not None and entry.shape == (2, 96, 96, 3) for entry in images)
    for before, after in pairwise(images):
        assert not np.array_equal(before, after)


def test_an_episode_with_images_is_small(graph: GraphSession) -> None:
    store = EpisodeStore(graph.graph.options.out / "episodes")
    folder: Path = store.path_of(store.numbers()[-1])
    assert sum(file.stat().st_size for file in folder.iterdir()) < 1_000_000
