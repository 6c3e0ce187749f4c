"""Does equal noise give equal chunks?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.policies.chunk_effects import ChunkEffects
from dsrl_core.types import Float32Array


@dataclass(frozen=True)
class Determinism:
    """Differences between decodings that should be equal, in the units of the action."""

    within: float
    """Largest, a noise that is twice in one batch."""
    repeated: float
    """Largest, the same batch decoded twice."""
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
    within = repeated = batched = chance = total = 0.0
    for one in encoded:
        first, second = policy.decode(one, noises), policy.decode(one, noises)
        if policy.spec.max_batch > 1:
            pair = policy.decode(one, np.concatenate([noises[:1], noises[:1]]))
            within = max(within, float(np.abs(pair[0] - pair[1]).max()))
        alone = np.concatenate([policy.decode(one, noise[None]) for noise in noises])
        repeated = max(repeated, float(np.abs(first - second).max()))
        batched = max(batched, float(np.abs(first - alone).max()))
        rows = [effects.typical(chunks) for chunks in (first, second, alone)]
        # Half of the mean squared difference of two draws is the variance of one.
        chance += float(np.mean([(rows[0] - other) ** 2 for other in rows[1:]])) / 2
        if len(noises) > 1:
            total += float(rows[0].var(axis=0, ddof=1).mean())
    share = min(1.0, chance / total) if total > len(encoded) * ignored**2 else 0.0
    return Determinism(within, repeated, batched, policy.spec.tolerance, share)
