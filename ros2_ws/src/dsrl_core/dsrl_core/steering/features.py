"""What the actor and the critics see, as the task file declares it.

The frozen policy always sees its own observation. A critic that sees where the chunk *leaves* the
tool relative to the object, in several scales, learns from an order of magnitude fewer episodes
than one that sees raw coordinates; which relations matter is a property of the task, so it stands
in the task's file. Every feature is tanh(x / scale): near values finely, far ones roughly.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import FeatureSpec, FieldSpec, PolicySpec


class FeatureMap:
    """Compiled features of one task and policy."""

    def __init__(
        self, features: Sequence[FeatureSpec], policy: PolicySpec, sees_chunk: bool
    ) -> None:
        self._sees_chunk = sees_chunk
        self._observation = _slices(policy.observation)
        self._actions = [
            (self._observation[part.moves], place, part.relative)
            for part, place in zip(
                policy.action.fields, _slices(policy.action.fields).values(), strict=True
            )
            if part.moves is not None and self._require(part.moves)
        ]
        self._chunk_scale = torch.tensor(
            [part.scale for part in policy.action.fields for _ in range(part.size)]
        )
        self._features = tuple(features)
        for feature in self._features:
            self._check(feature)
        example = torch.zeros(1, policy.observation_size)
        chunk = torch.zeros(1, policy.horizon, policy.action_dim)
        self.state_size = self.of_state(example).shape[-1]
        self.state_chunk_size = self.of_state_chunk(example, chunk).shape[-1]

    def of_state(self, observations: Tensor) -> Tensor:
        """(..., observation_size) to (..., state_size): every feature as it is `now`."""
        return torch.cat(
            [self._evaluate(f, observations) for f in self._features if "now" in f.when], dim=-1
        )

    def of_state_chunk(self, observations: Tensor, chunks: Tensor) -> Tensor:
        """Observations (..., observation_size), chunks (..., horizon, action_dim) to inputs of Q^A.

        The state's features, those along or at the end of the chunk, and perhaps the chunk itself.
        """
        parts = [self.of_state(observations)]
        path = self._path(observations, chunks)
        for feature in self._features:
            if "chunk_path" in feature.when:
                parts.append(self._evaluate(feature, path).flatten(-2))
            if "chunk_end" in feature.when:
                parts.append(self._evaluate(feature, path[..., -1, :]))
        if self._sees_chunk:
            parts.append((chunks / self._chunk_scale).flatten(-2))
        return torch.cat(parts, dim=-1)

    def _path(self, observations: Tensor, chunks: Tensor) -> Tensor:
        """The observation after each action as commanded, as if nothing hindered it.

        Shape (..., horizon, observation_size).
        """
        path = observations[..., None, :].repeat_interleave(chunks.shape[-2], dim=-2)
        for field, place, relative in self._actions:
            if relative:
                path[..., field] += chunks[..., place].cumsum(dim=-2)
            else:
                path[..., field] = chunks[..., place]
        return path

    def _evaluate(self, feature: FeatureSpec, observations: Tensor) -> Tensor:
        value = observations[..., self._observation[feature.of]]
        if feature.minus is not None:
            value = value - observations[..., self._observation[feature.minus]]
        if feature.symmetry_rad is not None:
            half = feature.symmetry_rad / 2
            value = torch.remainder(value + half, feature.symmetry_rad) - half
        if feature.rotate_by is not None:
            value = _rotate(value, -observations[..., self._observation[feature.rotate_by]])
        if feature.axes is not None:
            value = value[..., list(feature.axes)]
        value = value - feature.offset
        return torch.cat([torch.tanh(value / scale) for scale in feature.scales], dim=-1)

    def _check(self, feature: FeatureSpec) -> None:
        for name in (feature.of, feature.minus, feature.rotate_by):
            if name is not None:
                self._require(name)
        if (feature.kind == "value") != (feature.minus is None):
            raise InvalidFile(
                f"feature '{feature.name}' of kind {feature.kind}: 'minus' is for difference and "
                "angle, and both need it"
            )
        if (feature.kind == "angle") != (feature.symmetry_rad is not None):
            raise InvalidFile(
                f"feature '{feature.name}' of kind {feature.kind}: 'symmetry_rad' is for angle, "
                "which needs it"
            )

    def _require(self, name: str) -> bool:
        if name not in self._observation:
            raise UnknownName("observation field", name, self._observation)
        return True


def raw_features(policy: PolicySpec) -> tuple[FeatureSpec, ...]:
    """Every field of the observation as it is: the comparison that uses no task knowledge."""
    return tuple(
        FeatureSpec(name=part.name, kind="value", of=part.name, scales=(part.scale,))
        for part in policy.observation
    )


def _slices(fields: Sequence[FieldSpec]) -> dict[str, slice]:
    places, start = {}, 0
    for part in fields:
        places[part.name] = slice(start, start + part.size)
        start += part.size
    return places


def _rotate(value: Tensor, angle: Tensor) -> Tensor:
    """The first two components turned by `angle` (..., 1) [rad]."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    x, y = value[..., 0:1], value[..., 1:2]
    return torch.cat([cos * x - sin * y, sin * x + cos * y, value[..., 2:]], dim=-1)
