"""A graph whose chunks are asked for ahead: equal to one process, and on time in real time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.errors import DsrlError
from dsrl_core.types import Episode, Mode
from dsrl_ros.session import GraphSession, SessionOptions
from tests.ros.test_lock_step import SEED, InOneProcess, assert_equal

AHEAD = 2
WARM_UP = 10


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def stamps_s(episode: Episode) -> np.ndarray:
    return np.array([step.decision.observation.stamp_ns * 1e-9 for step in episode.steps[:-1]])


def test_in_lock_step_it_is_equal_to_one_process_and_learned_from(tmp_path: Path) -> None:
    here = InOneProcess(ahead=AHEAD)
    options = SessionOptions(overrides=(f"chunk_player.ask_ahead={AHEAD}",))
    with GraphSession("franka_pick", tmp_path, SEED, options) as graph:
        store = EpisodeStore(tmp_path / "episodes")
        for mode, count in ((Mode.BASE, 2), (Mode.TRAIN, WARM_UP + 1)):
            for index, result in enumerate(graph.run(mode, count)):
                expected, outcome = here.run(result.episode, mode, index)
                assert_equal(store.read(result.episode), expected)
                assert result.outcome == outcome
        assert graph.learner_status.weights_version > 0
        first, *later = np.diff(stamps_s(store.read(0)))
        # The first chunk was asked for at rest; from then on the arm never waits.
        assert first == pytest.approx(0.2)
        assert later == pytest.approx([0.4] * len(later))


def test_in_real_time_it_is_asked_as_early_as_answers_take(tmp_path: Path) -> None:
    options = SessionOptions(realtime=True, overrides=("chunk_player.ask_ahead=-1",))
    with GraphSession("franka_pick", tmp_path, SEED, options) as graph:
        results = graph.run(Mode.BASE, 2)
    store = EpisodeStore(tmp_path / "episodes")
    for result in results:
        episode = store.read(result.episode)
        if not episode.is_valid or len(episode.steps) < 4:
            continue
        assert [step.decision.sequence for step in episode.steps] == list(range(len(episode.steps)))
        played = [step.steps_executed for step in episode.steps[:-2]]
        assert played == [4] * len(played)
        assert all(later > earlier for earlier, later in pairwise(stamps_s(episode)))


@pytest.mark.parametrize(
    ("ahead", "words"), [(5, "expected 0 to 4"), (-1, "in lock-step an answer takes no time")]
)
def test_what_cannot_be_asked_ahead_is_refused_as_the_graph_starts(
    tmp_path: Path, ahead: int, words: str
) -> None:
    options = SessionOptions(overrides=(f"chunk_player.ask_ahead={ahead}",))
    with (
        pytest.raises(DsrlError, match=words),
        GraphSession("franka_pick", tmp_path, SEED, options),
    ):
        pass
