"""From what the actor chooses to the noise that the frozen policy is fed."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from dsrl_core.errors import UnknownName
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array

SHAPES = ("full", "repeated")


class NoiseMap:
    """Latent (rows, noise_dim) to noise (horizon, noise_dim), bounded by |w| <= `bound`.

    full: a noise of its own for every step of the chunk (DSRL on Robomimic). repeated: one vector
    for all steps (DSRL on pi0); it can leave the distribution of a policy trained on full noise.
    """

    def __init__(self, shape: str, policy: PolicySpec, bound: float) -> None:
        if shape not in SHAPES:
            raise UnknownName("noise shape", shape, SHAPES)
        self._horizon = policy.horizon
        self.bound = bound
        self.latent_shape = (policy.horizon if shape == "full" else 1, policy.noise_dim)
        self.latent_size = self.latent_shape[0] * self.latent_shape[1]

    def sample(self, generator: np.random.Generator, count: int) -> Float32Array:
        """`count` latents from N(0, I), clipped to the bound: (count, *latent_shape)."""
        drawn = generator.standard_normal((count, *self.latent_shape), dtype=np.float32)
        return self.clip(drawn)

    def clip(self, latents: Float32Array) -> Float32Array:
        return np.clip(latents, -self.bound, self.bound)

    def to_noise(self, latents: Float32Array) -> Float32Array:
        """(n, *latent_shape) to (n, horizon, noise_dim)."""
        shape = (len(latents), self._horizon, self.latent_shape[1])
        return np.ascontiguousarray(np.broadcast_to(latents, shape))

    def flat_to_noise(self, latents: Tensor) -> Tensor:
        """(n, latent_size) to (n, horizon, noise_dim), for the learner."""
        shaped = latents.reshape(-1, *self.latent_shape)
        return shaped.expand(-1, self._horizon, -1).contiguous()
