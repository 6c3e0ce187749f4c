"""Frozen policies that differ in steerability: copies of the shipped ones, altered in process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.types import Float32Array, UInt8Array

Change = Callable[["Altered", Encoded, Float32Array], Float32Array]
"""The altered policy's chunks for an encoding and noises."""


class Altered:
    """`PolicyBackend` that changes what another one is fed or gives."""

    def __init__(self, policy: PolicyBackend, change: Change) -> None:
        self.policy, self.spec = policy, policy.spec
        self.chance = np.random.default_rng(0)
        """For policies that draw numbers of their own."""
        self.waited_s = 0.0
        """Time that decodings would have taken beside their own; nobody waits for it."""
        self._change = change
        fields = policy.spec.action.fields
        self.scale = np.repeat([part.scale for part in fields], [part.size for part in fields])

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        return self.policy.encode(observations, images)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        return np.asarray(self._change(self, encoded, noises), dtype=np.float32)

    def unsteered(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        """What zero noise gives, once for each noise."""
        return self.policy.decode(encoded, np.zeros_like(noises))

    def digest(self) -> str:
        return self.policy.digest()

    def close(self) -> None:
        self.policy.close()


def _narrow(share: float) -> Change:
    return lambda p, e, w: p.policy.decode(e, np.float32(share) * w)


def _stochastic(share: float) -> Change:
    """This share of the noise's variance is drawn inside, whatever is passed in."""

    def change(p: Altered, e: Encoded, w: Float32Array) -> Float32Array:
        own = p.chance.standard_normal(w.shape, dtype=np.float32)
        return p.policy.decode(e, np.float32(np.sqrt(1 - share)) * w + np.float32(share**0.5) * own)

    return change


def _irrelevant(p: Altered, e: Encoded, w: Float32Array) -> Float32Array:
    """Noise turns the hand about its axis, widely, and changes nothing else."""
    chunks = p.unsteered(e, w)
    chunks[..., 3] += 0.3 * p.scale[3] * w[..., 3]
    return chunks


def _another_horizon(p: Altered, e: Encoded, w: Float32Array) -> Float32Array:
    chunks = p.policy.decode(e, w)
    return np.concatenate([chunks, chunks[:, :2]], axis=1)


def _hostile_to_repeated(p: Altered, e: Encoded, w: Float32Array) -> Float32Array:
    """Noises whose mean over the chunk is large, which full noise never gives, throw it off."""
    mean = w.mean(axis=1, keepdims=True)
    off = np.sign(mean) * np.maximum(np.abs(mean) - 1.3, 0.0)
    return p.policy.decode(e, w) + 3.0 * p.scale * off


def _out_of_range(p: Altered, e: Encoded, w: Float32Array) -> Float32Array:
    """Another unit: displacements fifty times too large."""
    chunks = p.policy.decode(e, w)
    chunks[..., :3] *= 50.0
    return chunks


def _slow(p: Altered, e: Encoded, w: Float32Array) -> Float32Array:
    p.waited_s += 0.5
    return p.policy.decode(e, w)


def _saturated(p: Altered, e: Encoded, w: Float32Array) -> Float32Array:
    """Displacements squashed so hard that they stand at a limit, whatever the noise."""
    chunks = p.policy.decode(e, w)
    limit = 0.4 * p.scale[:3]
    chunks[..., :3] = np.clip(40.0 * chunks[..., :3], -limit, limit)
    return chunks


def _never_closes(p: Altered, e: Encoded, w: Float32Array) -> Float32Array:
    """Moves as it did, with an open hand: nothing can succeed."""
    chunks = p.policy.decode(e, w)
    chunks[..., -1] = 0.08
    return chunks


@dataclass(frozen=True)
class Case:
    """A policy, and what is known of it by construction."""

    about: str
    task: str = "franka_pick"
    change: Change | None = None
    defect: str = ""
    """What is wrong with it, whatever the simulator says; then it must not be waved through."""
    is_unusable: bool = False
    """Whether that defect rules steering out."""


CASES: Final[Mapping[str, Case]] = MappingProxyType(
    {
        "pick": Case("as shipped"),
        "place": Case("as shipped", "franka_place"),
        "half": Case("half of the noise", change=_narrow(0.5)),
        "quarter": Case("a quarter of the noise", change=_narrow(0.25)),
        "tenth": Case("a tenth of the noise", change=_narrow(0.1)),
        "fiftieth": Case("a fiftieth of the noise", change=_narrow(0.02)),
        "ignores": Case("ignores noise", change=_narrow(0.0), defect="no choice", is_unusable=True),
        "irrelevant": Case("noise turns the hand only", change=_irrelevant),
        "partly chance": Case(
            "10 % of its noise is its own", change=_stochastic(0.1), defect="chance"
        ),
        "chance": Case(
            "80 % of its noise is its own",
            change=_stochastic(0.8),
            defect="chance",
            is_unusable=True,
        ),
        "horizon": Case(
            "6 rows where the file says 4",
            change=_another_horizon,
            defect="horizon",
            is_unusable=True,
        ),
        "no repeats": Case("thrown off by repeated noise", change=_hostile_to_repeated),
        "out of range": Case(
            "another unit, 50 times", change=_out_of_range, defect="unit", is_unusable=True
        ),
        "slow": Case("half a second per decoding", change=_slow, defect="time", is_unusable=True),
        "saturated": Case("clipped to its limits", change=_saturated),
        "hopeless": Case("never closes the hand", change=_never_closes),
    }
)
