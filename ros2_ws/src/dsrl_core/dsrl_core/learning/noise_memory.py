"""What one recorded episode gives a learner: its transitions, and which noises were worth trying.

Decoding is what noise aliasing costs. Candidates of a state are decoded once and kept as inputs of
the critic, so that a critic that has changed scores them again without asking the policy.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dsrl_core.data.replay import Transitions
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.steering.networks import Ensemble
from dsrl_core.steering.steering_model import ModelContext
from dsrl_core.types import Float32Array


class MemoryConfig(Protocol):
    """The settings that a memory reads of its algorithm's config."""

    @property
    def return_lambda(self) -> float: ...
    @property
    def value_candidates(self) -> int: ...
    @property
    def memory(self) -> int: ...
    @property
    def proposals(self) -> int: ...
    @property
    def proposal_std(self) -> float: ...
    @property
    def temperature(self) -> float: ...


class NoiseMemory:
    """One episode of `rows` transitions; all tensors are indexed by row."""

    def __init__(
        self,
        context: ModelContext,
        policy: PolicyBackend,
        config: MemoryConfig,
        transitions: Transitions,
        generator: np.random.Generator,
    ) -> None:
        self._context, self._policy, self._config = context, policy, config
        self._generator = generator
        self.observations = torch.from_numpy(transitions.observations)
        self.states = context.features.of_state(self.observations)
        self.inputs = context.features.of_state_chunk(
            self.observations, torch.from_numpy(transitions.chunks)
        )
        self._next_inputs = self._decoded(
            transitions.next_observations, self._fresh(config.value_candidates)
        )
        self._latents: Tensor | None = None
        self._latent_inputs = torch.empty(0)
        self.set_transitions(transitions)

    def set_transitions(self, transitions: Transitions) -> None:
        """Take rewards and discounts, which a corrected label changes."""
        self._transitions = transitions

    def returns(self, critic: Ensemble, value_range: tuple[float, float]) -> Tensor:
        """lambda-returns (rows,); a next state is worth the best of its cached candidates."""
        values = _score(critic, self._next_inputs).amax(dim=1).clamp(*value_range)
        return lambda_returns(self._transitions, values, self._config.return_lambda)

    def preferred_noises(self, critic: Ensemble) -> Tensor:
        """The mean noise that the critic prefers in each state, (rows, latent_size).

        Noises are weighted by exp(Q / temperature). Where the critic does not care about a
        direction the weights average it out, which a single best noise would not. Every call also
        tries new noises, half around the present mean and half fresh, and forgets the worst.
        """
        config = self._config
        if self._latents is None:
            self._latents = self._fresh(config.memory)
            self._latent_inputs = self._decoded(self.observations.numpy(), self._latents)
        scores = _score(critic, self._latent_inputs)
        mean = _weighted(self._latents, scores, config.temperature)
        proposals = self._fresh(config.proposals)
        near = config.proposals // 2
        spread = self._generator.standard_normal(proposals[:, :near].shape, dtype=np.float32)
        bound = self._context.noise_map.bound
        proposals[:, :near] = mean[:, None] + config.proposal_std * torch.from_numpy(spread)
        proposals = proposals.clamp(-bound, bound)
        inputs = self._decoded(self.observations.numpy(), proposals)
        scores = torch.cat([scores, _score(critic, inputs)], dim=1)
        kept = scores.topk(config.memory, dim=1).indices
        rows = torch.arange(len(kept))[:, None]
        self._latents = torch.cat([self._latents, proposals], dim=1)[rows, kept]
        self._latent_inputs = torch.cat([self._latent_inputs, inputs], dim=1)[rows, kept]
        return _weighted(self._latents, scores[rows, kept], config.temperature)

    def _fresh(self, count: int) -> Tensor:
        """Noises from N(0, I) within the bound, (rows, count, latent_size)."""
        noise_map, rows = self._context.noise_map, len(self.observations)
        drawn = noise_map.sample(self._generator, rows * count)
        return torch.from_numpy(drawn.reshape(rows, count, -1))

    def _decoded(self, observations: Float32Array, latents: Tensor) -> Tensor:
        """Inputs of Q^A for every latent of every row, (rows, count, state_chunk_size)."""
        count = latents.shape[1]
        repeated = np.repeat(observations, count, axis=0)
        noises = self._context.noise_map.flat_to_noise(latents.flatten(0, 1)).numpy()
        step = self._policy.spec.max_batch
        chunks = [
            self._policy.decode(
                self._policy.encode(repeated[start : start + step]), noises[start : start + step]
            )
            for start in range(0, len(noises), step)
        ]
        inputs = self._context.features.of_state_chunk(
            torch.from_numpy(repeated), torch.from_numpy(np.concatenate(chunks))
        )
        return inputs.reshape(-1, count, inputs.shape[-1])


def lambda_returns(transitions: Transitions, next_values: Tensor, trace: float) -> Tensor:
    """G_t = r_t + gamma_t ((1 - lambda) V(s_t+1) + lambda G_t+1), within each episode: (rows,).

    An episode's last row uses V alone. Sutton and Barto 2018, equation 12.20.
    """
    values = next_values.numpy()
    returns = np.empty(len(values), dtype=np.float32)
    following = 0.0
    for row in range(len(values) - 1, -1, -1):
        is_last = transitions.ends[row]
        after = values[row] if is_last else (1 - trace) * values[row] + trace * following
        following = transitions.rewards[row] + transitions.discounts[row] * after
        returns[row] = following
    return torch.from_numpy(returns)


def _score(critic: Ensemble, inputs: Tensor) -> Tensor:
    """Ensemble mean, (rows, count) for inputs (rows, count, state_chunk_size)."""
    scores: Tensor = critic(inputs.flatten(0, 1)).mean(dim=0)
    return scores.reshape(inputs.shape[:2])


def _weighted(latents: Tensor, scores: Tensor, temperature: float) -> Tensor:
    weights = torch.softmax(scores / temperature, dim=1)
    return (weights[..., None] * latents).sum(dim=1)
