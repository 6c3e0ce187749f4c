"""DSRL-NA: noise-space RL with noise aliasing (Wagenmaker et al. 2025, algorithm 2).

Q^A(s, a) is learned on decoded chunks a, so that data without noise trains it too, and a noise
actor is distilled from it through the frozen policy, whose weights and gradients are never asked
for.

`paper`: one-step TD on the actor's next noise, minimum of two critics, learned temperature, Q^W
distilled from Q^A and climbed by the actor, in the released code's order; the noise bound, which
that code ignores, is effective. `robot`, because a robot's episodes are dear: lambda-returns whose
next value is the best of a few cached candidate noises, the mean of five critics, and an actor that
regresses on the noises that Q^A prefers. Where Q^W is used with our settings it steps before the
actor, so that the actor never climbs a stale critic.
"""

from __future__ import annotations

import copy
from typing import Final, Literal

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from dsrl_core.learning.algorithm import Algorithm, AlgorithmConfig
from dsrl_core.learning.batch import Batch
from dsrl_core.learning.ensembles import (
    critic_metrics,
    follow,
    optimiser_of,
    reduced,
    saturation,
    step,
    td_loss,
)
from dsrl_core.learning.metrics import Metrics
from dsrl_core.learning.noise_memory import NoiseMemories, NoiseMemory
from dsrl_core.learning.position_shift import PositionShift
from dsrl_core.learning.refresh import Turns
from dsrl_core.learning.returns import lambda_returns
from dsrl_core.learning.temperature import Temperature, TemperatureConfig
from dsrl_core.specs.values import STRICT, Count, NaturalNumber, NotNegative, Positive, Probability
from dsrl_core.steering.networks import Ensemble
from dsrl_core.steering.steering_model import NetworkSizes


@dataclass(frozen=True, config=STRICT)
class DsrlNaConfig(AlgorithmConfig):
    """Settings of DSRL-NA; the defaults are the preset `robot`."""

    bootstrap: Literal["best_of_n", "actor"] = "best_of_n"
    """What a next state is worth: the best of candidate noises by Q^A, or the actor's noise by a
    target network."""
    value_candidates: Count = 16
    """best_of_n: noises per next state, decoded once."""
    actor_objective: Literal["search", "noise_critic"] = "search"
    """search: regression on the noises that Q^A prefers. noise_critic: ascent on Q^W."""
    memory: Count = 64
    """search: noises that are remembered per state."""
    proposals: NaturalNumber = 16
    """search: noises that are tried anew per state and refresh."""
    proposal_std: Positive = 0.5
    """search: spread of the proposals around the present target."""
    temperature: Positive = 0.01
    """search: value difference [return] over which a noise's weight falls by e."""
    noise_critic_interval: Count = 1
    """noise_critic: updates between two rounds of Q^W."""
    noise_critic_steps: Count = 1
    """noise_critic: steps of Q^W in a round, each on a batch of its own."""
    noise_critic_first: bool = True
    """noise_critic: whether a round comes before the actor's step, or after (released)."""
    own_noise_share: Probability = 0.5
    """noise_critic: share of the actor's own noises among those that Q^W is distilled on."""
    shift_m: NotNegative = 0.0
    """How far Q^A is shown every transition from where it was, see `PositionShift`; 0: not."""


PRESETS: Final = {
    "robot": DsrlNaConfig(),
    # Row "Can" of the paper's table.
    "paper": DsrlNaConfig(
        sizes=NetworkSizes(
            critics=2, critic_width=2048, critic_layers=3, actor_width=2048, actor_layers=3
        ),
        batch=256,
        learning_rate=3e-4,
        weight_decay=0.0,
        critic_reduction="min",
        return_lambda=0.0,
        polyak=0.005,
        clamp_values=False,
        entropy=TemperatureConfig(initial=1.0, learning_rate=3e-4, target=0.0, in_target=True),
        bootstrap="actor",
        actor_objective="noise_critic",
        noise_critic_interval=20,
        noise_critic_steps=10,
        noise_critic_first=False,
        own_noise_share=0.0,
        updates_first=0,
        updates_per_episode=0,
        updates_per_decision=20,
    ),
}


