"""Does equal noise give equal chunks?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.steering.preflight.chunk_effects import ChunkEffects
from dsrl_core.types import Float32Array


@dataclass(frozen=True)
class Determinism:
    """Differences between decodings that should be equal, in the units of the action."""

    repeated: float
    """Largest, the same noises decoded twice in one batch."""
    batched: float
    """Largest, one by one against in one batch."""
    tolerance: float
    """That the policy's file accepts."""
    chance_share: float
    """Share of the variance over noises that is there under equal noise too; 0 to 1."""


def measure_determinism(
    policy: PolicyBackend, encoded: Sequence[Encoded], noises: Float32Array, ignored: float
) -> Determinism:
    """Noises (n, horizon, noise_dim) at each of these observations; spreads below `ignored`, in
    typical magnitudes, are rounding."""
    effects = ChunkEffects(policy.spec)
    repeated = batched = chance = total = 0.0
    for one in encoded:
        first, second = policy.decode(one, noises), policy.decode(one, noises)
        alone = np.concatenate([policy.decode(one, noise[None]) for noise in noises])
        repeated = max(repeated, float(np.abs(first - second).max()))
        batched = max(batched, float(np.abs(first - alone).max()))
        rows = [effects.typical(chunks) for chunks in (first, second, alone)]
        # Half of the mean squared difference of two draws is the variance of one.
        chance += float(np.mean([(rows[0] - other) ** 2 for other in rows[1:]])) / 2
        total += float(rows[0].var(axis=0, ddof=1).mean())
    share = min(1.0, chance / total) if total > len(encoded) * ignored**2 else 0.0
    return Determinism(repeated, batched, policy.spec.tolerance, share)
