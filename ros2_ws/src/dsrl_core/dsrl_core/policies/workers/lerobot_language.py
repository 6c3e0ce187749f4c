"""LeRobot's policies on a vision-language model: SmolVLA, pi0, pi0.5, and those that draw their
noise themselves."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.policies.backend import Encoded, check_decode, check_observations
from dsrl_core.policies.workers.injected_noise import InjectedNoise
from dsrl_core.policies.workers.lerobot_checkpoint import Checkpoint
from dsrl_core.types import Float32Array, UInt8Array

_KEPT: Final = 64
"""Observations that are kept for their decodings."""


class LeRobotLanguage:
    """`PolicyBackend`; what it keeps of an observation is too large for the wire and stays here.

    The features are a name for it, made of the observation itself: who decodes long after others
    were encoded has to encode again.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """
        Raises:
            InvalidFile: the file promises features; these policies give none.
        """
        self.spec = checkpoint.spec
        self._checkpoint = checkpoint
        self._takes_noise = self.spec.settings.get("inject_noise") is not True
        self._kept: OrderedDict[bytes, dict[str, Any]] = OrderedDict()
        if self.spec.features_size:
            raise InvalidFile(
                f"policy '{self.spec.name}': features_size is {self.spec.features_size}; expected "
                f"0: a {checkpoint.kind} of LeRobot's shows no features"
            )

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        rows = []
        for row in range(len(observations)):
            values = observations[row : row + 1]
            views = None if images is None else images[row : row + 1]
            name = _name(values, views)
            if bytes(name) not in self._kept:
                self._kept[bytes(name)] = self._checkpoint.batch(values, views)
            self._kept.move_to_end(bytes(name))
            rows.append(name)
        while len(self._kept) > max(_KEPT, len(rows)):
            self._kept.popitem(last=False)
        return Encoded(np.stack(rows))

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        batches = [self._kept[name] for name in map(bytes, encoded.features) if name in self._kept]
        if len(batches) < len(encoded):
            raise InvalidValue(
                f"policy '{self.spec.name}' no longer holds this observation; encode it again"
            )
        noise = torch.tensor(noises, dtype=torch.float32, device=self._checkpoint.device)
        batch = {key: _together([one[key] for one in batches], len(noise)) for key in batches[0]}
        with torch.inference_mode():
            actions = self._actions(batch, noise)
        return self._checkpoint.chunks(actions)

    def digest(self) -> str:
        return self._checkpoint.digest()

    def close(self) -> None:
        """Nothing is held outside this process's memory."""

    def _actions(self, batch: dict[str, Any], noise: Tensor) -> Tensor:
        policy = self._checkpoint.policy
        policy.reset()
        if self._takes_noise:
            return torch.as_tensor(policy.predict_action_chunk(batch, noise=noise))
        with InjectedNoise(noise):
            return torch.as_tensor(policy.predict_action_chunk(batch))


def _name(values: Float32Array, views: UInt8Array | None) -> Float32Array:
    """A name of an observation that any float32 array can hold: its sha256, two bytes a number."""
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes())
    if views is not None:
        digest.update(np.ascontiguousarray(views).tobytes())
    return np.frombuffer(digest.digest(), np.uint16).astype(np.float32)


def _together(parts: list[Any], count: int) -> Any:
    """One batch of `count` of the batches of single observations; a copy, as LeRobot's policies
    change what they are given."""
    first = parts[0]
    if not isinstance(first, Tensor):
        return first
    if len(parts) == 1:
        return first.expand(count, *first.shape[1:]).clone()
    return torch.cat(parts)
