"""The one contract of every frozen policy: encode an observation once, decode many noises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array


@dataclass(frozen=True)
class Encoded:
    """What a policy keeps of observations between decodings: features (batch, feature_dim)."""

    features: Float32Array

    def __len__(self) -> int:
        return len(self.features)

    def rows(self, rows: slice) -> Encoded | None:
        """Some of these observations; None where they cannot be taken apart."""
        columns = self._columns()
        return (
            None
            if columns is None
            else self._made_of({name: column[rows] for name, column in columns.items()})
        )

    @staticmethod
    def joined(parts: Sequence[Encoded], counts: Sequence[int]) -> Encoded | None:
        """Several encodings as one with a row for each noise, of which every part has so many;
        None where they cannot be put together."""
        tables = [part._columns() for part in parts]
        first = tables[0]
        if first is None or any(type(part) is not type(parts[0]) for part in parts):
            return None
        joined = {}
        for name in first:
            pieces = []
            for table, part, count in zip(tables, parts, counts, strict=True):
                if table is None or table.keys() != first.keys():
                    return None
                rows = table[name]
                pieces.append(rows if len(part) == count else np.repeat(rows, count, axis=0))
            if len({piece.shape[1:] for piece in pieces}) > 1:
                return None
            joined[name] = np.concatenate(pieces)
        return parts[0]._made_of(joined)

    def _columns(self) -> dict[str, Any] | None:
        """Every field, where each is an array with a row for each observation, or None."""
        values = {part.name: getattr(self, part.name) for part in fields(self)}
        found = {name: value for name, value in values.items() if value is not None}
        for value in found.values():
            if not isinstance(value, np.ndarray) or len(value) != len(self):
                return None
        return found

    def _made_of(self, columns: dict[str, Any]) -> Encoded:
        return replace(self, **columns)


class PolicyBackend(Protocol):
    """A frozen, deterministic decoder a = pi_dp(s, w); stateless, the caller holds any history."""

    @property
    def spec(self) -> PolicySpec: ...

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        """Observations (batch, observation_size), and images (batch, cameras, height, width, 3) of
        a policy that sees any, to features."""
        ...

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        """Noises (n, horizon, noise_dim) to chunks (n, horizon, action_dim).

        `encoded` holds one observation for all noises, or one for each.
        """
        ...

    def digest(self) -> str:
        """sha256 over the weights as they are in memory now: frozen means that it never changes."""
        ...

    def close(self) -> None: ...


def check_decode(spec: PolicySpec, encoded: Encoded, noises: Float32Array) -> None:
    """Refuse noises of the wrong shape before a network turns them into wrong motion."""
    if noises.ndim != 3 or noises.shape[1:] != spec.noise_shape:
        raise InvalidValue(
            f"policy '{spec.name}' takes noises of shape (n, {spec.noise_shape[0]}, "
            f"{spec.noise_shape[1]}), got {noises.shape}"
        )
    if len(encoded) not in (1, len(noises)):
        raise InvalidValue(
            f"{len(encoded)} observations for {len(noises)} noises; expected 1 or as many"
        )
    if len(noises) > spec.max_batch:
        raise InvalidValue(f"{len(noises)} noises in one call; max_batch is {spec.max_batch}")
    if not np.isfinite(noises).all():
        raise InvalidValue(f"noises for policy '{spec.name}' are not all finite")


def check_observations(
    spec: PolicySpec, observations: Float32Array, images: UInt8Array | None = None
) -> None:
    """Refuse observations that are not (batch, observation_size) or not finite, and other images
    than the policy sees."""
    if observations.ndim != 2 or observations.shape[1] != spec.observation_size:
        layout = ", ".join(f"{part.name}({part.size})" for part in spec.observation)
        raise InvalidValue(
            f"policy '{spec.name}' takes observations (batch, {spec.observation_size}) "
            f"laid out as {layout}; got {observations.shape}"
        )
    if not np.isfinite(observations).all():
        raise InvalidValue(f"observation for policy '{spec.name}' is not finite")
    shape = spec.images_shape
    if images is None or shape is None:
        is_seen = images is None and shape is None
    else:
        is_seen = images.shape == (len(observations), *shape) and images.dtype == np.uint8
    if not is_seen:
        expected = None if shape is None else ((len(observations), *shape), "uint8")
        found = None if images is None else (images.shape, str(images.dtype))
        raise InvalidValue(f"policy '{spec.name}' takes images {expected}; got {found}")
