"""DSRL-SAC: soft actor-critic whose action is the noise (Wagenmaker et al. 2025, algorithm 1).

The frozen policy is part of the environment: Q(s, w) is learned from (s, w, r, s'), nothing is
decoded in an update, and only transitions whose noise is known train it. Warm-up noise is N(0, I)
as it was executed, not clipped to the actor's box.
"""

from __future__ import annotations

import copy
from typing import Final

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
from dsrl_core.learning.refresh import Turns
from dsrl_core.learning.returns import lambda_returns
from dsrl_core.learning.temperature import Temperature, TemperatureConfig
from dsrl_core.specs.values import STRICT, NaturalNumber
from dsrl_core.steering.steering_model import NetworkSizes


@dataclass(frozen=True, config=STRICT)
class DsrlSacConfig(AlgorithmConfig):
    """Settings of soft actor-critic on noises."""

    target_subset: NaturalNumber = 0
    """Critics, drawn at random, that make a target; 0: all of them."""


PRESETS: Final = {
    "robot": DsrlSacConfig(),
    # Row "Transport" of the paper's table.
    "paper": DsrlSacConfig(
        sizes=NetworkSizes(
            critics=2, critic_width=128, critic_layers=3, actor_width=128, actor_layers=3
        ),
        batch=256,
        learning_rate=3e-4,
        weight_decay=0.0,
        critic_reduction="min",
        return_lambda=0.0,
        polyak=0.005,
        clamp_values=False,
        entropy=TemperatureConfig(initial=1.0, learning_rate=3e-4, target=0.0, in_target=True),
        updates_first=0,
        updates_per_episode=0,
        updates_per_decision=20,
    ),
}


class DsrlSac(Algorithm[DsrlSacConfig]):
    """The networks, their optimisers and one method per loss."""

    CRITIC_OF = "noise"

    def refresh(self) -> None:
        """Compute lambda-returns, if they are asked for."""
        if self.config.return_lambda == 0:
            return
        column = self._data.column
        with torch.inference_mode():
            for _, rows in self._turns.next(self._data):
                column("returns")[rows] = lambda_returns(
                    column("rewards")[rows],
                    column("discounts")[rows],
                    column("ends")[rows],
                    self._next_values(column("after")[rows]),
                    self.config.return_lambda,
                )

    def update(self, batch: Batch) -> Metrics:
        """One round: critics, actor, temperature, target."""
        states = self.states(batch.before, augmented=True)
        loss, metrics = self.critic_loss(states, batch)
        step(self._critic_optimiser, loss)
        loss, penalty, told = self.actor_loss(states.detach())
        step(self._actor_optimiser, loss)
        metrics |= told | self._temperature.update(penalty.detach())
        follow(self._target_critic, self.model.critic, self.config.polyak)
        return metrics

    def critic_loss(self, states: Tensor, batch: Batch) -> tuple[Tensor, Metrics]:
        """Q: each head regresses on the return."""
        returns = batch.returns
        if self.config.return_lambda == 0:
            with torch.no_grad():
                returns = batch.rewards + batch.discounts * self._next_values(batch.after)
        q = self.model.value(states, batch.latents)
        loss = td_loss(q, returns)
        return loss, critic_metrics(q, returns, loss)

    def actor_loss(self, states: Tensor) -> tuple[Tensor, Tensor, Metrics]:
        """alpha * penalty(w|s) - Q(s, w), and the penalties."""
        latents, log_density = self.model.actor.sample(states, self._torch)
        q = reduced(self.model.value(states, latents, frozen=True), self.config.critic_reduction)
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

    def _next_values(self, observations: Tensor) -> Tensor:
        """What the target network gives for the actor's noises, with the entropy bonus, (n,)."""
        states = self.states(observations)
        latents, log_density = self.model.actor.sample(states, self._torch)
        values = reduced(
            self.model.value(states, latents, self._target_critic),
            self.config.critic_reduction,
            self.config.target_subset,
            self._torch,
        )
        return self._held(values + self._temperature.bonus(latents, log_density))

    def _make_networks(self) -> None:
        config, model = self.config, self.model
        self._target_critic = copy.deepcopy(model.critic)
        self._temperature = Temperature(config.entropy, model.shape.latent_size)
        rate, decay = config.learning_rate, config.weight_decay
        self._critic_optimiser = optimiser_of([model.critic, model.encoder], rate, decay)
        self._actor_optimiser = optimiser_of(
            [model.actor], config.actor_learning_rate or rate, decay
        )
        self._turns = Turns(config.refresh_rows)
