"""The newest weights decide, but not in the midst of a comparison."""

from __future__ import annotations

from dsrl_core.status import RUN_AB, EpisodeStatus, Phase
from dsrl_core.steering.weights_in_use import Weights, WeightsInUse

FIRST, SECOND = Weights(1, b"one"), Weights(2, b"two")
TRAINING = EpisodeStatus(0, Phase.RUNNING, run_mode="train")
COMPARING = EpisodeStatus(1, Phase.RUNNING, run_mode=RUN_AB)
RESETTING = EpisodeStatus(2, Phase.RESETTING, run_mode=RUN_AB)
OVER = EpisodeStatus(2, Phase.IDLE, run_mode=RUN_AB)


def with_first() -> WeightsInUse:
    weights = WeightsInUse()
    weights.offer(FIRST)
    assert weights.choose(TRAINING) == FIRST
    return weights


def test_there_are_none_at_first() -> None:
    assert WeightsInUse().choose(TRAINING) is None


def test_newer_ones_are_used_at_once_in_training() -> None:
    weights = with_first()
    weights.offer(SECOND)
    assert weights.choose(TRAINING) == SECOND


def test_a_comparison_begins_with_the_newest_and_keeps_them() -> None:
    weights = with_first()
    weights.offer(SECOND)
    assert weights.choose(COMPARING) == SECOND
    weights.offer(Weights(3, b"three"))
    assert weights.choose(COMPARING) == SECOND
    assert weights.choose(RESETTING) == SECOND


def test_a_comparison_that_began_without_any_gets_none() -> None:
    weights = WeightsInUse()
    assert weights.choose(COMPARING) is None
    weights.offer(FIRST)
    assert weights.choose(RESETTING) is None


def test_what_came_meanwhile_is_used_after_the_comparison() -> None:
    weights = with_first()
    weights.choose(COMPARING)
    weights.offer(SECOND)
    assert weights.choose(OVER) == SECOND
    assert weights.choose(COMPARING) == SECOND


def test_weights_that_the_run_asks_for_are_not_held_back() -> None:
    weights = with_first()
    weights.choose(COMPARING)
    weights.offer(SECOND)
    asked = EpisodeStatus(1, Phase.RUNNING, run_mode=RUN_AB, minimum_weights_version=2)
    assert weights.choose(asked) == SECOND
