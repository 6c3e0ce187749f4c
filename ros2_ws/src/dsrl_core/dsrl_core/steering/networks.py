"""The small networks of noise-space RL: an ensemble of critics and the distilled noise actor.

They live on the robot's side because decisions need them; the learner trains the same classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

LOG_STD_MIN: Final = -5.0
LOG_STD_MAX: Final = 2.0


def tanh(x: Tensor) -> Tensor:
    """tanh as 2 sigmoid(2 x) - 1, which takes a quarter of torch.tanh's time on a CPU; the error
    is below 2e-7."""
    return torch.add(_MINUS_ONE, torch.sigmoid(2.0 * x), alpha=2.0)


_MINUS_ONE: Final = torch.tensor(-1.0)


class Tanh(nn.Module):
    """`tanh` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return tanh(x)


class Ensemble(nn.Module):
    """Independent MLPs (tanh, LayerNorm) evaluated in one batched product.

    Input (..., inputs) shared by all heads, or (heads, n, inputs); output (heads, n).
    LayerNorm keeps values bounded off the data (RLPD, Ball et al. 2023).
    """

    def __init__(self, inputs: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        sizes = [inputs] + [width] * layers
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList([_linear(heads, a, b) for a, b in pairs])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(heads, 1, b)) for _, b in pairs])
        self.gains = nn.ParameterList([nn.Parameter(torch.ones(heads, 1, b)) for _, b in pairs])
        self.shifts = nn.ParameterList([nn.Parameter(torch.zeros(heads, 1, b)) for _, b in pairs])
        self.last_weight = _linear(heads, width, 1)
        self.last_bias = nn.Parameter(torch.zeros(heads, 1, 1))

    def forward(self, x: Tensor, frozen: bool = False) -> Tensor:
        """`frozen`: gradients reach the input and not the weights, as an actor's loss wants it."""
        if x.dim() == 2:
            x = x.expand(self.heads, *x.shape)
        for layer in zip(self.weights, self.biases, self.gains, self.shifts, strict=True):
            weight, bias, gain, shift = _detached(layer) if frozen else layer
            x = torch.baddbmm(bias, x, weight)
            x = nn.functional.layer_norm(x, x.shape[-1:])
            x = tanh(torch.addcmul(shift, x, gain))
        last = (self.last_bias, self.last_weight)
        bias, weight = _detached(last) if frozen else last
        return torch.baddbmm(bias, x, weight).squeeze(-1)


def _detached(parameters: Iterable[Tensor]) -> Iterator[Tensor]:
    return (parameter.detach() for parameter in parameters)


def _linear(heads: int, inputs: int, outputs: int) -> nn.Parameter:
    bound = 1.0 / math.sqrt(inputs)
    return nn.Parameter((torch.rand(heads, inputs, outputs) * 2 - 1) * bound)


class NoiseActor(nn.Module):
    """pi^W(w | s): a Gaussian squashed by tanh into the box |w| <= bound.

    Input: state features (n, state_size); noise latents are flat, (n, latent_size).
    """

    def __init__(self, inputs: int, width: int, layers: int, latent_size: int, bound: float):
        super().__init__()
        self.bound = bound
        sizes = [inputs] + [width] * layers
        body: list[nn.Module] = []
        for before, after in pairwise(sizes):
            body += [nn.Linear(before, after), nn.LayerNorm(after), Tanh()]
        self.body = nn.Sequential(*body)
        self.mean = nn.Linear(width, latent_size)
        self.log_std = nn.Linear(width, latent_size)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation before the squashing, (n, latent_size) each."""
        hidden = self.body(state)
        log_std = LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (
            1 + torch.tanh(self.log_std(hidden))
        )
        return self.mean(hidden), log_std

    def greedy(self, state: Tensor) -> Tensor:
        """The squashed mean, (n, latent_size)."""
        return self.bound * torch.tanh(self(state)[0])

    def sample(self, state: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A reparameterised noise (n, latent_size) and its log density (n,), per unit of noise."""
        mean, log_std = self(state)
        normal = torch.randn(mean.shape, generator=generator)
        drawn = mean + log_std.exp() * normal
        noise = self.bound * torch.tanh(drawn)
        gaussian = -0.5 * normal**2 - log_std - _HALF_LOG_2PI
        # log |d noise / d drawn| = log bound + log(1 - tanh^2), in the form that cannot overflow.
        squash = 2 * (math.log(2) - drawn - nn.functional.softplus(-2 * drawn))
        return noise, (gaussian - squash - math.log(self.bound)).sum(dim=-1)


_HALF_LOG_2PI: Final = 0.5 * math.log(2 * math.pi)
