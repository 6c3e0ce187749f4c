"""Native policies: sampler, network and what they see are put together from their file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dsrl_core.errors import InvalidFile
from dsrl_core.policies import load_policy
from dsrl_core.policies.native import NativePolicy, network_of
from dsrl_core.policies.networks import Network
from dsrl_core.policies.samplers import Sampler
from dsrl_core.policies.weights import load_weights
from tests.core.native_setup import small_native_policy
from tests.core.vision_setup import random_views

BACKENDS = ["flow_mlp", "flow_unet", "ddim_mlp", "ddim_unet"]
NOISES = np.random.default_rng(0).standard_normal((6, 4, 5), dtype=np.float32)


def by_hand(network: Network, sampler: Sampler, features: torch.Tensor) -> torch.Tensor:
    """Step by step, with the network as it is trained."""
    x = torch.from_numpy(NOISES).flatten(1)
    for index, time in enumerate(sampler.times):
        output = network(x, torch.full((len(x), 1), time), features)
        x = sampler.step(index, x, output)
    return (x * network.chunk_std + network.chunk_mean).view(NOISES.shape)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_computed_beforehand_changes_nothing(tmp_path: Path, backend: str) -> None:
    policy = load_policy(small_native_policy(tmp_path, backend))
    assert isinstance(policy, NativePolicy)
    network = load_weights(network_of(policy.spec), policy.spec)
    assert isinstance(network, Network)
    values, _ = random_views(policy.spec, 6)
    with torch.no_grad():
        features = network.normalise(torch.from_numpy(values))
        wanted = by_hand(network, policy.sampler, features).numpy()
    np.testing.assert_allclose(policy.decode(policy.encode(values), NOISES), wanted, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_native_policy_can_see(tmp_path: Path, backend: str) -> None:
    policy = load_policy(small_native_policy(tmp_path, backend, sees=True))
    values, images = random_views(policy.spec, 1)
    assert images is not None
    encoded = policy.encode(values, images)
    assert encoded.features.shape == (1, policy.spec.features_size)
    dark = policy.decode(policy.encode(values, images // 4), NOISES)
    assert np.abs(policy.decode(encoded, NOISES) - dark).max() > 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_first_rows_of_a_longer_noise_are_played(tmp_path: Path, backend: str) -> None:
    policy = load_policy(small_native_policy(tmp_path, backend, noise_horizon=8))
    noises = np.random.default_rng(0).standard_normal((3, 8, 5), dtype=np.float32)
    assert policy.decode(policy.encode(random_views(policy.spec, 1)[0]), noises).shape == (3, 4, 5)


@pytest.mark.parametrize(
    ("backend", "changes", "words"),
    [
        ("flow_mlp", {"noise_dim": 7}, r"as wide as an action, 5, .* got \(4, 7\)"),
        ("flow_mlp", {"noise_horizon": 2}, r"at least 4 rows; got \(2, 5\)"),
        ("ddim_unet", {"architecture": {"width": 8, "layers": 4}}, "halves its rows 3 times"),
        ("ddim_unet", {"architecture": {"width": 12, "layers": 1}}, "groups of 8"),
        ("ddim_unet", {"architecture": {"width": 0, "layers": 1}}, "width 0"),
        ("ddim_mlp", {"architecture": {"width": 8}}, "lacks layers"),
        ("ddim_mlp", {"settings": {"beta_schedule": "sigmoid"}}, "'sigmoid'; available: squared"),
        ("ddim_mlp", {"settings": {"prediction_type": "v"}}, "'v'; available: epsilon, sample"),
        ("ddim_mlp", {"settings": {"num_train_timesteps": 3}}, "is 3, .* at least the 4"),
        ("ddim_mlp", {"settings": {"num_train_timesteps": True}}, "is True, expected a whole"),
        ("ddim_mlp", {"settings": {"clip_sample_range": -1.0}}, "is -1.0, expected a number >= 0"),
        ("ddim_mlp", {"settings": {"device": "tpu"}}, "'tpu'; available: .*cpu"),
        ("ddim_mlp", {"settings": {"precision": "float8"}}, "'float8'; available: .*bfloat16"),
    ],
)
def test_a_file_that_no_policy_can_be_is_refused(
    tmp_path: Path, backend: str, changes: dict[str, Any], words: str
) -> None:
    spec = small_native_policy(tmp_path, backend)
    with pytest.raises(InvalidFile, match=words):
        load_policy(replace(spec, **changes))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_not_waited_for(tmp_path: Path) -> None:
    spec = small_native_policy(tmp_path, "ddim_mlp", settings={"device": "cuda"})
    with pytest.raises(InvalidFile, match="device is cuda, and this machine has none"):
        load_policy(spec)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bfloat16_is_used_only_within_the_tolerance(
    tmp_path: Path, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"precision": "bfloat16", "device": "cpu"}
    spec = small_native_policy(tmp_path, backend, settings=settings)
    exact = load_policy(replace(spec, settings={"device": "cpu"}))
    encoded = exact.encode(random_views(spec, 1)[0])
    strict, lenient = load_policy(spec), load_policy(replace(spec, tolerance=10.0))
    assert isinstance(strict, NativePolicy)
    assert isinstance(lenient, NativePolicy)
    assert (strict.precision, lenient.precision) == ("float32", "bfloat16")
    assert "decodes in float32: its chunks differ by" in caplog.text
    wanted = exact.decode(encoded, NOISES)
    np.testing.assert_array_equal(strict.decode(encoded, NOISES), wanted)
    rounded = lenient.decode(encoded, NOISES)
    assert rounded.dtype == np.float32
    assert 0 < np.abs(rounded - wanted).max() < 10.0
