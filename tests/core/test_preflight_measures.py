"""The figures of a preflight on distributions whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.policies.chunk_effects import ChunkEffects
from dsrl_core.steering.preflight.distances import Support, energy_distance
from dsrl_core.steering.preflight.noise_kinds import BASE, NoiseKind, shapes_for
from dsrl_core.steering.preflight.sensitivity import count_behaviours, participation_ratio
from dsrl_core.types import Float64Array
from tests.core.preflight_setup import SCALE, SPEC, TASK, MadePolicy, examined

RNG = np.random.default_rng(1000)


def normal(rows: int, dim: int = 3, shift: float = 0.0) -> Float64Array:
    return RNG.standard_normal((rows, dim)) + shift


def test_behaviours_are_counted() -> None:
    same = np.zeros((60, 2))
    assert count_behaviours(same, 0.05) == pytest.approx(1.0)
    three = np.repeat(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 20, axis=0)
    # A little more than three, as no draw is compared with itself.
    assert count_behaviours(three, 0.05) == pytest.approx(3.0, rel=0.05)


def test_directions_are_counted() -> None:
    line = np.outer(np.linspace(-1, 1, 50), [1.0, 2.0, 0.0])
    assert participation_ratio(line) == pytest.approx(1.0)
    assert participation_ratio(normal(4000, 4)) == pytest.approx(4.0, rel=0.05)
    assert participation_ratio(np.zeros((5, 3))) == 0.0


def test_two_samples_of_one_distribution_are_within_chance() -> None:
    pairs = [(normal(40), normal(40)) for _ in range(10)]
    found = energy_distance(pairs, np.random.default_rng(0))
    assert found.p > 0.01
    assert found.energy < 2 * found.floor


def test_another_distribution_is_told_and_how_far_it_is() -> None:
    def shifted(shift: float) -> float:
        pairs = [(normal(40), normal(40, shift=shift)) for _ in range(4)]
        found = energy_distance(pairs, np.random.default_rng(0))
        assert found.p < 0.01
        return found.energy

    assert shifted(1.0) < shifted(3.0) < 1.0


def test_chunks_that_are_all_equal_are_at_no_distance() -> None:
    pairs = [(np.zeros((10, 3)), np.zeros((10, 3)))]
    found = energy_distance(pairs, np.random.default_rng(0))
    assert (found.energy, found.p) == (0.0, 1.0)
    assert Support([np.zeros((20, 3))]).outside([np.zeros((10, 3))]) == 0.0


def test_one_in_a_hundred_of_its_own_is_off_support_and_all_far_ones() -> None:
    support = Support([normal(200) for _ in range(10)])
    assert support.outside([normal(200) for _ in range(10)]) < 0.03
    assert support.outside([normal(50, shift=9.0) for _ in range(10)]) == 1.0


def test_effects_of_motion_add_up_and_the_gripper_goes_to_its_levels() -> None:
    rows = np.zeros((1, 4, 5), np.float32)
    rows[0, :, 0] = [0.02, 0.02, 0.0, 0.0]
    rows[0, :, 4] = [0.07, 0.06, 0.03, 0.01]
    effect = ChunkEffects(SPEC).effect(rows)[0]
    assert effect[0] == pytest.approx(0.5)
    assert effect[4] == pytest.approx(0.0), "half of the rows open, half close"


def test_spread_is_that_of_the_formula() -> None:
    found = examined(MadePolicy()).sensitivity
    assert found is not None
    assert np.allclose(np.array(found.spread)[:, :4], 0.3, rtol=0.15)
    assert np.allclose(np.array(found.spread)[:, 4], 0.0)
    assert found.columns[0] == "tool_displacement[0]"
    assert len(found.columns) == len(SCALE)


def test_a_linear_policy_spreads_more_under_repeated_noise_and_is_as_smooth_as_it() -> None:
    measured = examined(MadePolicy())
    assert measured.own is not None
    assert measured.own.reach_ratio == pytest.approx(1.0, abs=0.15)
    repeated = measured.shapes[-1]
    assert repeated.kind.shape == "repeated"
    assert repeated.latent_size == 5
    assert repeated.reach_ratio > 1.4
    assert repeated.roughness_ratio == pytest.approx(0.0)


def test_noises_are_of_their_kind() -> None:
    def drawn(kind: NoiseKind) -> np.ndarray:
        return kind.sample(SPEC, TASK.steering, np.random.default_rng(0), 200)

    assert np.abs(drawn(BASE)).max() > 3.0
    assert np.abs(drawn(NoiseKind("full", 1.5))).max() == 1.5
    assert (np.abs(drawn(NoiseKind("full", 2.0, "corners"))) == 2.0).all()
    repeated = drawn(NoiseKind("repeated", 1.5, "box"))
    assert (repeated == repeated[:, :1]).all()
    assert [kind.name for kind in shapes_for(SPEC, 2.5)] == [
        "full, clipped 2.5",
        "knots 2, clipped 2.5",
        "repeated, clipped 2.5",
    ]
