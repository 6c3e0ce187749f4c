"""One decision: which noise each mode chooses, and that nothing but the seed decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dsrl_core.errors import InvalidFile
from dsrl_core.policies import load_policy
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.steering.steering_model import (
    NetworkSizes,
    SteeringModel,
    load_model,
    model_shape,
)
from dsrl_core.steering.task_context import TaskContext
from dsrl_core.types import Decision, Mode, Observation
from tests.core.steering_setup import CountingPolicy, small_policy, small_task

OBSERVATION = Observation(7, np.linspace(-0.2, 0.4, 9, dtype=np.float32))


def weights(folder: Path, seed: int = 0, critic_of: Any = "chunk", episodes: int = 1000) -> bytes:
    torch.manual_seed(seed)
    model = untrained(context(folder), critic_of)
    model.episodes.fill_(episodes)
    return model.to_bytes()


def context(folder: Path, **steering: Any) -> TaskContext:
    task = small_task()
    task = replace(task, steering=replace(task.steering, **steering))
    return TaskContext.of(task, small_policy(folder))


def untrained(context: TaskContext, critic_of: Any = "chunk") -> SteeringModel:
    return SteeringModel(model_shape([context], critic_of), NetworkSizes())


def loop(folder: Path, run_seed: int = 0, steered: bool = True) -> DecisionLoop:
    made = DecisionLoop(small_task(), load_policy(small_policy(folder)), run_seed)
    if steered:
        made.set_weights(1, weights(folder))
    return made


def decide(loop: DecisionLoop, mode: Mode, sequence: int = 0) -> Decision:
    return loop.decide(OBSERVATION, 3, sequence, mode, 11)


@pytest.mark.parametrize("mode", list(Mode))
def test_equal_seeds_decide_equally(tmp_path: Path, mode: Mode) -> None:
    one, other = decide(loop(tmp_path), mode), decide(loop(tmp_path), mode)
    np.testing.assert_array_equal(one.chunk, other.chunk)


def test_the_order_of_decisions_does_not_matter(tmp_path: Path) -> None:
    alone = decide(loop(tmp_path), Mode.EVAL, sequence=5)
    used = loop(tmp_path)
    for sequence in range(5):
        decide(used, Mode.BASE, sequence)
    np.testing.assert_array_equal(decide(used, Mode.EVAL, 5).noise, alone.noise)


def test_every_decision_has_its_own_noise(tmp_path: Path) -> None:
    made = loop(tmp_path)
    assert not np.array_equal(decide(made, Mode.BASE, 0).noise, decide(made, Mode.BASE, 1).noise)


def test_steered_modes_act_as_the_base_policy_until_weights_come(tmp_path: Path) -> None:
    assert decide(loop(tmp_path, steered=False), Mode.TRAIN).source == "base"
    assert decide(loop(tmp_path), Mode.TRAIN).source == "search"


def test_zero_noise_is_zero(tmp_path: Path) -> None:
    decision = decide(loop(tmp_path), Mode.ZERO)
    assert (decision.source, float(np.abs(decision.noise).max())) == ("zero", 0.0)


def test_the_chunk_is_what_the_policy_makes_of_the_recorded_noise(tmp_path: Path) -> None:
    policy, decision = load_policy(small_policy(tmp_path)), decide(loop(tmp_path), Mode.EVAL)
    chunk = policy.decode(policy.encode(OBSERVATION.values[None]), decision.noise[None])[0]
    np.testing.assert_allclose(chunk, decision.chunk, atol=policy.spec.tolerance)


def test_a_search_is_worth_more_to_the_critic_than_one_noise(tmp_path: Path) -> None:
    made, features = selecting(tmp_path, pessimism=0.0), context(tmp_path).features
    model, _ = load_model(weights(tmp_path), context(tmp_path))
    base = torch.from_numpy(decide(made, Mode.BASE).chunk[None])
    seen = torch.from_numpy(OBSERVATION.values[None])
    value = model.value(model.state(features.of_state(seen)), features.of_chunk(seen, base))
    assert decide(made, Mode.EVAL).value > float(value.mean())


def test_what_the_critics_disagree_about_is_worth_less(tmp_path: Path) -> None:
    trusting, careful = (
        decide(selecting(tmp_path, pessimism=pessimism), Mode.EVAL) for pessimism in (0.0, 5.0)
    )
    assert careful.value < trusting.value


def test_a_steered_noise_stays_within_the_bound(tmp_path: Path) -> None:
    bound = small_task().steering.noise_bound
    for mode in (Mode.EVAL, Mode.ACTOR):
        assert np.abs(decide(loop(tmp_path), mode).noise).max() <= bound


def test_weights_of_another_policy_are_refused_and_the_present_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    torch.manual_seed(0)
    foreign = untrained(TaskContext.of(small_task(), small_policy(tmp_path / "other", seed=1)))
    made = loop(tmp_path)
    with pytest.raises(InvalidFile, match="policy_sha256"):
        made.set_weights(2, foreign.to_bytes())
    assert made.weights_version == 1


@pytest.mark.parametrize("broken", [b"no tensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_bytes_that_are_no_weights_are_refused(tmp_path: Path, broken: bytes) -> None:
    with pytest.raises(InvalidFile, match="cannot be read"):
        loop(tmp_path).set_weights(2, broken)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = untrained(context(tmp_path))
    with torch.no_grad():
        model.critic.last_bias.fill_(torch.nan)
    with pytest.raises(InvalidFile, match="finite"):
        loop(tmp_path).set_weights(2, model.to_bytes())


def test_no_weights_at_all_mean_the_base_policy(tmp_path: Path) -> None:
    made = loop(tmp_path)
    made.set_weights(2, b"")
    decision = decide(made, Mode.EVAL)
    assert (decision.source, decision.weights_version) == ("base", 2)


def selecting(folder: Path, critic_of: str = "chunk", **steering: Any) -> DecisionLoop:
    task = context(folder, **steering).task
    made = DecisionLoop(task, load_policy(small_policy(folder)), 0)
    made.set_weights(1, weights(folder, critic_of=critic_of))
    return made


def test_refinements_are_worth_more_than_the_best_of_the_first_noises(tmp_path: Path) -> None:
    values = [
        decide(selecting(tmp_path, selection=how, refinements=3, pessimism=0.0), Mode.EVAL).value
        for how in ("best_of_n", "cem")
    ]
    assert values[0] < values[1]


@pytest.mark.parametrize(("episodes", "looks"), [(10, 4), (11, 6), (12, 10), (14, 25), (16, 80)])
def test_a_search_may_look_further_the_more_its_critics_have_learned_from(
    tmp_path: Path, episodes: int, looks: int
) -> None:
    task = context(tmp_path, warm_up_episodes=10, candidates=64, refinements=1).task
    policy = CountingPolicy(small_policy(tmp_path))
    made = DecisionLoop(task, policy, 0)
    made.set_weights(1, weights(tmp_path, episodes=episodes))
    decide(made, Mode.EVAL)
    assert policy.decoded == looks
    decide(made, Mode.TRAIN)
    assert policy.decoded == looks + 64 + task.steering.refinement_candidates


def test_the_actor_explores_in_training_and_is_greedy_otherwise(tmp_path: Path) -> None:
    made = selecting(tmp_path, selection="actor")
    greedy = [decide(made, mode, n).noise for n, mode in enumerate((Mode.EVAL, Mode.ACTOR))]
    np.testing.assert_array_equal(*greedy)
    explored = [decide(made, Mode.TRAIN, n).noise for n in range(2)]
    assert not np.array_equal(*explored)


def test_a_critic_of_noises_is_searched_and_only_the_best_is_decoded(tmp_path: Path) -> None:
    policy = CountingPolicy(small_policy(tmp_path))
    made = DecisionLoop(small_task(), policy, 0)
    made.set_weights(1, weights(tmp_path, critic_of="noise"))
    assert decide(made, Mode.EVAL).source == "search"
    assert (policy.encoded, policy.decoded) == (1, 1)


def test_a_search_encodes_its_observation_once(tmp_path: Path) -> None:
    policy = CountingPolicy(small_policy(tmp_path))
    made = DecisionLoop(small_task(), policy, 0)
    made.set_weights(1, weights(tmp_path))
    decide(made, Mode.EVAL)
    assert (policy.encoded, policy.decoded) == (1, 8 + 16)
