"""The replay follows the ledger, and rewards what was really executed."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.data.replay import Replay
from dsrl_core.specs import RewardSpec
from dsrl_core.types import Label, Outcome
from tests.core.steering_setup import random_episode

SPARSE = RewardSpec("sparse_01", discount=0.9, timeout_is_terminal=False)


def label(episode: int, outcome: Outcome, reward: float) -> Label:
    return Label(episode, outcome, reward, "test", 0)


def success(episode: int) -> Label:
    return label(episode, Outcome.SUCCESS, 1.0)


def failure(episode: int) -> Label:
    return label(episode, Outcome.FAILURE, 0.0)


def replay(*labels: Label, end_reason: str = "ended", reward: RewardSpec = SPARSE) -> Replay:
    filled = Replay(reward, horizon=4)
    for number in range(2):
        filled.add(random_episode(number, end_reason=end_reason))
    for entry in labels:
        filled.label(entry)
    return filled


def test_an_unlabelled_episode_is_not_a_failure() -> None:
    assert replay(success(1)).trainable() == [1]


@pytest.mark.parametrize("outcome", [Outcome.UNDO, Outcome.DISCARD])
def test_what_is_taken_back_or_discarded_is_not_trained_on(outcome: Outcome) -> None:
    assert replay(success(0), label(0, outcome, 0.0)).trainable() == []


def test_an_invalid_episode_is_never_trained_on() -> None:
    assert replay(success(0), end_reason="invalid").trainable() == []


def test_a_correction_changes_the_reward() -> None:
    corrected = replay(success(0), failure(0))
    assert corrected.transitions([0]).rewards.tolist() == [0, 0, 0]


def test_the_same_episode_twice_counts_once() -> None:
    filled = replay(success(0))
    filled.add(random_episode(0))
    assert len(filled.transitions(filled.trainable())) == 3


def test_success_terminates_and_shorter_chunks_are_discounted_less() -> None:
    transitions = replay(success(0)).transitions([0])
    assert transitions.rewards.tolist() == [0, 0, 1]
    np.testing.assert_allclose(transitions.discounts, [0.9, 0.9, 0.0], rtol=1e-6)


def test_a_time_out_bootstraps_from_the_true_last_observation() -> None:
    filled = replay(failure(0), end_reason="deadline")
    transitions = filled.transitions([0])
    np.testing.assert_allclose(transitions.discounts, [0.9, 0.9, 0.9**0.5], rtol=1e-6)
    last = random_episode(0).steps[-1].decision.observation.values
    np.testing.assert_array_equal(transitions.next_observations[-1], last)


def test_a_time_out_can_be_declared_terminal() -> None:
    rule = RewardSpec("sparse_01", discount=0.9, timeout_is_terminal=True)
    filled = replay(failure(0), end_reason="deadline", reward=rule)
    assert filled.transitions([0]).discounts[-1] == 0


def test_step_cost_asks_for_speed() -> None:
    rule = RewardSpec("step_cost", discount=0.9, timeout_is_terminal=False)
    assert replay(success(0), reward=rule).transitions([0]).rewards.tolist() == [-1, -1, 0]
    assert rule.value_range == pytest.approx((-10.0, 0.0))
