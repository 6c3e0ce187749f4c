"""The replay follows the ledger, and rewards what was really executed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dsrl_core.data.replay import Replay
from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.specs import RewardSpec
from dsrl_core.types import Episode, Label, Observation, Outcome
from tests.core.steering_setup import CATALOG, random_episode

SPARSE = RewardSpec("sparse_01", discount=0.9, timeout_is_terminal=False)


def label(episode: int, outcome: Outcome, reward: float) -> Label:
    return Label(episode, outcome, reward, "test", 0)


def success(episode: int) -> Label:
    return label(episode, Outcome.SUCCESS, 1.0)


def failure(episode: int) -> Label:
    return label(episode, Outcome.FAILURE, 0.0)


def replay(*labels: Label, end_reason: str = "ended", reward: RewardSpec = SPARSE) -> Replay:
    filled = Replay(reward, CATALOG.policy("franka_pick_flow"))
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
    assert corrected.rewards(0)[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("end_reason", ["ended", "deadline"])
def test_a_grade_is_the_reward_and_all_that_comes_of_the_episode(end_reason: str) -> None:
    half = label(0, Outcome.FAILURE, 0.5)
    rewards, discounts = replay(half, end_reason=end_reason).rewards(0)
    assert rewards.tolist() == [0.0, 0.0, 0.5]
    assert discounts[-1] == 0.0, "half done and more to come would be worth more than done"
    plain = replay(failure(0), end_reason=end_reason).rewards(0)[1]
    assert (plain[-1] == 0.0) == (end_reason == "ended")
    costly = RewardSpec("step_cost", discount=0.9, timeout_is_terminal=False)
    assert replay(half, reward=costly).rewards(0)[0].tolist() == [-1.0, -1.0, -0.5]


def test_the_same_episode_twice_counts_once() -> None:
    filled = replay(success(0))
    filled.add(random_episode(0))
    assert (filled.trainable(), len(filled.rows(0))) == ([0], 3)


def test_success_terminates_and_shorter_chunks_are_discounted_less() -> None:
    rewards, discounts = replay(success(0)).rewards(0)
    assert rewards.tolist() == [0, 0, 1]
    np.testing.assert_allclose(discounts, [0.9, 0.9, 0.0], rtol=1e-6)


def test_a_time_out_bootstraps_from_the_true_last_observation() -> None:
    filled = replay(failure(0), end_reason="deadline")
    rows, (_, discounts) = filled.rows(0), filled.rewards(0)
    np.testing.assert_allclose(discounts, [0.9, 0.9, 0.9**0.5], rtol=1e-6)
    last = random_episode(0).steps[-1].decision.observation.values
    np.testing.assert_array_equal(rows.observations[rows.after[-1]], last)


def test_a_time_out_can_be_declared_terminal() -> None:
    rule = RewardSpec("sparse_01", discount=0.9, timeout_is_terminal=True)
    filled = replay(failure(0), end_reason="deadline", reward=rule)
    assert filled.rewards(0)[1][-1] == 0


def test_step_cost_asks_for_speed() -> None:
    rule = RewardSpec("step_cost", discount=0.9, timeout_is_terminal=False)
    assert replay(success(0), reward=rule).rewards(0)[0].tolist() == [-1, -1, 0]
    assert rule.value_range == pytest.approx((-10.0, 0.0))


def test_a_failure_that_a_person_called_can_bootstrap_too() -> None:
    rule = RewardSpec(
        "sparse_01", discount=0.9, timeout_is_terminal=False, failure_is_terminal=False
    )
    assert replay(failure(0)).rewards(0)[1][-1] == 0
    assert replay(failure(0), reward=rule).rewards(0)[1][-1] > 0


def test_every_decision_can_count_as_a_full_chunk() -> None:
    rule = RewardSpec("sparse_01", discount=0.9, timeout_is_terminal=False, discount_by="decision")
    filled = replay(failure(0), end_reason="deadline", reward=rule)
    np.testing.assert_allclose(filled.rewards(0)[1], [0.9, 0.9, 0.9], rtol=1e-6)


def test_an_environments_own_rewards_are_taken_or_missed_by_name() -> None:
    rule = RewardSpec("environment", discount=0.9, timeout_is_terminal=False)
    filled = Replay(rule, CATALOG.policy("franka_pick_flow"))
    with pytest.raises(InvalidValue, match="episode 0, decision 0: no reward"):
        filled.add(random_episode(0))
    episode = random_episode(0)
    steps = tuple(replace(step, reward=0.5) for step in episode.steps)
    filled.add(replace(episode, steps=steps))
    filled.label(success(0))
    assert filled.rewards(0)[0].tolist() == [0.5, 0.5, 0.5]


def test_a_label_for_a_missing_episode_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown episode '7'; available: 0, 1"):
        replay(success(7))


def broken(**changes: object) -> Episode:
    """An episode whose second decision is wrong."""
    episode = random_episode(3)
    step = episode.steps[1]
    steps = list(episode.steps)
    steps[1] = replace(step, decision=replace(step.decision, **changes))
    return replace(episode, steps=tuple(steps))


NAN = np.full((4, 5), np.nan, np.float32)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"chunk": NAN}, "chunk is not finite"),
        ({"noise": NAN}, "noise is not finite"),
        ({"observation": Observation(1, NAN[0])}, r"observation has shape \(5,\)"),
        ({"observation": Observation(1, np.full(9, np.inf))}, "observation is not finite"),
        ({"chunk": np.zeros((8, 5), np.float32)}, r"expected shape \(4, 5\)"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_by_name_and_nothing_enters(
    changes: dict[str, object], told: str
) -> None:
    filled = replay(success(0))
    with pytest.raises(InvalidValue, match=f"episode 3, decision 1: .*{told}"):
        filled.add(broken(**changes))
    assert filled.trainable() == [0]
    with pytest.raises(UnknownName):
        filled.label(success(3))
