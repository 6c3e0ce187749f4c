"""No policy at all: the "noise" is the action chunk itself, scaled. What RL on actions acts with.

It is a `PolicyBackend` so that a learner of actions runs through the same decision loop, recorder
and replay as a learner of noises, and both can be compared on the same robot and episodes.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from dsrl_core.policies.backend import Encoded, check_decode, check_observations
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array


class DirectActions:
    """chunk = center + scale * w, by the fields of the policy's action."""

    def __init__(self, policy: PolicySpec) -> None:
        self.spec = replace(policy, noise_dim=policy.action_dim, noise_horizon=0)
        fields = policy.action.fields
        self._scale = np.repeat([part.scale for part in fields], [p.size for p in fields])
        self._center = np.repeat([part.center for part in fields], [p.size for p in fields])

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        return Encoded(observations)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        return np.asarray(self._center + self._scale * noises, dtype=np.float32)

    def latents_of(self, chunks: Float32Array) -> Float32Array:
        """Chunks (n, horizon, action_dim) as the w, flat, that gives them."""
        return np.asarray((chunks - self._center) / self._scale, np.float32).reshape(
            len(chunks), -1
        )

    def digest(self) -> str:
        return hashlib.sha256(b"direct actions").hexdigest()

    def close(self) -> None:
        """It holds nothing."""
