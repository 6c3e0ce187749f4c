"""DSRL-NA: noise-space RL with noise aliasing (Wagenmaker et al. 2025, algorithm 2), for few episodes.

Q^A(s, a) is learned on decoded chunks a, so that data without noise trains it too; Q^W(s, w) is
distilled from Q^A through the frozen policy, and the noise actor climbs Q^W. What differs from the
released code, because a robot's episodes are dear (each an option of the config):
Q^A regresses on lambda-returns, whose next value is the best of a few cached candidate noises,
instead of a bootstrapped actor; the ensemble's mean is used instead of the minimum; Q^W steps before
the actor in each round, so that the actor never climbs a stale critic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from dsrl_core.data.replay import Transitions
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.seeding import Purpose, stream
from dsrl_core.specs import RewardSpec
from dsrl_core.steering.networks import Ensemble
from dsrl_core.steering.steering_model import ModelContext, SteeringModel

Metrics = dict[str, float]


@dataclass(frozen=True)
class DsrlNaConfig:
    """Settings of DSRL-NA; sizes in units of a network, rates per update."""

    critics: int = 5
    critic_width: int = 64
    critic_layers: int = 2
    actor_width: int = 128
    actor_layers: int = 2
    batch: int = 128
    critic_learning_rate: float = 1e-3
    noise_critic_learning_rate: float = 1e-3
    actor_learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    return_lambda: float = 0.7
    """0 is one-step TD, 1 is Monte-Carlo."""
    value_candidates: int = 16
    """Noises per next state whose best decoded chunk is its value."""
    target_interval: int = 100
    """Updates between two computations of the returns."""
    actor_share: float = 0.5
    """Share of the actor's own noises among those that Q^W is distilled on."""
    entropy_weight: float = 0.01
    """alpha; fixed: automatic tuning collapses or inflates within tens of episodes."""
    updates_first: int = 500
    """Updates due when the warm-up is complete."""
    updates_per_episode: int = 100


