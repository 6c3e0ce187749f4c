"""LeRobot's policies on a vision-language model: SmolVLA, pi0, pi0.5, and those that draw their
noise themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.backend import Encoded, check_decode, check_observations
from dsrl_core.policies.workers.injected_noise import InjectedNoise
from dsrl_core.policies.workers.lerobot_checkpoint import Checkpoint
from dsrl_core.types import Float32Array, UInt8Array


@dataclass(frozen=True)
class Prepared(Encoded):
    """Observations as the model is given them; `features` are empty, a row for each."""

    batch: dict[str, Any]


class LeRobotLanguage:
    """`PolicyBackend`; every decoding runs the whole model, as LeRobot's own call does."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """
        Raises:
            InvalidFile: the file promises features; these policies give none.
        """
        self.spec = checkpoint.spec
        self._checkpoint = checkpoint
        self._takes_noise = self.spec.settings.get("inject_noise") is not True
        if self.spec.features_size:
            raise InvalidFile(
                f"policy '{self.spec.name}': features_size is {self.spec.features_size}; expected "
                f"0: a {checkpoint.kind} of LeRobot's shows no features"
            )

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        features = np.zeros((len(observations), 0), np.float32)
        return Prepared(features, self._checkpoint.batch(observations, images))

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        assert isinstance(encoded, Prepared)
        noise = torch.tensor(noises, dtype=torch.float32, device=self._checkpoint.device)
        # Copies: LeRobot's policies change what they are given.
        batch = {key: _rows(value, len(noise)) for key, value in encoded.batch.items()}
        policy = self._checkpoint.policy
        policy.reset()
        with torch.inference_mode():
            if self._takes_noise:
                actions = policy.predict_action_chunk(batch, noise=noise)
            else:
                with InjectedNoise(noise):
                    actions = policy.predict_action_chunk(batch)
        return self._checkpoint.chunks(actions)

    def digest(self) -> str:
        return self._checkpoint.digest()

    def close(self) -> None:
        """Nothing is held outside this process's memory."""


def _rows(value: Any, count: int) -> Any:
    """A copy with a row for each noise; what is no tensor as it is."""
    return value.expand(count, *value.shape[1:]).clone() if isinstance(value, Tensor) else value
