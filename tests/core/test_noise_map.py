"""The shapes of noise that an actor may choose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dsrl_core.errors import InvalidValue
from dsrl_core.steering.noise_map import NoiseMap
from tests.core.steering_setup import CATALOG

POLICY = CATALOG.policy("franka_pick_flow")
STEERING = CATALOG.task("franka_pick").steering


def noise_map(shape: str, bound: float = 2.5, horizon: int = 4, **more: Any) -> NoiseMap:
    steering = replace(STEERING, noise_shape=shape, noise_bound=bound, **more)
    return NoiseMap(steering, replace(POLICY, horizon=horizon))


def test_a_full_noise_is_its_latent_to_the_bit() -> None:
    made = noise_map("full")
    latents = made.sample(np.random.default_rng(0), 3)
    np.testing.assert_array_equal(made.to_noise(latents), latents)


def test_a_repeated_noise_is_one_vector_at_every_step() -> None:
    made = noise_map("repeated")
    noise = made.to_noise(made.sample(np.random.default_rng(0), 3))
    assert noise.shape == (3, 4, 5)
    np.testing.assert_array_equal(noise, noise[:, :1].repeat(4, axis=1))


def test_knots_are_met_and_what_lies_between_is_interpolated() -> None:
    made = noise_map("knots", horizon=5, knots=2)
    latents = made.sample(np.random.default_rng(0), 1)
    noise = made.to_noise(latents)[0]
    np.testing.assert_allclose(noise[[0, -1]], latents[0], rtol=1e-6)
    middle = (latents[0, 0] + latents[0, 1]) / np.sqrt(2)
    np.testing.assert_allclose(noise[2], np.clip(middle, -2.5, 2.5), rtol=1e-5)


@pytest.mark.parametrize("shape", ["full", "repeated", "knots"])
def test_every_step_has_the_variance_that_the_policy_was_trained_on(shape: str) -> None:
    made = noise_map(shape, bound=50.0, horizon=7, knots=3)
    noise = made.to_noise(made.sample(np.random.default_rng(0), 20_000))
    np.testing.assert_allclose(noise.std(axis=(0, 2)), 1.0, atol=0.02)


@pytest.mark.parametrize("bound", [0.5, 1.5, 2.5])
@pytest.mark.parametrize("shape", ["full", "repeated", "knots"])
def test_the_bound_is_what_it_says(shape: str, bound: float) -> None:
    made = noise_map(shape, bound)
    far = np.full((1, *made.latent_shape), 100.0, np.float32)
    assert np.abs(made.to_noise(made.clip(far))).max() == pytest.approx(bound)


@pytest.mark.parametrize("shape", ["full", "repeated", "knots"])
def test_the_latents_of_a_noise_give_it_back(shape: str) -> None:
    made = noise_map(shape, bound=50.0)
    noise = made.to_noise(made.sample(np.random.default_rng(0), 6))
    again = made.flat_to_noise(torch.from_numpy(made.latents_of(noise)))
    np.testing.assert_allclose(again, noise, atol=1e-5)


def test_more_knots_than_steps_are_refused() -> None:
    with pytest.raises(InvalidValue, match="6 knots for a noise of 4"):
        noise_map("knots", knots=6)


def test_latents_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidValue, match=r"expected \(n, 1, 5\)"):
        noise_map("repeated").to_noise(np.zeros((1, 4, 5), np.float32))
