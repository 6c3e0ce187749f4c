"""Choosing a noise by what its chunk is worth: sample, decode, score by Q^A, refine.

Best of N with rounds of the cross-entropy method. The critic is fresh long before an actor that
was distilled from it is, which removes the dip at the start of learning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.specs import SteeringSpec
from dsrl_core.steering.features import FeatureMap
from dsrl_core.steering.networks import Ensemble
from dsrl_core.steering.noise_map import NoiseMap
from dsrl_core.types import Float32Array


@dataclass(frozen=True)
class Choice:
    """A latent, what the policy was fed, what it gave, and what the critic thinks of it."""

    latent: Float32Array
    noise: Float32Array
    chunk: Float32Array
    value: float


class NoiseSearch:
    """Cross-entropy search over noises through the frozen policy."""

    ELITE_STD_MIN = 0.15
    """Spread that a refinement keeps, so that equal elites still explore."""

    def __init__(self, spec: SteeringSpec, features: FeatureMap, noise_map: NoiseMap) -> None:
        self._spec, self._features, self._noise_map = spec, features, noise_map

    def best(
        self,
        policy: PolicyBackend,
        encoded: Encoded,
        observation: Tensor,
        critic: Ensemble,
        generator: np.random.Generator,
    ) -> Choice:
        """The noise of highest ensemble mean for one observation (1, observation_size)."""
        latents = self._noise_map.sample(generator, self._spec.candidates)
        best = self._score(policy, encoded, observation, critic, latents)
        kept = best
        for _ in range(self._spec.refinements):
            elites = kept[: self._spec.elites]
            chosen = np.stack([choice.latent for choice in elites])
            mean, std = chosen.mean(axis=0), chosen.std(axis=0)
            drawn = generator.standard_normal(
                (self._spec.refinement_candidates, *mean.shape), dtype=np.float32
            )
            latents = self._noise_map.clip(mean + np.maximum(std, self.ELITE_STD_MIN) * drawn)
            kept = sorted(
                kept[: self._spec.elites]
                + self._score(policy, encoded, observation, critic, latents),
                key=lambda choice: -choice.value,
            )
        return kept[0]

    def _score(
        self,
        policy: PolicyBackend,
        encoded: Encoded,
        observation: Tensor,
        critic: Ensemble,
        latents: Float32Array,
    ) -> list[Choice]:
        """Every latent with its value, best first."""
        noises = self._noise_map.to_noise(latents)
        chunks = policy.decode(encoded, noises)
        with torch.inference_mode():
            inputs = self._features.of_state_chunk(
                observation.expand(len(chunks), -1), torch.from_numpy(chunks)
            )
            values = critic(inputs).mean(dim=0).numpy()
        order = np.argsort(-values, kind="stable")
        return [Choice(latents[i], noises[i], chunks[i], float(values[i])) for i in order]
