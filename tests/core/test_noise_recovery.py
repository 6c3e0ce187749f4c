"""Recovering the noise of a chunk: what a policy can give is found, the rest is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsrl_core.errors import InvalidValue
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.policies.noise_recovery import recover_noise
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array
from tests.core.native_setup import small_native_policy
from tests.core.steering_setup import CATALOG
from tests.core.vision_setup import random_views

NATIVE = ["flow_mlp", "flow_unet", "ddim_mlp", "ddim_unet"]
COUNT = 5


@dataclass(frozen=True)
class BlackBox:
    """A policy of which no more is known than the protocol."""

    inside: PolicyBackend

    @property
    def spec(self) -> PolicySpec:
        return self.inside.spec

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        return self.inside.encode(observations, images)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        return self.inside.decode(encoded, noises)

    def digest(self) -> str:
        return self.inside.digest()

    def close(self) -> None:
        self.inside.close()


def a_decoding(policy: PolicyBackend, count: int = COUNT) -> tuple[Encoded, Float32Array]:
    """Random observations, and the chunks of random noises."""
    values, images = random_views(policy.spec, count)
    encoded = policy.encode(values, images)
    shape = (count, *policy.spec.noise_shape)
    return encoded, policy.decode(
        encoded, np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    )


@pytest.mark.parametrize("sees", [False, True], ids=["state", "images"])
@pytest.mark.parametrize("backend", NATIVE)
def test_the_recovered_noise_gives_the_chunk_back(tmp_path: Path, backend: str, sees: bool) -> None:
    policy = load_policy(small_native_policy(tmp_path, backend, sees))
    encoded, chunks = a_decoding(policy)
    found = recover_noise(policy, encoded, chunks)
    assert found.reached.all(), found.error
    np.testing.assert_array_equal(policy.decode(encoded, found.noises), found.chunks)
    scales = np.repeat(
        [part.scale for part in policy.spec.action.fields],
        [part.size for part in policy.spec.action.fields],
    )
    np.testing.assert_allclose(
        found.error, np.abs((found.chunks - chunks) / scales).max((1, 2)), rtol=1e-5
    )


@pytest.mark.parametrize("backend", ["flow_mlp", "ddim_mlp"])
def test_a_black_boxs_noise_is_found_by_decoding_alone(tmp_path: Path, backend: str) -> None:
    policy = BlackBox(load_policy(small_native_policy(tmp_path, backend, max_batch=100)))
    encoded, chunks = a_decoding(policy)
    found = recover_noise(policy, encoded, chunks)
    assert (found.error < 0.1).all(), found.error
    some = recover_noise(policy, encoded, chunks, directions=8, iterations=150)
    assert (some.error < 0.5).all(), some.error


def test_a_shipped_policys_own_demonstrations_are_found() -> None:
    policy = load_policy(CATALOG.policy("franka_pick_flow"))
    values = np.tile(policy.spec.observation_size * [0.1], (1, 1)).astype(np.float32)
    encoded = policy.encode(values)
    noises = np.random.default_rng(0).standard_normal((20, 4, 5), dtype=np.float32)
    found = recover_noise(policy, encoded, policy.decode(encoded, noises))
    assert found.reached.mean() >= 0.95, found.error


def test_a_chunk_out_of_reach_is_told(tmp_path: Path) -> None:
    policy = load_policy(small_native_policy(tmp_path, "flow_mlp"))
    encoded, chunks = a_decoding(policy)
    chunks[1] += 50.0
    found = recover_noise(policy, encoded, chunks, bound=3.0)
    assert not found.reached[1]
    assert found.error[1] > 1.0
    assert np.abs(found.noises).max() <= 3.0


def test_within_a_bound_no_noise_is_larger(tmp_path: Path) -> None:
    policy = load_policy(small_native_policy(tmp_path, "ddim_unet"))
    encoded, chunks = a_decoding(policy)
    free, tight = (recover_noise(policy, encoded, chunks, bound=b) for b in (None, 0.5))
    assert np.abs(tight.noises).max() <= 0.5
    assert (tight.error >= free.error).all()


def test_a_weight_of_the_prior_gives_likelier_noises(tmp_path: Path) -> None:
    policy = load_policy(small_native_policy(tmp_path, "flow_mlp"))
    encoded, chunks = a_decoding(policy)
    free, likely = (recover_noise(policy, encoded, chunks, prior_weight=p) for p in (0.0, 1e4))
    assert (likely.size < free.size).all()
    np.testing.assert_allclose(likely.size, np.sqrt((likely.noises**2).mean((1, 2))), rtol=1e-5)


def test_a_batch_is_found_as_its_parts_are(tmp_path: Path) -> None:
    policy = load_policy(small_native_policy(tmp_path, "flow_mlp"))
    encoded, chunks = a_decoding(policy)
    together = recover_noise(policy, encoded, chunks)
    for row in range(COUNT):
        rows = slice(row, row + 1)
        one = encoded.rows(rows)
        assert one is not None
        alone = recover_noise(policy, one, chunks[rows])
        np.testing.assert_allclose(alone.chunks[0], together.chunks[row], atol=1e-2)


def test_rows_that_are_not_played_are_free(tmp_path: Path) -> None:
    policy = load_policy(small_native_policy(tmp_path, "ddim_unet", noise_horizon=8))
    encoded, chunks = a_decoding(policy)
    found = recover_noise(policy, encoded, chunks)
    assert found.noises.shape == (COUNT, 8, 5)
    assert found.reached.all(), found.error


def test_the_weights_stay_as_they_are(tmp_path: Path) -> None:
    policy = load_policy(small_native_policy(tmp_path, "ddim_unet"))
    before = policy.digest()
    recover_noise(policy, *a_decoding(policy), iterations=3)
    assert policy.digest() == before


@pytest.mark.parametrize(
    ("chunks", "options", "words"),
    [
        (np.zeros((2, 8, 5), np.float32), {}, r"shape \(n, 4, 5\), got \(2, 8, 5\)"),
        (np.zeros((4, 5), np.float32), {}, r"got \(4, 5\)"),
        (np.zeros((0, 4, 5), np.float32), {}, r"got \(0, 4, 5\)"),
        (np.full((2, 4, 5), np.nan, np.float32), {}, "not all finite"),
        (np.zeros((3, 4, 5), np.float32), {}, "2 observations for 3 chunks"),
        (np.zeros((2, 4, 5), np.float32), {"bound": 0.0}, "bound 0.0"),
        (np.zeros((2, 4, 5), np.float32), {"bound": float("nan")}, "bound nan"),
        (np.zeros((2, 4, 5), np.float32), {"prior_weight": -1.0}, "prior_weight -1.0"),
        (np.zeros((2, 4, 5), np.float32), {"directions": 0}, "directions 0"),
        (np.zeros((2, 4, 5), np.float32), {"iterations": -1}, "iterations -1"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    tmp_path: Path, chunks: Float32Array, options: dict[str, Any], words: str
) -> None:
    policy = load_policy(small_native_policy(tmp_path, "flow_mlp"))
    encoded = policy.encode(random_views(policy.spec, 2)[0])
    with pytest.raises(InvalidValue, match=words):
        recover_noise(policy, encoded, chunks, **options)
