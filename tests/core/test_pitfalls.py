"""Mistakes that were seen in released code and by its users, each with a test that catches it.

Roll-backs and alarms (7, 9) have their own tests: test_guard.py, test_alarms.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.learning.dsrl_na import DsrlNa
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.specs import RewardSpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Label, Mode, Observation, Outcome
from tests.core.steering_setup import (
    SMALL_SETTINGS,
    CountingPolicy,
    feed,
    random_episode,
    small_learner,
    small_policy,
    small_task,
)

OBSERVATION = Observation(7, np.linspace(-0.2, 0.4, 9, dtype=np.float32))
OWED = {"updates_first": 2000, "updates_per_decision": 0}


def filled(folder: Path, preset: str, **settings: object) -> Learner:
    learner = small_learner(
        folder,
        preset=preset,
        noise_bound=2.5,
        settings=SMALL_SETTINGS["dsrl_na"] | OWED | settings,
    )
    for number in range(4):
        feed(learner, random_episode(number))
    return learner


def test_1_a_repeated_noise_is_never_forced_on_the_base_policy(tmp_path: Path) -> None:
    task = small_task()
    repeated = replace(task, steering=replace(task.steering, noise_shape="repeated"))
    loop = DecisionLoop(repeated, load_policy(small_policy(tmp_path)), 0)
    noise = loop.decide(OBSERVATION, 0, 0, Mode.BASE, 1).noise
    assert not np.array_equal(noise[0], noise[1])


def _larger_is_better(inputs: torch.Tensor, frozen: bool = False) -> torch.Tensor:
    """A critic of noises, (1, n): the sum of the latent, which is the end of its input."""
    return 50 * inputs[:, -20:].sum(dim=-1)[None]


@pytest.mark.parametrize("preset", ["robot", "paper"])
def test_2_the_noise_bound_is_effective_and_not_one(tmp_path: Path, preset: str) -> None:
    """Where larger noise is worth more, the actor goes to the bound that the task names."""
    learner = filled(tmp_path, preset, actor_objective="noise_critic", learning_rate=0.02)
    algorithm = learner.algorithm
    assert isinstance(algorithm, DsrlNa)
    states = algorithm.states(learner._data.column("before"))
    algorithm._noise_critic = _larger_is_better  # type: ignore[assignment]
    for _ in range(300):
        loss, _, _ = algorithm.actor_loss(states)
        algorithm._actor_optimiser.zero_grad()
        loss.backward()
        algorithm._actor_optimiser.step()
    largest = float(algorithm.model.actor.greedy(states).detach().abs().max())
    assert 1.5 < largest <= 2.5


def test_3_warm_up_denoises_once(tmp_path: Path) -> None:
    policy = CountingPolicy(small_policy(tmp_path))
    DecisionLoop(small_task(), policy, 0).decide(OBSERVATION, 0, 0, Mode.TRAIN, 1)
    assert (policy.encoded, policy.decoded) == (1, 1)


def test_4_warm_up_noise_is_not_clipped_and_stored_as_it_was_executed(tmp_path: Path) -> None:
    loop = DecisionLoop(small_task(), load_policy(small_policy(tmp_path)), 0)
    decisions = [loop.decide(OBSERVATION, 0, n, Mode.TRAIN, 1) for n in range(60)]
    noises = np.stack([decision.noise for decision in decisions])
    assert np.abs(noises).max() > small_task().steering.noise_bound
    policy = load_policy(small_policy(tmp_path))
    again = policy.decode(policy.encode(OBSERVATION.values[None]), noises)
    np.testing.assert_allclose([d.chunk for d in decisions], again, atol=1e-6)


def test_5_a_time_out_is_not_terminal_and_ends_in_the_true_last_observation(
    tmp_path: Path,
) -> None:
    learner = small_learner(tmp_path)
    episode = random_episode(0, end_reason="deadline")
    feed(learner, episode, success=False)
    data = learner._data
    assert float(data.column("discounts")[-1]) > 0
    last = int(data.column("after")[-1])
    seen = torch.from_numpy(episode.steps[-1].decision.observation.values[None])
    wanted = data._contexts[0].features.of_state(seen)
    torch.testing.assert_close(data.features(torch.tensor([last])), wanted)


def test_6_what_was_not_executed_is_neither_discounted_nor_paid_for(tmp_path: Path) -> None:
    learner = small_learner(tmp_path)
    feed(learner, random_episode(0, end_reason="deadline"), success=False)
    reward, horizon = small_task().reward, 4
    wanted = [reward.discount, reward.discount, reward.discount ** (2 / horizon)]
    np.testing.assert_allclose(learner._data.column("discounts"), wanted, rtol=1e-6)


def test_7_a_capped_bonus_cannot_be_worth_more_than_success(tmp_path: Path) -> None:
    """alpha_0 = 1, as released: without a cap entropy inflates the values of a 0/1 reward."""
    highest = {}
    for cap in (float("inf"), 0.02):
        learner = filled(
            tmp_path,
            "paper",
            learning_rate=3e-3,
            polyak=0.1,
            entropy={"initial": 1.0, "learning_rate": 0.0, "bonus_max": cap},
        )
        for number in range(4):
            learner.set_label(Label(number, Outcome.FAILURE, 0.0, "test", 0))
        for number in range(4, 8):
            feed(learner, random_episode(number, end_reason="deadline"), success=False)
        highest[cap] = max(learner.update(50)["critic/q_max"] for _ in range(20))
    assert highest[0.02] < 1.0 < highest[float("inf")]


def test_8_a_chunk_of_another_horizon_is_refused(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    with pytest.raises(InvalidFile, match="another horizon"):
        load_policy(replace(spec, horizon=8))
    learner = small_learner(tmp_path)
    episode = random_episode(0)
    long = replace(episode.steps[0].decision, chunk=np.zeros((8, 5), np.float32))
    steps = (replace(episode.steps[0], decision=long), *episode.steps[1:])
    with pytest.raises(InvalidValue, match=r"episode 0, decision 0: chunk has shape \(8, 5\)"):
        learner.add_episode(replace(episode, steps=steps))


def test_9_values_stay_within_what_the_rewards_make_possible(tmp_path: Path) -> None:
    task = small_task()
    rule = RewardSpec("step_cost", discount=0.9, timeout_is_terminal=False)
    steering = replace(task.steering, settings=SMALL_SETTINGS["dsrl_na"] | OWED)
    learner = Learner(
        [
            LearnedTask(
                replace(task, reward=rule, steering=steering), load_policy(small_policy(tmp_path))
            )
        ],
        0,
    )
    for number in range(4):
        feed(learner, random_episode(number, end_reason="deadline"), success=False)
    with torch.no_grad():
        learner.algorithm.model.critic.last_bias.fill_(20.0)
    learner.algorithm.refresh()
    assert float(learner._data.column("returns").max()) <= 0.0


def test_10_a_batch_is_decoded_from_stored_encodings(tmp_path: Path) -> None:
    policy = CountingPolicy(small_policy(tmp_path))
    task = small_task()
    settings = SMALL_SETTINGS["dsrl_na"] | OWED | {"actor_objective": "noise_critic"}
    steered = replace(task, steering=replace(task.steering, settings=settings))
    learner = Learner([LearnedTask(steered, policy)], 0)
    for number in range(2):
        feed(learner, random_episode(number))
    before = policy.encoded
    learner.update(20)
    assert policy.encoded == before
    assert policy.decoded > 0
