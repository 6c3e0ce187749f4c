"""Noise-space learning: returns, distillation, what updates are owed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsrl_core.learning.dsrl_na import DsrlNa
from dsrl_core.learning.learner import Learner
from dsrl_core.types import Mode
from tests.core.steering_setup import SMALL_SETTINGS, feed, random_episode, small_learner

OWED = {"updates_first": 10_000}


def filled(folder: Path, **settings: object) -> Learner:
    """DSRL-NA with four random episodes, labelled by their parity."""
    learner = small_learner(folder, settings=SMALL_SETTINGS["dsrl_na"] | OWED | settings)
    for number in range(4):
        feed(learner, random_episode(number))
    return learner


def algorithm(learner: Learner) -> DsrlNa:
    assert isinstance(learner.algorithm, DsrlNa)
    return learner.algorithm


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    one, other = (small_learner(tmp_path, seed).algorithm.model for seed in range(2))
    assert not torch.equal(one.actor.mean.weight, other.actor.mean.weight)


def test_the_critic_learns_which_chunks_pay(tmp_path: Path) -> None:
    learner = filled(tmp_path, return_lambda=1.0)
    first = learner.update(1)["critic/loss"]
    assert learner.update(400)["critic/loss"] < 0.2 * first


def test_values_are_never_above_what_success_is_worth(tmp_path: Path) -> None:
    learner = filled(tmp_path)
    with torch.no_grad():
        learner.algorithm.model.critic.last_bias.fill_(50.0)
    learner.algorithm.refresh()
    assert float(learner._data.column("returns").max()) <= 1.0


@pytest.mark.parametrize("objective", ["search", "noise_critic"])
def test_the_distilled_actor_beats_random_noise_by_the_critics_measure(
    tmp_path: Path, objective: str
) -> None:
    learner = filled(tmp_path, actor_objective=objective, memory=32)
    learner.update(400)
    made, data = algorithm(learner), learner._data
    places = data.column("before")
    with torch.no_grad():
        states = made.states(places)
        greedy = made.model.actor.greedy(states)
        worth = made._value(states, data.decoded(places, greedy))
        usual = [
            made._value(states, data.decoded(places, torch.randn_like(greedy).clamp(-2.5, 2.5)))
            for _ in range(64)
        ]
    assert float(worth.mean()) > float(torch.stack(usual).mean())


def test_the_noise_critic_steps_before_the_actor_or_after_a_round_as_released(
    tmp_path: Path,
) -> None:
    told = filled(tmp_path, actor_objective="noise_critic").update(1)
    assert "noise_critic/loss" in told
    released = filled(
        tmp_path,
        actor_objective="noise_critic",
        noise_critic_first=False,
        noise_critic_interval=3,
        noise_critic_steps=2,
    )
    rounds = ["noise_critic/loss" in released.update(1) for _ in range(6)]
    assert rounds == [False, False, True, False, False, True]


def test_an_update_costs_the_same_however_long_the_replay_is(tmp_path: Path) -> None:
    """What grows is looked at in turns: a refresh never decodes more than its limit."""
    learner = small_learner(
        tmp_path, settings=SMALL_SETTINGS["dsrl_na"] | OWED | {"refresh_rows": 48}
    )
    for number in range(20):
        feed(learner, random_episode(number))
    learner.update(1)
    made = algorithm(learner)
    assert len(made._memories) == 4
    seen = set(made._memories)
    for _ in range(4):
        made.refresh()
        seen |= set(made._memories)
    assert len(seen) == 20


def test_no_updates_are_due_before_the_warm_up_is_complete(tmp_path: Path) -> None:
    one = small_learner(tmp_path)
    feed(one, random_episode(0))
    assert (one.updates_pending, one.update(10), one.weights()[0]) == (0, {}, 0)


def test_every_labelled_episode_is_worth_its_updates_once(tmp_path: Path) -> None:
    one = small_learner(tmp_path)
    config = one.algorithm.config
    for number in range(3):
        feed(one, random_episode(number))
    feed(one, random_episode(2))
    assert one.updates_pending == config.updates_first + config.updates_per_episode


def test_an_evaluation_is_measured_and_not_learned_from(tmp_path: Path) -> None:
    one = small_learner(tmp_path)
    for number in range(3):
        one.add_episode(random_episode(number, mode=Mode.EVAL))
    assert one.episodes == 0


def test_a_new_version_comes_only_after_updates(tmp_path: Path) -> None:
    one = small_learner(tmp_path)
    for number in range(2):
        feed(one, random_episode(number))
    one.update(5)
    assert [one.weights()[0], one.weights()[0]] == [1, 1]
