"""DSRL-NA: noise-space RL with noise aliasing (Wagenmaker et al. 2025, algorithm 2).

Q^A(s, a) is learned on decoded chunks a, so that data without noise trains it too, and a noise
actor is distilled from it through the frozen policy, whose weights and gradients are never asked
for. What differs from the released code, because a robot's episodes are dear: Q^A regresses on
lambda-returns whose next value is the best of a few cached candidate noises, instead of on a
bootstrapped actor; the ensemble's mean is used instead of its minimum; and the actor regresses on
the mean of the noises that Q^A prefers (`actor_objective: search`). The paper's way, a critic
Q^W(s, w) that is distilled from Q^A and climbed by the actor, is the option `noise_critic`; there
Q^W steps before the actor, so that the actor never climbs a stale critic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from dsrl_core.data.replay import Transitions
from dsrl_core.learning.noise_memory import NoiseMemory
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.seeding import Purpose, stream
from dsrl_core.specs import RewardSpec
from dsrl_core.steering.networks import Ensemble
from dsrl_core.steering.steering_model import ModelContext, NetworkSizes, SteeringModel

Metrics = dict[str, Tensor]


@dataclass(frozen=True)
class DsrlNaConfig:
    """Settings of DSRL-NA; rates are per update."""

    sizes: NetworkSizes = field(default_factory=NetworkSizes)
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    return_lambda: float = 0.7
    """0 is one-step TD, 1 is Monte-Carlo."""
    value_candidates: int = 16
    """Noises per next state whose best decoded chunk is its value."""
    refresh_interval: int = 100
    """Updates between two computations of the returns and of the actor's targets."""
    actor_objective: Literal["search", "noise_critic"] = "search"
    memory: int = 64
    """search: noises that are remembered per state."""
    proposals: int = 16
    """search: noises that are tried anew per state and refresh."""
    proposal_std: float = 0.5
    """search: spread of the proposals around the present target."""
    temperature: float = 0.01
    """search: value difference [return] over which a noise's weight falls by e."""
    entropy_weight: float = 0.01
    """noise_critic: alpha, fixed: automatic tuning inflates or collapses in tens of episodes."""
    own_noise_share: float = 0.5
    """noise_critic: share of the actor's own noises among those that Q^W is distilled on."""
    updates_first: int = 500
    """Updates due when the warm-up is complete."""
    updates_per_episode: int = 150


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
        self._value_range = reward.value_range
        self._numpy = stream(run_seed, Purpose.LEARNER)
        self._torch = torch.Generator().manual_seed(int(self._numpy.integers(2**62)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._numpy.integers(2**62)))
            self._make_networks()
        self._episodes: dict[int, NoiseMemory] = {}
        self._run_seed = run_seed
        self._since_refresh = 0

    def set_data(self, episodes: Mapping[int, Transitions]) -> None:
        """Train on these from now on; what is computed from observations alone is computed once."""
        for number in self._episodes.keys() - episodes.keys():
            del self._episodes[number]
        for number, transitions in sorted(episodes.items()):
            known = self._episodes.get(number)
            if known is None:
                generator = stream(self._run_seed, Purpose.LEARNER, number)
                known = NoiseMemory(
                    self._context, self._policy, self.config, transitions, generator
                )
            known.set_transitions(transitions)
            self._episodes[number] = known
        self._episodes = dict(sorted(self._episodes.items()))
        parts = self._episodes.values()
        self._observations = torch.cat([part.observations for part in parts])
        self._states = torch.cat([part.states for part in parts])
        self._inputs = torch.cat([part.inputs for part in parts])
        self.refresh()

    def refresh(self) -> None:
        """Compute returns and the actor's targets with the critic as it is now."""
        critic, wants_targets = self.model.critic, self.config.actor_objective == "search"
        with torch.inference_mode():
            parts = self._episodes.values()
            self._returns = torch.cat([part.returns(critic, self._value_range) for part in parts])
            if wants_targets:
                self._targets = torch.cat([part.preferred_noises(critic) for part in parts])
        self._since_refresh = 0

    def update(self) -> Metrics:
        """One round on one batch: Q^A, then what the actor learns from, then the actor."""
        if self._since_refresh >= self.config.refresh_interval:
            self.refresh()
        self._since_refresh += 1
        drawn = self._numpy.integers(0, len(self._returns), self.config.batch)
        rows = torch.from_numpy(drawn)
        metrics = self._step(
            self._critic_optimiser, *self.critic_loss(self._inputs[rows], self._returns[rows])
        )
        states = self._states[rows]
        if self.config.actor_objective == "search":
            actor_loss = self.search_loss(states, self._targets[rows])
        else:
            observations = self._observations[rows]
            metrics |= self._step(
                self._noise_critic_optimiser, *self.noise_critic_loss(observations, states)
            )
            actor_loss = self.actor_loss(states)
        return metrics | self._step(self._actor_optimiser, *actor_loss)

    def critic_loss(self, inputs: Tensor, returns: Tensor) -> tuple[Tensor, Metrics]:
        """Q^A: each head regresses on the return; inputs (batch, state_chunk_size)."""
        q = self.model.critic(inputs)
        loss = ((q - returns) ** 2).mean(dim=1).sum()
        return loss, {
            "critic/loss": loss,
            "critic/q_mean": q.mean(),
            "critic/q_max": q.max(),
            "critic/disagreement": q.std(dim=0).mean(),
            "critic/return_mean": returns.mean(),
        }

    def search_loss(self, states: Tensor, targets: Tensor) -> tuple[Tensor, Metrics]:
        """The actor's greedy noise regresses on what Q^A prefers, (batch, latent_size)."""
        greedy = self.model.actor.greedy(states)
        loss = ((greedy - targets) ** 2).mean()
        return loss, {"actor/loss": loss, "actor/saturated": self._saturated(greedy)}

    def noise_critic_loss(self, observations: Tensor, states: Tensor) -> tuple[Tensor, Metrics]:
        """Q^W(s, w) regresses on Q^A(s, pi_dp(s, w)), head by head, for fresh noises."""
        latents = self._distillation_noises(states)
        noises = self._context.noise_map.flat_to_noise(latents).numpy()
        chunks = self._policy.decode(self._policy.encode(observations.numpy()), noises)
        inputs = self._context.features.of_state_chunk(observations, torch.from_numpy(chunks))
        with torch.no_grad():
            target = self.model.critic(inputs)
        q = self._noise_critic(torch.cat([states, latents], dim=-1))
        loss = ((q - target) ** 2).mean(dim=1).sum()
        gap = (q.mean(dim=0) - target.mean(dim=0)).abs().mean()
        return loss, {"noise_critic/loss": loss, "noise_critic/gap": gap}

    def actor_loss(self, states: Tensor) -> tuple[Tensor, Metrics]:
        """alpha log pi(w|s) - mean_k Q^W_k(s, w); no gradient through the frozen policy."""
        latents, log_density = self.model.actor.sample(states, self._torch)
        q = self._noise_critic(torch.cat([states, latents], dim=-1)).mean(dim=0)
        loss = (self.config.entropy_weight * log_density - q).mean()
        return loss, {
            "actor/loss": loss,
            "actor/log_density": log_density.mean(),
            "actor/saturated": self._saturated(latents),
            "actor/q_mean": q.mean(),
        }

    def _distillation_noises(self, states: Tensor) -> Tensor:
        """(batch, latent_size): partly clipped N(0, I), partly the actor's own."""
        bound = self.model.shape.noise_bound
        size = (len(states), self.model.shape.latent_size)
        noises = torch.randn(size, generator=self._torch).clamp(-bound, bound)
        own = round(self.config.own_noise_share * len(states))
        with torch.no_grad():
            noises[:own] = self.model.actor.sample(states[:own], self._torch)[0]
        return noises

    def _saturated(self, latents: Tensor) -> Tensor:
        """Share of components at the noise bound: an actor that leaves what the policy knows."""
        return (latents.abs() > 0.98 * self.model.actor.bound).float().mean()

    def _step(self, optimiser: torch.optim.Optimizer, loss: Tensor, metrics: Metrics) -> Metrics:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return metrics

    def _make_networks(self) -> None:
        config, sizes, shape = self.config, self.config.sizes, self._context.shape
        self.model = SteeringModel(shape, sizes)
        self._noise_critic = Ensemble(
            shape.state_size + shape.latent_size,
            sizes.critic_width,
            sizes.critic_layers,
            sizes.critics,
        )
        self._critic_optimiser, self._noise_critic_optimiser, self._actor_optimiser = (
            torch.optim.AdamW(
                network.parameters(),
                config.learning_rate,
                weight_decay=config.weight_decay,
                fused=True,
            )
            for network in (self.model.critic, self._noise_critic, self.model.actor)
        )
