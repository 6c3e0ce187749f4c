"""Is a chunk as long as the policy file, the task and the policy itself take it to be?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_core.policies.backend import Encoded, PolicyBackend


@dataclass(frozen=True)
class Horizon:
    """Shapes are (horizon, action_dim)."""

    expected: tuple[int, ...]
    given: tuple[int, ...]
    """() where the policy gave no chunk at all."""
    error: str
    """What it said then."""
    is_finite: bool
    accepted: tuple[int, ...]
    """Other horizons of noise that it took without complaint."""
    most_executed: int
    """Steps of a chunk, in what was recorded."""

    @property
    def is_usable(self) -> bool:
        """Whether anything else can be measured."""
        return self.given == self.expected and self.is_finite


def measure_horizon(policy: PolicyBackend, encoded: Encoded, most_executed: int = 0) -> Horizon:
    """Decode noises of the policy file's horizon and of others; `most_executed` is kept.

    Another process's or framework's policy may raise anything; what it says is the finding.
    """
    spec = policy.spec
    expected, given, error, is_finite = spec.chunk_shape, (), "", True
    try:
        chunks = policy.decode(encoded, np.zeros((2, *spec.noise_shape), np.float32))
        given, is_finite = tuple(chunks.shape[1:]), bool(np.isfinite(chunks).all())
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    rows = spec.noise_shape[0]
    others = (rows - 1, rows + 1, 2 * rows)
    accepted = tuple(n for n in others if n > 0 and _accepts(policy, encoded, n))
    return Horizon(expected, given, error, is_finite, accepted, most_executed)


def _accepts(policy: PolicyBackend, encoded: Encoded, horizon: int) -> bool:
    noises = np.zeros((2, horizon, policy.spec.noise_dim), np.float32)
    try:
        policy.decode(encoded, noises)
    except Exception:
        return False
    return True