class DsrlNa:
    """The networks, their optimisers and one method per loss."""

    def __init__(
        self,
        context: ModelContext,
        policy: PolicyBackend,
        reward: RewardSpec,
        run_seed: int,
        config: DsrlNaConfig,
    ) -> None:
        self.config = config
        self._context, self._policy = context, policy
        self._numpy = stream(run_seed, Purpose.LEARNER)
        self._torch = torch.Generator().manual_seed(int(self._numpy.integers(2**62)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._numpy.integers(2**62)))
            shape = context.shape(
                config.critics,
                config.critic_width,
                config.critic_layers,
                config.actor_width,
                config.actor_layers,
            )
            self.model = SteeringModel(shape)
            self._noise_critic = Ensemble(
                shape.state_size + shape.latent_size,
                config.actor_width,
                config.actor_layers,
                config.critics,
            )
        low = 0.0 if reward.rule == "sparse_01" else -1.0 / (1.0 - reward.discount)
        self._value_range = (low, 1.0 if reward.rule == "sparse_01" else 0.0)
        decay = config.weight_decay
        self._critic_optimiser = torch.optim.AdamW(
            self.model.critic.parameters(), config.critic_learning_rate, weight_decay=decay
        )
        self._noise_critic_optimiser = torch.optim.AdamW(
            self._noise_critic.parameters(), config.noise_critic_learning_rate, weight_decay=decay
        )
        self._actor_optimiser = torch.optim.AdamW(
            self.model.actor.parameters(), config.actor_learning_rate, weight_decay=decay
        )
        self._data: _Prepared | None = None
        self._updates_of_targets = 0

    def set_data(self, transitions: Transitions) -> None:
        """Train on these from now on; features of observations and chunks are computed once."""
        self._data = self._prepare(transitions)
        self.refresh_targets()

    def refresh_targets(self) -> None:
        """Compute the lambda-return of every transition with the critic as it is now."""
        data = self._require_data()
        with torch.inference_mode():
            heads = self.model.critic(data.candidate_inputs.flatten(0, 1)).mean(dim=0)
            values = heads.reshape(len(data.rewards), -1).amax(dim=1).clamp(*self._value_range)
        data.returns = lambda_returns(data, values, self.config.return_lambda)
        self._updates_of_targets = 0

    def update(self) -> Metrics:
        """One round on one batch: Q^A, then Q^W, then the actor."""
        data = self._require_data()
        if self._updates_of_targets >= self.config.target_interval:
            self.refresh_targets()
        self._updates_of_targets += 1
        rows = torch.from_numpy(self._numpy.integers(0, len(data.rewards), self.config.batch))
        metrics = self._step(
            self._critic_optimiser, *self.critic_loss(data.inputs[rows], data.returns[rows])
        )
        observations, states = data.observations[rows], data.states[rows]
        metrics |= self._step(
            self._noise_critic_optimiser, *self.noise_critic_loss(observations, states)
        )
        metrics |= self._step(self._actor_optimiser, *self.actor_loss(states))
        return metrics

    def critic_loss(self, inputs: Tensor, returns: Tensor) -> tuple[Tensor, Metrics]:
        """Q^A: each head regresses on the return, features (batch, state_chunk_size)."""
        q = self.model.critic(inputs)
        loss = ((q - returns) ** 2).mean(dim=1).sum()
        return loss, {
            "critic/loss": float(loss),
            "critic/q_mean": float(q.mean()),
            "critic/q_max": float(q.max()),
            "critic/disagreement": float(q.std(dim=0).mean()),
            "critic/return_mean": float(returns.mean()),
        }

    def noise_critic_loss(self, observations: Tensor, states: Tensor) -> tuple[Tensor, Metrics]:
        """Q^W(s, w) regresses on Q^A(s, pi_dp(s, w)), head by head, for fresh noises."""
        latents = self._distillation_noises(states)
        target = self._value_of_noises(observations, latents)
        q = self._noise_critic(torch.cat([states, latents], dim=-1))
        loss = ((q - target) ** 2).mean(dim=1).sum()
        gap = (q.mean(dim=0) - target.mean(dim=0)).abs().mean()
        return loss, {"noise_critic/loss": float(loss), "noise_critic/gap": float(gap)}

    def actor_loss(self, states: Tensor) -> tuple[Tensor, Metrics]:
        """alpha log pi(w|s) - mean_k Q^W_k(s, w); no gradient through the frozen policy."""
        latents, log_density = self.model.actor.sample(states, self._torch)
        q = self._noise_critic(torch.cat([states, latents], dim=-1)).mean(dim=0)
        loss = (self.config.entropy_weight * log_density - q).mean()
        saturated = (latents.abs() > 0.99 * self.model.actor.bound).float().mean()
        return loss, {
            "actor/loss": float(loss),
            "actor/log_density": float(log_density.mean()),
            "actor/saturated": float(saturated),
            "actor/q_mean": float(q.mean()),
        }

    def _distillation_noises(self, states: Tensor) -> Tensor:
        """(batch, latent_size): partly clipped N(0, I), partly the actor's own."""
        count, latent = len(states), self.model.shape.latent_size
        bound = self.model.shape.noise_bound
        noises = torch.randn(count, latent, generator=self._torch).clamp(-bound, bound)
        own = round(self.config.actor_share * count)
        with torch.no_grad():
            noises[:own] = self.model.actor.sample(states[:own], self._torch)[0]
        return noises

    def _value_of_noises(self, observations: Tensor, latents: Tensor) -> Tensor:
        """Q^A of the chunks that the frozen policy makes of latents: (heads, batch)."""
        noises = self._context.noise_map.flat_to_noise(latents).numpy()
        chunks = torch.from_numpy(self._policy.decode(self._policy.encode(observations.numpy()), noises))
        with torch.no_grad():
            return torch.as_tensor(
                self.model.critic(self._context.features.of_state_chunk(observations, chunks))
            )

    def _step(self, optimiser: torch.optim.Optimizer, loss: Tensor, metrics: Metrics) -> Metrics:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return metrics

    def _prepare(self, data: Transitions) -> _Prepared:
        features = self._context.features
        observations = torch.from_numpy(data.observations)
        inputs = features.of_state_chunk(observations, torch.from_numpy(data.chunks))
        return _Prepared(
            observations,
            features.of_state(observations),
            inputs,
            self._candidates(data.next_observations),
            torch.from_numpy(data.rewards),
            torch.from_numpy(data.discounts),
            torch.from_numpy(data.ends),
        )

    def _candidates(self, observations: np.ndarray) -> Tensor:
        """Inputs of Q^A for cached candidate chunks of each next state: (n, candidates, inputs)."""
        count = self.config.value_candidates
        repeated = np.repeat(observations, count, axis=0)
        chunks = []
        for start in range(0, len(repeated), self._policy.spec.max_batch):
            part = repeated[start : start + self._policy.spec.max_batch]
            latents = self._context.noise_map.sample(self._numpy, len(part))
            noises = self._context.noise_map.to_noise(latents)
            chunks.append(self._policy.decode(self._policy.encode(part), noises))
        decoded = torch.from_numpy(np.concatenate(chunks))
        inputs = self._context.features.of_state_chunk(torch.from_numpy(repeated), decoded)
        return inputs.reshape(len(observations), count, -1)

    def _require_data(self) -> _Prepared:
        assert self._data is not None, "set_data comes before update"
        return self._data


@dataclass
class _Prepared:
    observations: Tensor
    states: Tensor
    inputs: Tensor
    candidate_inputs: Tensor
    rewards: Tensor
    discounts: Tensor
    ends: Tensor
    returns: Tensor = torch.empty(0)


def lambda_returns(data: _Prepared, next_values: Tensor, trace: float) -> Tensor:
    """G_t = r_t + gamma_t ((1 - lambda) V(s_t+1) + lambda G_t+1); an episode's last row uses V alone."""
    rewards, discounts = data.rewards.numpy(), data.discounts.numpy()
    ends, values = data.ends.numpy(), next_values.numpy()
    returns = np.empty_like(rewards)
    following = 0.0
    for row in range(len(rewards) - 1, -1, -1):
        after = values[row] if ends[row] else (1 - trace) * values[row] + trace * following
        following = rewards[row] + discounts[row] * after
        returns[row] = following
    return torch.from_numpy(returns)


DEFAULT: Final = DsrlNaConfig()
