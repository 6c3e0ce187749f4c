"""Algorithms of noise-space RL, one per file, made by their name in the task file."""

from __future__ import annotations

from typing import Final

from dsrl_core.errors import UnknownName
from dsrl_core.learning.dsrl_na import DsrlNa, DsrlNaConfig
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.specs import RewardSpec
from dsrl_core.steering.steering_model import ModelContext

ALGORITHMS: Final = {"dsrl_na": (DsrlNa, DsrlNaConfig)}


def make_algorithm(
    name: str, context: ModelContext, policy: PolicyBackend, reward: RewardSpec, run_seed: int
) -> DsrlNa:
    """The algorithm of that name with its default settings."""
    if name not in ALGORITHMS:
        raise UnknownName("algorithm", name, ALGORITHMS)
    algorithm, config = ALGORITHMS[name]
    return algorithm(context, policy, reward, run_seed, config())


__all__ = ["ALGORITHMS", "make_algorithm"]
