"""Small policies of every native backend, on a state vector or on images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dsrl_core.policies.native import network_of
from dsrl_core.policies.weights import save
from dsrl_core.specs import PolicySpec
from tests.core.steering_setup import small_policy
from tests.core.vision_setup import small_vision_policy


def small_native_policy(
    folder: Path, backend: str, sees: bool = False, **changes: Any
) -> PolicySpec:
    """A policy's file with small random weights in `folder`, its values changed by these."""
    spec = small_vision_policy(folder) if sees else small_policy(folder)
    sizes = spec.architecture | ({"width": 16} if backend.endswith("unet") else {})
    spec = replace(spec, backend=backend, architecture=sizes, denoising_steps=4)
    spec = replace(spec, **changes)
    torch.manual_seed(0)
    save(network_of(spec), str(spec.weights_path))
    return replace(spec, weights_sha256=hashlib.sha256(spec.weights_path.read_bytes()).hexdigest())


def small(backend: str, sees: bool = False) -> Callable[[Path], PolicySpec]:
    """Makes one in a folder."""
    return lambda folder: small_native_policy(folder, backend, sees)
