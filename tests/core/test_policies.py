"""Frozen policies: loaded only if they are what their file says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dsrl_core.errors import InvalidFile, InvalidValue, UnknownName
from dsrl_core.policies import file_sha256, load_policy
from dsrl_core.specs import PolicySpec, require_horizon
from tests.core.steering_setup import CATALOG, small_policy


def repin(spec: PolicySpec) -> PolicySpec:
    return replace(spec, weights_sha256=file_sha256(spec))


def test_the_shipped_policy_loads_and_its_file_pins_its_weights() -> None:
    spec = CATALOG.policy("franka_pick_flow")
    assert load_policy(spec).spec == spec


def test_weights_with_another_hash_are_refused(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    spec.weights_path.write_bytes(spec.weights_path.read_bytes() + b" ")
    with pytest.raises(InvalidFile, match="pins"):
        load_policy(spec)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    tensors = load_file(spec.weights_path)
    del tensors["chunk_mean"]
    save_file(tensors, spec.weights_path)
    with pytest.raises(InvalidFile, match=r"missing \['chunk_mean'\]"):
        load_policy(repin(spec))


def test_weights_of_another_horizon_are_refused(tmp_path: Path) -> None:
    spec = replace(small_policy(tmp_path), horizon=8)
    with pytest.raises(InvalidFile, match="horizon 8"):
        load_policy(spec)


def test_another_horizon_than_the_policys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="horizon 4, not 8"):
        require_horizon(small_policy(tmp_path), 8)


def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    spec.weights_path.write_bytes(b"not tensors")
    with pytest.raises(InvalidFile, match="safetensors"):
        load_policy(repin(spec))


def test_an_absent_weights_file_is_named(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    spec.weights_path.unlink()
    with pytest.raises(InvalidFile, match="no weights at"):
        load_policy(spec)


def test_an_unknown_backend_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"'onyx'.*flow_mlp"):
        load_policy(replace(small_policy(tmp_path), backend="onyx"))


def test_decoding_does_not_change_the_weights(tmp_path: Path) -> None:
    policy = load_policy(small_policy(tmp_path))
    before = policy.digest()
    policy.decode(policy.encode(np.ones((1, 9), np.float32)), np.ones((3, 4, 5), np.float32))
    assert policy.digest() == before
    assert load_policy(small_policy(tmp_path, seed=1)).digest() != before


def test_an_observation_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    policy = load_policy(small_policy(tmp_path))
    with pytest.raises(InvalidValue, match="not finite"):
        policy.encode(np.full((1, 9), np.nan, np.float32))
