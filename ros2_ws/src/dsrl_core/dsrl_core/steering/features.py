"""What the actor and the critics see, as the task file declares it.

The frozen policy always sees its own observation. A critic that sees where the chunk *leaves* the
tool relative to the object, in several scales, learns from an order of magnitude fewer episodes
than one that sees raw coordinates; which relations matter is a property of the task, so it stands
in the task's file. Every feature is tanh(x / scale): near values finely, far ones roughly.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import FeatureSpec, PolicySpec, TaskSpec
from dsrl_core.steering.roll_forward import moved_by_actions, slices_of
from dsrl_core.types import Float32Array


class FeatureMap:
    """Compiled features of one task and policy.

    They are read off what is `seen`: the observation's values, and behind them the features of the
    policy's encoder where the task's file asks for them. Which of those estimate a field of the
    robot (where the object is, from images) the policy's file says.
    """

    def __init__(self, task: TaskSpec, policy: PolicySpec) -> None:
        """
        Raises:
            UnknownName: a feature or an action names a field that there is not.
            InvalidFile: a feature does not fit its kind, or the policy tells no features_size.
        """
        self._sees_chunk = task.critic_sees_chunk
        self._fields = _places(policy)
        self._values_size = policy.observation_size
        self._sees_encoded = task.policy_features or bool(policy.estimates)
        self._encoded_is_state = task.policy_features
        if self._sees_encoded and not policy.features_size:
            raise InvalidFile(
                f"task '{task.name}' shows features of policy '{policy.name}' to the critics; "
                "expected features_size in the policy's file"
            )
        self.seen_size = policy.observation_size + self._sees_encoded * policy.features_size
        self._actions = moved_by_actions(policy, self._fields)
        self._chunk_scale = torch.tensor(
            [part.scale for part in policy.action.fields for _ in range(part.size)]
        )
        self._features = tuple(task.features)
        for feature in self._features:
            self._check(feature)
        if not self._sees_chunk and all(set(f.when) == {"now"} for f in self._features):
            raise InvalidFile(
                f"the critics of task '{task.name}' see nothing of a chunk; expected a feature "
                "with chunk_path or chunk_end in 'when', or critic_sees_chunk: true"
            )
        example = torch.zeros(1, self.seen_size)
        chunk = torch.zeros(1, policy.horizon, policy.action_dim)
        self.state_size = self.of_state(example).shape[-1]
        self.chunk_size = self.of_chunk(example, chunk).shape[-1]

    def see(self, values: Float32Array, encoded: Float32Array) -> Tensor:
        """Observations (n, observation_size) and their encodings (n, features_size): (n, seen)."""
        if not self._sees_encoded:
            return torch.from_numpy(values)
        return torch.from_numpy(np.concatenate([values, encoded], axis=1))

    def of_state(self, seen: Tensor) -> Tensor:
        """(..., seen_size) to (..., state_size): every feature as it is `now`."""
        parts = [self._evaluate(f, seen) for f in self._features if "now" in f.when]
        if self._encoded_is_state:
            parts.append(seen[..., self._values_size :])
        return torch.cat(parts, dim=-1)

    def of_chunk(self, seen: Tensor, chunks: Tensor) -> Tensor:
        """What chunks (..., horizon, action_dim) lead to: (..., chunk_size).

        The features along the chunk or at its end, and perhaps the chunk itself.
        """
        parts = []
        path = self._path(seen, chunks)
        for feature in self._features:
            if "chunk_path" in feature.when:
                parts.append(self._evaluate(feature, path).flatten(-2))
            if "chunk_end" in feature.when:
                parts.append(self._evaluate(feature, path[..., -1, :]))
        if self._sees_chunk:
            parts.append((chunks / self._chunk_scale).flatten(-2))
        return torch.cat(parts, dim=-1)

    def _path(self, seen: Tensor, chunks: Tensor) -> Tensor:
        """What is seen after each action as commanded, as if nothing hindered it.

        Shape (..., horizon, seen_size).
        """
        path = seen[..., None, :].repeat_interleave(chunks.shape[-2], dim=-2)
        for field, place, relative in self._actions:
            if relative:
                path[..., field] += chunks[..., place].cumsum(dim=-2)
            else:
                path[..., field] = chunks[..., place]
        return path

    def _evaluate(self, feature: FeatureSpec, seen: Tensor) -> Tensor:
        value = seen[..., self._fields[feature.of]]
        if feature.minus is not None:
            value = value - seen[..., self._fields[feature.minus]]
        if feature.symmetry_rad is not None:
            half = feature.symmetry_rad / 2
            value = torch.remainder(value + half, feature.symmetry_rad) - half
        if feature.rotate_by is not None:
            value = _rotate(value, -seen[..., self._fields[feature.rotate_by]])
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
        if name not in self._fields:
            raise UnknownName("observation field", name, self._fields)
        return True


def raw_features(policy: PolicySpec) -> tuple[FeatureSpec, ...]:
    """Every field of the observation as it is: the comparison that uses no task knowledge."""
    return tuple(
        FeatureSpec(name=part.name, kind="value", of=part.name, scales=(part.scale,))
        for part in policy.observation
    )


def _places(policy: PolicySpec) -> dict[str, slice | list[int]]:
    """Where every field stands in what is seen: measured ones, then the encoder's estimates."""
    places: dict[str, slice | list[int]] = dict(slices_of(policy.observation))
    for name, indices in policy.estimates.items():
        if name in places or any(not 0 <= index < policy.features_size for index in indices):
            raise InvalidFile(
                f"policy '{policy.name}' estimates '{name}' at {list(indices)}; expected a field "
                f"that it does not observe and places below features_size {policy.features_size}"
            )
        places[name] = [policy.observation_size + index for index in indices]
    return places


def _rotate(value: Tensor, angle: Tensor) -> Tensor:
    """The first two components turned by `angle` (..., 1) [rad]."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    x, y = value[..., 0:1], value[..., 1:2]
    return torch.cat([cos * x - sin * y, sin * x + cos * y, value[..., 2:]], dim=-1)
