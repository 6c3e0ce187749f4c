"""From what the actor chooses to the noise that the frozen policy is fed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import PolicySpec, SteeringSpec
from dsrl_core.types import Float32Array

if TYPE_CHECKING:
    # Not loaded: the episode manager names kinds of noise, and has no other use for it.
    from torch import Tensor


class NoiseMap:
    """Latent (rows, noise_dim) to noise (horizon, noise_dim), bounded by |w| <= `bound`.

    full: a noise of its own for every step of the chunk (DSRL on Robomimic). repeated: one vector
    for all steps (DSRL on pi0); it can leave the distribution of a policy trained on full noise.
    knots: a few vectors, the steps between them interpolated, so that what a latent changes is
    smooth in time; interpolated noise is rescaled to the unit variance that the policy expects.
    """

    def __init__(self, steering: SteeringSpec, policy: PolicySpec) -> None:
        """
        Raises:
            InvalidValue: more knots than the policy's noise has rows.
        """
        self.bound = steering.noise_bound
        self._weights = _weights(steering, policy.noise_shape[0])
        self.latent_shape = (self._weights.shape[1], policy.noise_dim)
        self.latent_size = self.latent_shape[0] * self.latent_shape[1]

    def sample(self, generator: np.random.Generator, count: int) -> Float32Array:
        """`count` latents from N(0, I), clipped to the bound: (count, *latent_shape)."""
        drawn = generator.standard_normal((count, *self.latent_shape), dtype=np.float32)
        return self.clip(drawn)

    def clip(self, latents: Float32Array) -> Float32Array:
        return np.clip(latents, -self.bound, self.bound)

    def to_noise(self, latents: Float32Array) -> Float32Array:
        """(n, *latent_shape) to (n, horizon, noise_dim), within the bound.

        Raises:
            InvalidValue: latents of another shape.
        """
        if latents.shape[1:] != self.latent_shape:
            raise InvalidValue(
                f"latents of shape {latents.shape}, expected (n, {self.latent_shape[0]}, "
                f"{self.latent_shape[1]})"
            )
        # Exact where nothing is interpolated: a full noise is its latent, to the bit.
        if len(self._weights) == self.latent_shape[0]:
            return np.ascontiguousarray(latents)
        noises: Float32Array = np.einsum("hk,nkd->nhd", self._weights, latents)
        return self.clip(noises)

    def flat_to_noise(self, latents: Tensor) -> Float32Array:
        """(n, latent_size) to (n, horizon, noise_dim), for the learner."""
        return self.to_noise(latents.detach().reshape(-1, *self.latent_shape).numpy())

    def latents_of(self, noises: Float32Array) -> Float32Array:
        """The latents (n, latent_size) whose noise is nearest to noises (n, horizon, noise_dim).

        By least squares; exact where the noise came from a latent of this map.
        """
        if len(self._weights) == self.latent_shape[0]:
            return noises.reshape(len(noises), -1)
        inverse = np.linalg.pinv(self._weights).astype(np.float32)
        latents: Float32Array = np.einsum("kh,nhd->nkd", inverse, noises)
        return np.ascontiguousarray(latents).reshape(len(noises), -1)


def _weights(steering: SteeringSpec, horizon: int) -> Float32Array:
    """Shape (horizon, rows): how much of every row of a latent each step of the chunk takes."""
    if steering.noise_shape == "full":
        return np.eye(horizon, dtype=np.float32)
    if steering.noise_shape == "repeated":
        return np.ones((horizon, 1), dtype=np.float32)
    if steering.knots > horizon:
        raise InvalidValue(
            f"{steering.knots} knots for a noise of {horizon} rows; expected at most {horizon}"
        )
    places = np.linspace(0, steering.knots - 1, horizon)
    weights = np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(steering.knots)))
    return np.asarray(weights / np.linalg.norm(weights, axis=1, keepdims=True), dtype=np.float32)
