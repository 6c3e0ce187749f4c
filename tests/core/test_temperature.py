"""How strongly an actor is held to its prior, and how several critics become one value."""

from __future__ import annotations

import math

import pytest
import torch

from dsrl_core.learning.ensembles import follow, reduced, saturation
from dsrl_core.learning.temperature import Temperature, TemperatureConfig

DENSITY = torch.tensor([-3.0, -1.0, 2.0])
LATENTS = torch.zeros(3, 2)


def test_a_fixed_temperature_stays() -> None:
    made = Temperature(TemperatureConfig(initial=0.2), 2)
    made.update(DENSITY)
    assert float(made.alpha) == pytest.approx(0.2)


@pytest.mark.parametrize(("penalty", "rises"), [(5.0, True), (-5.0, False)])
def test_it_rises_while_the_entropy_is_below_its_target(penalty: float, rises: bool) -> None:
    made = Temperature(TemperatureConfig(initial=0.2, learning_rate=0.01, target=0.5), 2)
    made.update(torch.full((3,), penalty))
    assert (float(made.alpha) > 0.2) is rises


@pytest.mark.parametrize(("divergence", "rises"), [(5.0, True), (0.5, False)])
def test_it_rises_while_the_divergence_is_above_its_target(divergence: float, rises: bool) -> None:
    config = TemperatureConfig(prior="normal", initial=0.2, learning_rate=0.01, target=1.0)
    made = Temperature(config, 2)
    made.update(torch.full((3,), divergence))
    assert (float(made.alpha) > 0.2) is rises


def test_the_divergence_from_the_policys_own_noise_is_zero_for_that_noise() -> None:
    made = Temperature(TemperatureConfig(prior="normal"), 2)
    latents = torch.randn(5, 2)
    density = torch.distributions.Normal(0.0, 1.0).log_prob(latents).sum(dim=1)
    torch.testing.assert_close(made.penalty(latents, density), torch.zeros(5))


def test_a_bonus_in_the_target_is_capped_and_absent_unless_asked_for() -> None:
    capped = TemperatureConfig(initial=0.5, in_target=True, bonus_max=0.2)
    torch.testing.assert_close(
        Temperature(capped, 2).bonus(LATENTS, DENSITY), torch.tensor([0.2, 0.2, -1.0])
    )
    assert Temperature(TemperatureConfig(initial=0.5), 2).bonus(LATENTS, DENSITY) == 0.0


def test_reductions_of_an_ensemble() -> None:
    values = torch.tensor([[1.0, 4.0], [3.0, 2.0], [5.0, 9.0]])
    assert reduced(values, "min").tolist() == [1.0, 2.0]
    assert reduced(values, "mean").tolist() == [3.0, 5.0]
    generator = torch.Generator().manual_seed(0)
    subsets = {tuple(reduced(values, "min", 2, generator).tolist()) for _ in range(50)}
    assert subsets == {(1.0, 2.0), (1.0, 4.0), (3.0, 2.0)}


def test_a_target_network_follows_by_its_share() -> None:
    target, source = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    before = target.weight.clone()
    follow(target, source, 0.25)
    torch.testing.assert_close(target.weight, 0.75 * before + 0.25 * source.weight)


def test_saturation_is_the_share_at_the_bound() -> None:
    assert float(saturation(torch.tensor([2.5, -2.5, 0.0, 1.0]), 2.5)) == 0.5
    assert math.isfinite(float(saturation(torch.zeros(4), 2.5)))
