"""How a noise becomes a chunk in a fixed number of steps, without another random draw.

Each sampler also says how a demonstrated chunk is made noisy to train a network for it, and what
came before a step, so that a chunk can be led back to its noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile
from dsrl_core.specs import PolicySpec

COSINE, LINEAR = "squaredcos_cap_v2", "linear"
EPSILON, SAMPLE = "epsilon", "sample"
LINEAR_BETAS: Final = (1e-4, 2e-2)
_BETA_MAX: Final = 0.999


class Sampler(Protocol):
    """Steps from noise to chunk, both of zero mean and unit variance, (n, size)."""

    @property
    def times(self) -> tuple[float, ...]:
        """What the network is told at each step, in 0..1."""
        ...

    def step(self, index: int, x: Tensor, output: Tensor) -> Tensor:
        """x after step `index`, at which the network said `output`."""
        ...

    def before(self, index: int, after: Tensor, output: Tensor) -> Tensor:
        """x before step `index`, had the network said `output` there."""
        ...

    def example(self, chunks: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy chunks at times drawn from torch's generator: x, times (n, 1), wanted output."""
        ...


@dataclass(frozen=True)
class FlowEuler:
    """Flow matching (Lipman et al. 2023) along straight paths x_t = (1 - t) w + t a.

    The network's velocity v(x_t, t, s) regresses a - w; the ODE is integrated by Euler steps.
    """

    steps: int

    @property
    def times(self) -> tuple[float, ...]:
        return tuple(index / self.steps for index in range(self.steps))

    def step(self, index: int, x: Tensor, output: Tensor) -> Tensor:
        return x + output / self.steps

    def before(self, index: int, after: Tensor, output: Tensor) -> Tensor:
        return after - output / self.steps

    def example(self, chunks: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        time = torch.rand(len(chunks), 1)
        return (1 - time) * noise + time * chunks, time, chunks - noise


@dataclass(frozen=True)
class Ddim:
    """DDIM without noise (Song et al. 2021, eq. 12 with sigma = 0) on a DDPM's schedule.

    With a = the product of (1 - beta) up to the step's time and b = that up to the next one's,

        x_next = sqrt(b) sample + sqrt(1 - b) epsilon,   x = sqrt(a) sample + sqrt(1 - a) epsilon;

    the network says one of sample and epsilon, and x the other. Times are spaced as diffusers'
    "leading" are, and the last step leads to b = 1.
    """

    steps: int
    training_steps: int = 100
    betas: str = COSINE
    predicts: str = EPSILON
    clip: float = 0.0
    """Predicted samples are cut off beyond this; 0: not at all."""

    @cached_property
    def _places(self) -> list[int]:
        ratio = self.training_steps // self.steps
        return [index * ratio for index in reversed(range(self.steps))]

    @cached_property
    def _kept(self) -> list[float]:
        """By training step, the share of a sample's variance that is left: the product of
        (1 - beta)."""
        count, kept, share = self.training_steps, [], 1.0
        for index in range(count):
            if self.betas == COSINE:
                beta = 1 - _cosine((index + 1) / count) / _cosine(index / count)
            else:
                low, high = LINEAR_BETAS
                beta = low + (high - low) * index / max(count - 1, 1)
            share *= 1 - min(beta, _BETA_MAX)
            kept.append(share)
        return kept

    @cached_property
    def _roots(self) -> list[tuple[float, float, float, float]]:
        """By step: sqrt(a), sqrt(1 - a), sqrt(b), sqrt(1 - b)."""
        now = [self._kept[place] for place in self._places]
        return [
            (math.sqrt(a), math.sqrt(1 - a), math.sqrt(b), math.sqrt(1 - b))
            for a, b in zip(now, [*now[1:], 1.0], strict=True)
        ]

    @property
    def times(self) -> tuple[float, ...]:
        return tuple(place / self.training_steps for place in self._places)

    def step(self, index: int, x: Tensor, output: Tensor) -> Tensor:
        sample_now, noise_now, sample_next, noise_next = self._roots[index]
        if self.predicts == EPSILON:
            sample, noise = (x - noise_now * output) / sample_now, output
        else:
            sample, noise = output, (x - sample_now * output) / noise_now
        if self.clip:
            sample = sample.clamp(-self.clip, self.clip)
        return sample_next * sample + noise_next * noise

    def before(self, index: int, after: Tensor, output: Tensor) -> Tensor:
        """As if nothing were cut off. A network that says the sample leaves the last step no other
        trace of x, which is then taken to be without noise."""
        sample_now, noise_now, sample_next, noise_next = self._roots[index]
        if self.predicts == EPSILON:
            sample, noise = (after - noise_next * output) / sample_next, output
        elif noise_next > 0:
            sample, noise = output, (after - sample_next * output) / noise_next
        else:
            sample, noise = after, torch.zeros_like(after)
        return sample_now * sample + noise_now * noise

    def example(self, chunks: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        places = torch.randint(0, self.training_steps, (len(chunks), 1))
        kept = torch.tensor(self._kept)[places]
        x = kept.sqrt() * chunks + (1 - kept).sqrt() * noise
        return x, places / self.training_steps, noise if self.predicts == EPSILON else chunks


def ddim_of(spec: PolicySpec) -> Ddim:
    """What a policy file's `settings` say, by the names that diffusers gives them:
    `num_train_timesteps` (100), `beta_schedule` (squaredcos_cap_v2 | linear), `prediction_type`
    (epsilon | sample) and `clip_sample_range` (0: none).

    Raises:
        InvalidFile: one of another kind, or more denoising steps than it was trained with.
    """
    count = spec.settings.get("num_train_timesteps", 100)
    clip = spec.settings.get("clip_sample_range", 0.0)
    if isinstance(count, bool) or not isinstance(count, int) or count < spec.denoising_steps:
        raise InvalidFile(
            f"policy '{spec.name}': settings.num_train_timesteps is {count!r}, expected a whole "
            f"number of at least the {spec.denoising_steps} denoising_steps"
        )
    if isinstance(clip, bool) or not isinstance(clip, int | float) or not 0 <= clip < math.inf:
        raise InvalidFile(
            f"policy '{spec.name}': settings.clip_sample_range is {clip!r}, expected a number >= 0"
        )
    betas = choice_of(spec, "beta_schedule", COSINE, LINEAR)
    predicts = choice_of(spec, "prediction_type", EPSILON, SAMPLE)
    return Ddim(spec.denoising_steps, count, betas, predicts, float(clip))


def choice_of(spec: PolicySpec, name: str, *choices: str) -> str:
    """One of `settings`, the first of the choices where the file does not say.

    Raises:
        InvalidFile: it is none of them.
    """
    value = spec.settings.get(name, choices[0])
    if value not in choices:
        raise InvalidFile(
            f"policy '{spec.name}': settings.{name} is {value!r}; available: {', '.join(choices)}"
        )
    return str(value)


def _cosine(time: float) -> float:
    """Nichol and Dhariwal 2021, eq. 17."""
    return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
