"""One decision: which noise each mode chooses, and that nothing but the seed decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.errors import InvalidFile
from dsrl_core.policies import load_policy
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.steering.noise_map import NoiseMap
from dsrl_core.steering.steering_model import ModelContext, NetworkSizes, SteeringModel
from dsrl_core.types import Decision, Mode, Observation
from tests.core.steering_setup import small_policy, small_task

OBSERVATION = Observation(7, np.linspace(-0.2, 0.4, 9, dtype=np.float32))


def weights(folder: Path, seed: int = 0) -> bytes:
    torch.manual_seed(seed)
    context = ModelContext.of(small_task(), small_policy(folder))
    return SteeringModel(context.shape, NetworkSizes()).to_bytes()


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
    made, context = loop(tmp_path), ModelContext.of(small_task(), small_policy(tmp_path))
    model = context.load(weights(tmp_path))
    base = torch.from_numpy(decide(made, Mode.BASE).chunk[None])
    inputs = context.features.of_state_chunk(torch.from_numpy(OBSERVATION.values[None]), base)
    assert decide(made, Mode.EVAL).value > float(model.critic(inputs).mean())


def test_a_steered_noise_stays_within_the_bound(tmp_path: Path) -> None:
    bound = small_task().steering.noise_bound
    for mode in (Mode.EVAL, Mode.ACTOR):
        assert np.abs(decide(loop(tmp_path), mode).noise).max() <= bound


def test_weights_of_another_policy_are_refused_and_the_present_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    torch.manual_seed(0)
    context = ModelContext.of(small_task(), small_policy(tmp_path / "other", seed=1))
    foreign = SteeringModel(context.shape, NetworkSizes()).to_bytes()
    made = loop(tmp_path)
    with pytest.raises(InvalidFile, match="policy_sha256"):
        made.set_weights(2, foreign)
    assert made.weights_version == 1


@pytest.mark.parametrize("broken", [b"", b"no tensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_bytes_that_are_no_weights_are_refused(tmp_path: Path, broken: bytes) -> None:
    with pytest.raises(InvalidFile, match="cannot be read"):
        loop(tmp_path).set_weights(2, broken)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    context = ModelContext.of(small_task(), small_policy(tmp_path))
    model = SteeringModel(context.shape, NetworkSizes())
    with torch.no_grad():
        model.critic.last_bias.fill_(torch.nan)
    with pytest.raises(InvalidFile, match="finite"):
        loop(tmp_path).set_weights(2, model.to_bytes())


def test_a_repeated_noise_is_one_vector_at_every_step(tmp_path: Path) -> None:
    noise_map = NoiseMap("repeated", small_policy(tmp_path), bound=2.0)
    noise = noise_map.to_noise(noise_map.sample(np.random.default_rng(0), 3))
    assert noise.shape == (3, 4, 5)
    np.testing.assert_array_equal(noise, noise[:, :1].repeat(4, axis=1))
