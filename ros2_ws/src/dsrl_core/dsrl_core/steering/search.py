"""Choosing a noise by what it is worth: sample, score by the critic, refine.

Best of N, with rounds of the cross-entropy method if asked for. The critic is fresh long before an
actor that was distilled from it is, which removes the dip at the start of learning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.specs import SteeringSpec
from dsrl_core.steering.noise_map import NoiseMap
from dsrl_core.types import Float32Array


@dataclass(frozen=True)
class Candidates:
    """Latents (n, *latent_shape) with their values (n,), and their chunks if they were decoded."""

    latents: Float32Array
    values: Float32Array
    chunks: Float32Array | None

    def best(self, count: int) -> Candidates:
        """The `count` most valuable ones, best first; of equals the earlier."""
        order = np.argsort(-self.values, kind="stable")[:count]
        chunks = None if self.chunks is None else self.chunks[order]
        return Candidates(self.latents[order], self.values[order], chunks)

    def with_others(self, others: Candidates) -> Candidates:
        chunks = None
        if self.chunks is not None and others.chunks is not None:
            chunks = np.concatenate([self.chunks, others.chunks])
        return Candidates(
            np.concatenate([self.latents, others.latents]),
            np.concatenate([self.values, others.values]),
            chunks,
        )


Score = Callable[[Float32Array], Candidates]
"""Latents (n, *latent_shape) to candidates."""


class NoiseSearch:
    """Search over latents; `selection` best_of_n stops after the first round."""

    ELITE_STD_MIN: Final = 0.15
    """Spread that a refinement keeps, so that equal elites still explore."""

    def __init__(self, spec: SteeringSpec, noise_map: NoiseMap, candidates: int) -> None:
        """`candidates`: how many are looked at; a search of less than all is not refined."""
        self._spec, self._noise_map, self._candidates = spec, noise_map, candidates
        is_whole = candidates == spec.candidates
        self._rounds = spec.refinements if spec.selection == "cem" and is_whole else 0

    def best(self, score: Score, generator: np.random.Generator) -> Candidates:
        """The one of highest score."""
        spec = self._spec
        kept = score(self._noise_map.sample(generator, self._candidates)).best(spec.elites)
        for _ in range(self._rounds):
            mean, std = kept.latents.mean(axis=0), kept.latents.std(axis=0)
            drawn = generator.standard_normal(
                (spec.refinement_candidates, *mean.shape), dtype=np.float32
            )
            tried = self._noise_map.clip(mean + np.maximum(std, self.ELITE_STD_MIN) * drawn)
            kept = kept.with_others(score(tried)).best(spec.elites)
        return kept.best(1)
