"""A small policy on two small cameras, for tests of what sees images."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dsrl_core.policies.native import network_of
from dsrl_core.policies.weights import save
from dsrl_core.specs import CameraSpec, PolicySpec
from dsrl_core.types import Float32Array, UInt8Array
from tests.core.steering_setup import CATALOG


def small_vision_policy(folder: Path, seed: int = 0) -> PolicySpec:
    """The shipped policy's file with small images and small random weights in `folder`."""
    torch.manual_seed(seed)
    spec = replace(
        CATALOG.policy("franka_pick_vision_flow"),
        folder=folder,
        cameras=(CameraSpec("scene", 18, 14), CameraSpec("wrist", 18, 14)),
        architecture={"width": 16, "layers": 2, "filters": 4, "keypoints": 4, "pose_width": 16},
        denoising_steps=2,
    )
    save(network_of(spec), str(spec.weights_path))
    digest = hashlib.sha256(spec.weights_path.read_bytes()).hexdigest()
    return replace(spec, weights_sha256=digest)


def random_views(spec: PolicySpec, count: int) -> tuple[Float32Array, UInt8Array | None]:
    """Observations (count, observation_size), and images if the policy sees any."""
    generator = np.random.default_rng(1)
    values = generator.standard_normal((count, spec.observation_size), dtype=np.float32)
    if spec.images_shape is None:
        return values, None
    return values, generator.integers(0, 256, (count, *spec.images_shape), dtype=np.uint8)
