"""Evaluations among the episodes of a training run: how many, where, and from which resets."""

from __future__ import annotations

import pytest

from dsrl_core.episode_manager import EpisodeManager
from dsrl_core.episode_run import Run
from dsrl_core.seeding import reset_seed
from dsrl_core.status import INVALID
from dsrl_core.types import Mode
from tests.core.episode_manager_setup import LIMIT_NS, START_NS, MemoryLedger, label, recorded


def series(share: float, mode: Mode, count: int, first_index: int = 0) -> list[tuple[Mode, int]]:
    """Mode and reset seed of every episode of a run."""
    manager = EpisodeManager(
        MemoryLedger(), LIMIT_NS, 0, wait_for_learner=False, evaluation_share=share
    )
    manager.run(Run(mode, count, seed=1, first_index=first_index))
    found = []
    for number in range(count):
        found.append((manager.status.mode, manager.status.seed))
        manager.world_ready(number, START_NS)
        manager.label(label(number))
        manager.recorded(recorded(number))
    return found


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.1, 4), (0.25, 10), (0.5, 20)])
def test_a_share_of_a_training_run_are_evaluations_evenly_spread(
    share: float, expected: int
) -> None:
    modes = [mode for mode, _ in series(share, Mode.TRAIN, 40)]
    places = [place for place, mode in enumerate(modes) if mode is Mode.EVAL]
    assert len(places) == expected
    assert places == [round((n + 1) / share) - 1 for n in range(expected)]
    assert set(modes) <= {Mode.TRAIN, Mode.EVAL}


def test_evaluations_have_resets_of_their_own_and_training_misses_none() -> None:
    found = series(0.1, Mode.TRAIN, 40)
    trained = [seed for mode, seed in found if mode is Mode.TRAIN]
    evaluated = [seed for mode, seed in found if mode is Mode.EVAL]
    assert trained == [reset_seed(1, Mode.TRAIN, index) for index in range(36)]
    assert evaluated == [reset_seed(1, Mode.EVAL, index) for index in range(4)]
    assert not set(trained) & set(evaluated)


def test_without_a_share_every_episode_is_what_it_was() -> None:
    expected = [(Mode.TRAIN, reset_seed(1, Mode.TRAIN, index)) for index in range(5, 25)]
    assert series(0.0, Mode.TRAIN, 20, first_index=5) == expected


def test_a_series_that_is_gone_on_with_is_the_same_series() -> None:
    whole = series(0.1, Mode.TRAIN, 30)
    assert series(0.1, Mode.TRAIN, 17) + series(0.1, Mode.TRAIN, 13, first_index=17) == whole


@pytest.mark.parametrize("mode", [Mode.BASE, Mode.EVAL, Mode.ACTOR])
def test_other_runs_have_no_evaluations_among_them(mode: Mode) -> None:
    assert series(0.5, mode, 6) == [(mode, reset_seed(1, mode, index)) for index in range(6)]


def test_an_invalid_evaluation_is_repeated_as_one() -> None:
    manager = EpisodeManager(
        MemoryLedger(), LIMIT_NS, 0, wait_for_learner=False, evaluation_share=0.5
    )
    manager.run(Run(Mode.TRAIN, 4, seed=1, first_index=1))
    before = manager.status
    assert before.mode is Mode.EVAL
    manager.world_ready(0, START_NS)
    manager.lost("chunk_player is gone")
    manager.recorded(recorded(0, INVALID))
    assert (manager.status.mode, manager.status.seed) == (before.mode, before.seed)
