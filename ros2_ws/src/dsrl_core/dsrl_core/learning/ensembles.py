"""Ensembles of critics: how several values become one, target networks, optimisers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

Reduction = Literal["mean", "min"]


def reduced(
    values: Tensor, reduction: Reduction, subset: int = 0, generator: torch.Generator | None = None
) -> Tensor:
    """(critics, n) to (n,): mean or minimum, over all heads or over a random subset (REDQ, Chen et
    al. 2021; RLPD, Ball et al. 2023)."""
    if subset:
        values = values[torch.randperm(len(values), generator=generator)[:subset]]
    return values.mean(dim=0) if reduction == "mean" else values.amin(dim=0)


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, tau: float) -> None:
    """Polyak averaging: the target's weights go the share `tau` towards the source's."""
    torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), tau)


def optimiser_of(
    networks: Iterable[nn.Module | None], learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW over networks; without decay it is Adam."""
    parameters = [p for network in networks if network is not None for p in network.parameters()]
    return torch.optim.AdamW(parameters, learning_rate, weight_decay=weight_decay, fused=True)


def step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down a loss."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def td_loss(q: Tensor, targets: Tensor) -> Tensor:
    """Every head (critics, b) regresses on targets (b,) or on its own, (critics, b)."""
    return ((q - targets) ** 2).mean(dim=1).sum()


def critic_metrics(q: Tensor, returns: Tensor, loss: Tensor) -> dict[str, Tensor]:
    """What is told of a critic's step."""
    return {
        "critic/loss": loss,
        "critic/q_mean": q.mean(),
        "critic/q_max": q.max(),
        "critic/disagreement": q.std(dim=0).mean(),
        "critic/return_mean": returns.mean(),
    }


def saturation(latents: Tensor, bound: float) -> Tensor:
    """Share of components at the noise bound: an actor that leaves what the policy knows."""
    return (latents.abs() > 0.98 * bound).float().mean()
