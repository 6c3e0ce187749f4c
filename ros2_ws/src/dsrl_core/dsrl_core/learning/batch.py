"""Transitions that are drawn to learn from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """b transitions; `before` and `after` are places among the observations."""

    rows: Tensor
    before: Tensor
    after: Tensor
    chunks: Tensor
    """(b, chunk_size): features of the chunks that were played"""
    latents: Tensor
    """(b, latent_size); NaN where the noise is not known"""
    rewards: Tensor
    discounts: Tensor
    returns: Tensor
    """(b,): as the algorithm computed them last"""
    targets: Tensor
    """(b, latent_size): noises that the algorithm prefers there"""
