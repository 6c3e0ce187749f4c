"""How strongly an actor is held to its prior: alpha, fixed or learned (Haarnoja et al. 2018).

The prior is the uniform one (maximum entropy, as in SAC) or N(0, I), which is what the frozen
policy was trained on; then the penalty is the divergence from it.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from dsrl_core.learning.metrics import Metrics
from dsrl_core.specs.values import STRICT, Positive

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, config=STRICT)
class TemperatureConfig:
    """Released: alpha_0 1, learned, target 0, in the target without a cap."""

    prior: Literal["entropy", "normal"] = "entropy"
    """entropy: penalty log pi(w|s). normal: penalty log pi(w|s) - log N(w; 0, I), the KL."""
    initial: Positive = 0.01
    """alpha_0 [return per nat]. 1 inflates values in tens of episodes, 0.15-0.3 is safer."""
    learning_rate: Annotated[float, Field(ge=0)] = 0.0
    """Of log alpha; 0 keeps it fixed."""
    target: float = 0.0
    """Per latent dimension [nat]. entropy: target entropy. normal: target divergence."""
    in_target: bool = False
    """Whether the critic's target has the bonus -alpha * penalty."""
    bonus_max: float = math.inf
    """Largest bonus in the target [return]: keeps entropy from being worth more than success."""


class Temperature:
    """alpha, and the terms of the losses that have it."""

    def __init__(self, config: TemperatureConfig, dimensions: int) -> None:
        self.config = config
        sign = -1.0 if config.prior == "entropy" else 1.0
        self._target_penalty = sign * config.target * dimensions
        self.log_alpha = torch.tensor(math.log(config.initial), requires_grad=True)
        self._optimiser = torch.optim.Adam([self.log_alpha], config.learning_rate, fused=True)

    @property
    def alpha(self) -> Tensor:
        return self.log_alpha.detach().exp()

    def penalty(self, latents: Tensor, log_density: Tensor) -> Tensor:
        """(n,) [nat] for latents (n, latent_size) with their log density (n,)."""
        if self.config.prior == "entropy":
            return log_density
        return log_density + (0.5 * latents**2 + _HALF_LOG_2PI).sum(dim=-1)

    def bonus(self, latents: Tensor, log_density: Tensor) -> Tensor | float:
        """What a next state's value has on top in the critic's target, (n,) [return]."""
        if not self.config.in_target:
            return 0.0
        bonus = -self.alpha * self.penalty(latents, log_density)
        return bonus.clamp(max=self.config.bonus_max)

    def update(self, penalty: Tensor) -> Metrics:
        """One step of alpha towards the target, for an actor's penalties (n,)."""
        metrics: Metrics = {"actor/alpha": self.alpha, "actor/penalty": penalty.mean()}
        if self.config.learning_rate:
            loss = -(self.log_alpha * (penalty.detach() - self._target_penalty)).mean()
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self._optimiser.step()
        return metrics
