"""Networks of the native policies: an MLP and a 1-D U-Net, with the normalisation inside.

A network says for a noisy chunk x, a time and an observation's features what its sampler needs: a
flow's velocity, or a diffusion's noise or sample. Its work falls into the part of the times, which
is known beforehand, that of the features, done once per observation (encode once, decode many), and
the rest, done at every step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

TIME_FREQUENCIES = 4
Parts = list[Tensor]
"""What a network makes of a time, or of features: one tensor for each of its layers that ask."""


@dataclass(frozen=True)
class NetworkShape:
    """Sizes that the weights must have."""

    observation_size: int
    rows: int
    """Actions in what the network gives; a policy may play fewer."""
    action_dim: int
    width: int
    layers: int

    @property
    def chunk_size(self) -> int:
        return self.rows * self.action_dim


class Network(nn.Module, ABC):
    """What a sampler is given, with the normalisation of observations and chunks."""

    observation_mean: Tensor
    observation_std: Tensor
    chunk_mean: Tensor
    chunk_std: Tensor

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("observation_mean", torch.zeros(shape.observation_size))
        self.register_buffer("observation_std", torch.ones(shape.observation_size))
        self.register_buffer("chunk_mean", torch.zeros(shape.chunk_size))
        self.register_buffer("chunk_std", torch.ones(shape.chunk_size))

    def normalise(self, observations: Tensor) -> Tensor:
        """(batch, observation_size) to zero mean and unit variance over the demonstrations."""
        return (observations - self.observation_mean) / self.observation_std

    def forward(self, x: Tensor, time: Tensor, features: Tensor) -> Tensor:
        """x (batch, chunk_size), time (batch, 1) in 0..1 and features: as x is shaped."""
        return self.step(x, self.of_times(time), self.of_features(features))

    @abstractmethod
    def of_times(self, times: Tensor) -> Parts:
        """Times (n, 1) to parts, each with n rows."""

    @abstractmethod
    def of_features(self, features: Tensor) -> Parts:
        """Normalised features (n, observation_size) to parts, each with n rows."""

    @abstractmethod
    def step(self, x: Tensor, of_time: Parts, of_features: Parts) -> Tensor:
        """x (n, chunk_size) and parts of 1 or n rows: what the network says, as x is shaped."""


class MlpNetwork(Network):
    """An MLP on x, the time's sines and cosines, and the features."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__(shape)
        inputs = shape.observation_size + shape.chunk_size + 2 * TIME_FREQUENCIES
        widths = [inputs] + [shape.width] * shape.layers
        hidden: list[nn.Module] = []
        for before, after in pairwise(widths):
            hidden += [nn.Linear(before, after), nn.SiLU()]
        self.field = nn.Sequential(*hidden, nn.Linear(shape.width, shape.chunk_size))

    def forward(self, x: Tensor, time: Tensor, features: Tensor) -> Tensor:
        return torch.as_tensor(self.field(torch.cat([x, _waves(time), features], dim=-1)))

    def of_times(self, times: Tensor) -> Parts:
        size = self.shape.chunk_size
        return [_waves(times) @ self._first.weight[:, size : size + 2 * TIME_FREQUENCIES].T]

    def of_features(self, features: Tensor) -> Parts:
        start = self.shape.chunk_size + 2 * TIME_FREQUENCIES
        return [features @ self._first.weight[:, start:].T + self._first.bias]

    def step(self, x: Tensor, of_time: Parts, of_features: Parts) -> Tensor:
        of_x = x @ self._first.weight[:, : self.shape.chunk_size].T
        return torch.as_tensor(self.field[1:](of_x + (of_features[0] + of_time[0])))

    @property
    def _first(self) -> nn.Linear:
        first = self.field[0]
        assert isinstance(first, nn.Linear)
        return first


def _waves(time: Tensor) -> Tensor:
    frequencies = torch.pi * 2.0 ** torch.arange(TIME_FREQUENCIES, device=time.device)
    angles = time * frequencies
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1)
