"""Noise-space learning: returns, distillation, reproducibility."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.data.replay import Transitions
from dsrl_core.errors import UnknownName
from dsrl_core.learning import make_algorithm
from dsrl_core.learning.dsrl_na import DsrlNa, DsrlNaConfig
from dsrl_core.learning.learner import Learner
from dsrl_core.learning.noise_memory import lambda_returns
from dsrl_core.policies import load_policy
from dsrl_core.steering.steering_model import ModelContext
from dsrl_core.types import Label, Mode, Outcome
from tests.core.steering_setup import random_episode, small_policy, small_task

SMALL = DsrlNaConfig(batch=16, memory=8, proposals=4, value_candidates=4, refresh_interval=10)


def labelled(learner: Learner, number: int, mode: Mode = Mode.TRAIN) -> None:
    learner.add_episode(random_episode(number, mode=mode))
    outcome = Outcome.SUCCESS if number % 2 else Outcome.FAILURE
    learner.set_label(Label(number, outcome, float(number % 2), "test", 0))


def learner(folder: Path, seed: int = 0) -> Learner:
    return Learner(small_task(), load_policy(small_policy(folder)), seed)


def algorithm(folder: Path, config: DsrlNaConfig = SMALL, seed: int = 0) -> DsrlNa:
    """DSRL-NA on four random episodes that all count as labelled by their parity."""
    policy, task = load_policy(small_policy(folder)), small_task()
    made = DsrlNa(ModelContext.of(task, policy.spec), policy, task.reward, seed, config)
    filled = Learner(task, policy, seed)
    for number in range(4):
        labelled(filled, number)
    made.set_data({number: filled._replay.transitions([number]) for number in range(4)})
    return made


def transitions(rewards: list[float], discounts: list[float], ends: list[bool]) -> Transitions:
    count = len(rewards)
    return Transitions(
        np.zeros((count, 9), np.float32),
        np.zeros((count, 4, 5), np.float32),
        np.zeros((count, 9), np.float32),
        np.array(rewards, np.float32),
        np.array(discounts, np.float32),
        np.array(ends),
    )


VALUES = torch.tensor([0.5, 0.6, 0.7])


def test_lambda_one_is_the_monte_carlo_return() -> None:
    data = transitions([0, 0, 1], [0.9, 0.9, 0.0], [False, False, True])
    np.testing.assert_allclose(lambda_returns(data, VALUES, 1.0), [0.81, 0.9, 1.0], rtol=1e-6)


def test_lambda_zero_is_the_one_step_target() -> None:
    data = transitions([0, 0, 1], [0.9, 0.9, 0.0], [False, False, True])
    np.testing.assert_allclose(lambda_returns(data, VALUES, 0.0), [0.45, 0.54, 1.0], rtol=1e-6)


def test_a_time_out_ends_in_the_value_of_the_last_state() -> None:
    data = transitions([0, 0, 0], [0.9, 0.9, 0.9], [False, False, True])
    assert lambda_returns(data, VALUES, 1.0)[-1] == pytest.approx(0.63)


def test_returns_do_not_leak_from_one_episode_into_another() -> None:
    data = transitions([0, 1], [0.9, 0.0], [True, True])
    assert lambda_returns(data, VALUES[:2], 1.0)[0] == pytest.approx(0.45)


@pytest.mark.parametrize("objective", ["search", "noise_critic"])
def test_equal_seeds_give_equal_weights_to_the_bit(tmp_path: Path, objective: str) -> None:
    made = []
    for _ in range(2):
        one = algorithm(tmp_path, replace(SMALL, actor_objective=objective))
        for _ in range(25):
            one.update()
        made.append(one.model.to_bytes())
    assert made[0] == made[1]


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    one, other = algorithm(tmp_path), algorithm(tmp_path, seed=1)
    assert not torch.equal(one.model.actor.mean.weight, other.model.actor.mean.weight)


def test_the_critic_learns_which_chunks_pay(tmp_path: Path) -> None:
    one = algorithm(tmp_path, replace(SMALL, return_lambda=1.0))
    first = one.update()["critic/loss"].item()
    for _ in range(300):
        metrics = one.update()
    assert metrics["critic/loss"].item() < 0.2 * first


def test_values_are_never_above_what_success_is_worth(tmp_path: Path) -> None:
    one = algorithm(tmp_path)
    with torch.no_grad():
        one.model.critic.last_bias.fill_(50.0)
    one.refresh()
    assert float(one._returns.max()) <= 1.0


@pytest.mark.parametrize("objective", ["search", "noise_critic"])
def test_the_distilled_actor_beats_random_noise_by_the_critics_measure(
    tmp_path: Path, objective: str
) -> None:
    one = algorithm(tmp_path, replace(SMALL, actor_objective=objective, memory=32))
    for _ in range(400):
        one.update()
    memory = one._episodes[0]
    with torch.no_grad():
        greedy = one.model.actor.greedy(memory.states)[:, None]
        worth = one.model.critic(memory._decoded(memory.observations.numpy(), greedy).flatten(0, 1))
        random = memory._decoded(memory.observations.numpy(), memory._fresh(64)).flatten(0, 1)
        usual = one.model.critic(random)
    assert float(worth.mean()) > float(usual.mean())


def test_no_updates_are_due_before_the_warm_up_is_complete(tmp_path: Path) -> None:
    one = learner(tmp_path)
    labelled(one, 0)
    assert (one.updates_pending, one.update(10), one.weights()[0]) == (0, {}, 0)


def test_every_labelled_episode_is_worth_its_updates_once(tmp_path: Path) -> None:
    one, config = learner(tmp_path), DsrlNaConfig()
    for number in range(3):
        labelled(one, number)
    labelled(one, 2)
    assert one.updates_pending == config.updates_first + config.updates_per_episode


def test_an_evaluation_is_measured_and_not_learned_from(tmp_path: Path) -> None:
    one = learner(tmp_path)
    for number in range(3):
        labelled(one, number, Mode.EVAL)
    assert one.episodes == 0


def test_a_new_version_comes_only_after_updates(tmp_path: Path) -> None:
    one = learner(tmp_path)
    for number in range(2):
        labelled(one, number)
    one.update(5)
    assert [one.weights()[0], one.weights()[0]] == [1, 1]


def test_an_unknown_algorithm_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    policy, task = load_policy(small_policy(tmp_path)), small_task()
    context = ModelContext.of(task, policy.spec)
    with pytest.raises(UnknownName, match=r"'ppo'.*dsrl_na"):
        make_algorithm("ppo", context, policy, task.reward, 0)
