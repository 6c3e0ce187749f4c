"""An episode's images are encoded once in the life of a run, and nothing else is different."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.learning.kept_encodings import KeptEncodings
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.types import Float32Array, UInt8Array
from tests.core.vision_setup import random_views, small_vision_policy


class Counting:
    """Counts how often the policy behind it encodes."""

    def __init__(self, policy: PolicyBackend) -> None:
        self.spec, self._policy, self.times = policy.spec, policy, 0
        self.decode, self.digest, self.close = policy.decode, policy.digest, policy.close

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        self.times += 1
        return self._policy.encode(observations, images)


@pytest.fixture
def policy(tmp_path: Path) -> Counting:
    return Counting(load_policy(small_vision_policy(tmp_path)))


def test_another_start_does_not_encode_again_and_has_the_same_features(
    policy: Counting, tmp_path: Path
) -> None:
    values, images = random_views(policy.spec, 5)
    first = KeptEncodings(policy, tmp_path / "kept").encode(values, images).features
    again = KeptEncodings(policy, tmp_path / "kept").encode(values, images).features
    assert policy.times == 1
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(first, policy.encode(values, images).features)
    assert again.dtype == np.float32


def test_another_observation_image_or_policy_is_encoded_by_itself(
    policy: Counting, tmp_path: Path
) -> None:
    values, images = random_views(policy.spec, 2)
    assert images is not None
    kept = KeptEncodings(policy, tmp_path / "kept")
    other_image = images.copy()
    other_image[1, 0, 3, 3, 0] ^= 1
    for seen in ((values, images), (values + 1, images), (values, other_image)):
        kept.encode(*seen)
    assert policy.times == 3
    policy.spec = replace(policy.spec, weights_sha256="0" * 64)
    KeptEncodings(policy, tmp_path / "kept").encode(values, images)
    assert policy.times == 4


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_file_is_encoded_anew_and_written_again(
    policy: Counting, tmp_path: Path, damage: str
) -> None:
    values, images = random_views(policy.spec, 3)
    kept = KeptEncodings(policy, tmp_path / "kept")
    expected = kept.encode(values, images).features
    (file,) = (tmp_path / "kept").iterdir()
    whole = file.read_bytes()
    damaged = {"cut": whole[:-9], "flipped": whole[:-40] + b"\xff" * 40, "empty": b""}
    file.write_bytes(damaged[damage])
    np.testing.assert_array_equal(kept.encode(values, images).features, expected)
    assert policy.times == 2
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_told_once_and_costs_time_only(
    policy: Counting, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    told: list[str] = []
    kept = KeptEncodings(policy, tmp_path / "kept", told.append)
    values, images = random_views(policy.spec, 1)
    for _ in range(2):
        np.testing.assert_array_equal(
            kept.encode(values, images).features, policy.encode(values, images).features
        )
    assert len(told) == 1
    assert "a new start encodes again" in told[0]


def test_what_is_no_image_is_not_kept(policy: Counting, tmp_path: Path) -> None:
    class Plain(Counting):
        def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
            return Encoded(observations)

    kept = KeptEncodings(Plain(policy), tmp_path / "kept")
    kept.encode(random_views(policy.spec, 1)[0])
    assert not (tmp_path / "kept").exists()
