"""What a policy is asked with, and what an answer is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np

from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

_NOISES: Final = 8


class Verdict(StrEnum):
    """Of a probe; a refused policy is not served."""

    OK = "ok"
    WARN = "warn"
    REFUSED = "refused"


@dataclass(frozen=True)
class Probe:
    """One question and its answer, for people; numbers in `values`."""

    name: str
    verdict: Verdict
    found: str
    expected: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """What a policy is asked with: observations (n, observation_size), images, noises."""

    observations: Float32Array
    images: UInt8Array | None
    noises: Float32Array

    @staticmethod
    def recorded(
        spec: PolicySpec, observations: Float32Array, images: UInt8Array | None, seed: int = 0
    ) -> Sample:
        """Observations that a robot saw, at least one, and some noises."""
        if len(observations) == 1:
            observations = np.repeat(observations, 2, axis=0)
            images = None if images is None else np.repeat(images, 2, axis=0)
        return Sample(observations, images, _noises(spec, np.random.default_rng(seed)))

    @staticmethod
    def random(spec: PolicySpec, seed: int = 0) -> Sample:
        """Two observations of the magnitudes that the policy file tells, and some noises."""
        generator = np.random.default_rng(seed)
        sizes = [part.size for part in spec.observation]
        scales = np.repeat([part.scale for part in spec.observation], sizes)
        centers = np.repeat([part.center for part in spec.observation], sizes)
        drawn = generator.standard_normal((2, spec.observation_steps, spec.step_size))
        observations = (centers + scales * drawn).reshape(2, -1).astype(np.float32)
        shape = spec.images_shape
        images = None
        if shape is not None:
            images = generator.integers(0, 256, (2, *shape), dtype=np.uint8)
        return Sample(observations, images, _noises(spec, generator))

    def __len__(self) -> int:
        return len(self.observations)

    def encoded(self, policy: PolicyBackend, place: int) -> Encoded:
        """One of the observations."""
        rows = slice(place, place + 1)
        return policy.encode(
            self.observations[rows], None if self.images is None else self.images[rows]
        )


def _noises(spec: PolicySpec, generator: np.random.Generator) -> Float32Array:
    """Two of them at least, so that their chunks can be compared."""
    return generator.standard_normal((_NOISES, *spec.noise_shape), dtype=np.float32)


def decoded(policy: PolicyBackend, encoded: Encoded, noises: Float32Array) -> Float32Array:
    """Chunks of one observation, as many noises at a time as the policy takes."""
    size = policy.spec.max_batch
    parts = [policy.decode(encoded, noises[i : i + size]) for i in range(0, len(noises), size)]
    return np.concatenate(parts)
