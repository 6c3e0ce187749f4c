"""A scripted person who takes over where a pick goes wrong: corrections for RL on actions."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from dsrl_core.rollout import Decider
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Decision, Float32Array, Mode, Observation
from dsrl_sim.chunk_costs import pick_costs
from dsrl_sim.expert import CLOSED_M, ideal_action

SOURCE: Final = "correction"
_PATIENCE: Final = 0.04
"""How much further from a perfect pick [m] than the person's chunk one may be."""


class CorrectedDecider:
    """`Decider` of training episodes: the decision of `inner`, unless a person would not have it.

    The person knows where the cube is, as one who watches does, and plays a chunk of the error-free
    expert instead. In every other mode nobody interferes.
    """

    def __init__(self, inner: Decider, policy: PolicySpec) -> None:
        self._inner, self._horizon = inner, policy.horizon

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        decision = self._inner.decide(observation, episode, sequence, mode, episode_seed)
        if mode is not Mode.TRAIN:
            return decision
        chunk = expert_chunk(observation.values, self._horizon)
        costs = pick_costs(observation.values, np.stack([decision.chunk, chunk]))
        if costs[0] - costs[1] <= _PATIENCE:
            return decision
        unknown = np.zeros((0, 0), dtype=np.float32)
        return replace(decision, chunk=chunk, noise=unknown, noise_requested=unknown, source=SOURCE)


def expert_chunk(values: Float32Array, horizon: int) -> Float32Array:
    """What the expert would do from observation (9,) on, seeing nothing new: (horizon, 5)."""
    seen = values.copy()
    actions: list[Float32Array] = []
    for _ in range(horizon):
        action = ideal_action(seen)
        if actions and actions[-1][4] == CLOSED_M:
            # The fingers are on their way; what they find is not known yet.
            action = np.array([0, 0, 0, 0, CLOSED_M], dtype=np.float32)
        actions.append(action)
        seen[0:4] += action[0:4]
    return np.stack(actions)