class DsrlNa(Algorithm[DsrlNaConfig]):
    """The networks, their optimisers and one method per loss."""

    CRITIC_OF = "chunk"

    def refresh(self) -> None:
        """Compute returns and the actor's targets with the critic as it is now."""
        wants_returns = self.config.bootstrap == "best_of_n" or self.config.return_lambda > 0
        wants_targets = self.config.actor_objective == "search"
        if not wants_returns and not wants_targets:
            return
        with torch.inference_mode():
            for memory, rows in self._memories.turn(self._turns.next(self._data)):
                if wants_returns:
                    self._data.column("returns")[rows] = self._returns(memory, rows)
                if wants_targets:
                    states = self.states(self._data.column("before")[rows])
                    self._data.column("targets")[rows] = memory.preferred_noises(
                        self._value, states
                    )

    def update(self, batch: Batch) -> Metrics:
        """One round: Q^A, then what the actor learns from, then the actor."""
        states = self.states(batch.before, augmented=True)
        loss, metrics = self.critic_loss(self._elsewhere(batch, states), batch)
        step(self._critic_optimiser, loss)
        states = states.detach()
        if self.config.actor_objective == "search":
            loss, told = self.search_loss(states, batch.targets)
            step(self._actor_optimiser, loss)
        else:
            told = self._climb(states)
        if self._target_critic is not None:
            follow(self._target_critic, self.model.critic, self.config.polyak)
        return metrics | told

    def critic_loss(self, states: Tensor, batch: Batch) -> tuple[Tensor, Metrics]:
        """Q^A: each head regresses on the return."""
        returns = batch.returns
        if self.config.bootstrap == "actor" and self.config.return_lambda == 0:
            with torch.no_grad():
                values = self._actors_value(batch.after)
                returns = batch.rewards + batch.discounts * values
        q = self.model.value(states, batch.chunks)
        loss = td_loss(q, returns)
        return loss, critic_metrics(q, returns, loss)

    def search_loss(self, states: Tensor, targets: Tensor) -> tuple[Tensor, Metrics]:
        """The actor's greedy noise regresses on what Q^A prefers, (b, latent_size)."""
        greedy = self.model.actor.greedy(states)
        loss = ((greedy - targets) ** 2).mean()
        return loss, {
            "actor/loss": loss,
            "actor/saturated": saturation(greedy, self.model.actor.bound),
        }

    def noise_critic_loss(self, batch: Batch) -> tuple[Tensor, Metrics]:
        """Q^W(s, w) regresses on Q^A(s, pi_dp(s, w)), head by head, for fresh noises."""
        with torch.no_grad():
            states = self.states(batch.before)
            latents = self._distillation_noises(states)
            target = self.model.value(states, self._data.decoded(batch.before, latents))
        q = self._noise_critic(torch.cat([states, latents], dim=-1))
        loss = td_loss(q, target)
        gap = (q.mean(dim=0) - target.mean(dim=0)).abs().mean()
        return loss, {
            "noise_critic/loss": loss,
            "noise_critic/gap": gap,
            "noise_critic/q_mean": q.mean(),
        }

    def actor_loss(self, states: Tensor) -> tuple[Tensor, Tensor, Metrics]:
        """alpha * penalty(w|s) - Q^W(s, w), and the penalties; nothing passes the frozen policy."""
        latents, log_density = self.model.actor.sample(states, self._torch)
        q = reduced(
            self._noise_critic(torch.cat([states, latents], dim=-1), frozen=True),
            self.config.critic_reduction,
        )
        penalty = self._temperature.penalty(latents, log_density)
        loss = (self._temperature.alpha * penalty - q).mean()
        return (
            loss,
            penalty,
            {
                "actor/loss": loss,
                "actor/log_density": log_density.mean(),
                "actor/saturated": saturation(latents, self.model.actor.bound),
                "actor/q_mean": q.mean(),
            },
        )

    def _elsewhere(self, batch: Batch, states: Tensor) -> Tensor:
        """What Q^A is shown: the states, or the same at other places."""
        if self._shift is None:
            return states
        moved = self._shift.features(self._data, batch.before, self._torch)
        return self.model.state(moved, self._data.tasks(batch.before), None)

    def _climb(self, states: Tensor) -> Metrics:
        """Q^W's round, if it is due, and the actor's step, in the order that is asked for."""
        config, metrics = self.config, {}
        if config.noise_critic_first and self._updates % config.noise_critic_interval == 0:
            metrics = self._distil()
        loss, penalty, told = self.actor_loss(states)
        step(self._actor_optimiser, loss)
        metrics |= told | self._temperature.update(penalty.detach())
        self._updates += 1
        if not config.noise_critic_first and self._updates % config.noise_critic_interval == 0:
            metrics |= self._distil()
        return metrics

    def _distil(self) -> Metrics:
        metrics: Metrics = {}
        for _ in range(self.config.noise_critic_steps):
            batch = self._data.sample(self._numpy, self.config.batch, self.config.prior_share)
            loss, metrics = self.noise_critic_loss(batch)
            step(self._noise_critic_optimiser, loss)
        return metrics

    def _distillation_noises(self, states: Tensor) -> Tensor:
        """(n, latent_size): N(0, I) within the bound, partly the actor's own instead."""
        bound = self.model.actor.bound
        size = (len(states), self.model.shape.latent_size)
        noises = torch.randn(size, generator=self._torch).clamp(-bound, bound)
        own = round(self.config.own_noise_share * len(states))
        if own:
            noises[:own] = self.model.actor.sample(states[:own], self._torch)[0]
        return noises

    def _value(self, states: Tensor, chunks: Tensor) -> Tensor:
        return reduced(self.model.value(states, chunks), self.config.critic_reduction)

    def _actors_value(self, observations: Tensor) -> Tensor:
        """What the target network gives for the actor's noises, with the entropy bonus, (n,)."""
        states = self.states(observations)
        latents, log_density = self.model.actor.sample(states, self._torch)
        chunks = self._data.decoded(observations, latents)
        values = reduced(
            self.model.value(states, chunks, self._target_critic), self.config.critic_reduction
        )
        return self._held(values + self._temperature.bonus(latents, log_density))

    def _returns(self, memory: NoiseMemory, rows: slice) -> Tensor:
        column = self._data.column
        after = column("after")[rows]
        if self.config.bootstrap == "best_of_n":
            values = self._held(memory.next_values(self._value, self.states(after)))
        else:
            values = self._actors_value(after)
        return lambda_returns(
            column("rewards")[rows],
            column("discounts")[rows],
            column("ends")[rows],
            values,
            self.config.return_lambda,
        )

    def _make_networks(self) -> None:
        config, model = self.config, self.model
        sizes, latent_size = config.sizes, model.shape.latent_size
        self._noise_critic = Ensemble(
            model.state_size + latent_size,
            sizes.critic_width,
            sizes.critic_layers,
            sizes.critics,
        )
        self._target_critic = copy.deepcopy(model.critic) if config.bootstrap == "actor" else None
        self._temperature = Temperature(config.entropy, latent_size)
        rate, decay = config.learning_rate, config.weight_decay
        self._critic_optimiser = optimiser_of([model.critic, model.encoder], rate, decay)
        self._noise_critic_optimiser = optimiser_of([self._noise_critic], rate, decay)
        self._actor_optimiser = optimiser_of(
            [model.actor], config.actor_learning_rate or rate, decay
        )
        self._shift = PositionShift(self._contexts, config.shift_m) if config.shift_m else None
        self._turns = Turns(config.refresh_rows)
        self._memories = NoiseMemories(self._data, config, model.actor.bound, self._run_seed)
        self._updates = 0
