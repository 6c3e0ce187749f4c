"""RLPD: RL on actions with prior data (Ball et al. 2023), what DSRL is compared with.

Soft actor-critic whose action is the chunk itself, without any frozen policy: ten critics with
LayerNorm, targets from the minimum of two of them, half of every batch from demonstrations. What a
person corrects during an episode counts as a demonstration too (HIL-SERL, Luo et al. 2024), so that
"with human corrections" is a matter of the episodes and not of the algorithm.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dsrl_core.learning.dsrl_sac import DsrlSac, DsrlSacConfig
from dsrl_core.learning.temperature import TemperatureConfig
from dsrl_core.steering.steering_model import NetworkSizes

_PUBLISHED: Final = DsrlSacConfig(
    sizes=NetworkSizes(
        critics=10, critic_width=256, critic_layers=3, actor_width=256, actor_layers=3
    ),
    batch=256,
    learning_rate=3e-4,
    weight_decay=0.0,
    critic_reduction="min",
    target_subset=2,
    return_lambda=0.0,
    polyak=0.005,
    clamp_values=False,
    entropy=TemperatureConfig(initial=1.0, learning_rate=3e-4, target=-0.5, in_target=True),
    prior_share=0.5,
    updates_first=0,
    updates_per_episode=0,
    updates_per_decision=20,
)
PRESETS: Final = {
    "paper": _PUBLISHED,
    # Width of a state vector's networks; entropy that cannot outweigh a reward of 0 or 1.
    "robot": replace(
        _PUBLISHED,
        sizes=NetworkSizes(
            critics=10, critic_width=128, critic_layers=2, actor_width=128, actor_layers=2
        ),
        clamp_values=True,
        entropy=TemperatureConfig(initial=0.1, learning_rate=3e-4, target=-0.5, in_target=False),
        updates_first=500,
    ),
}


class Rlpd(DsrlSac):
    """DSRL-SAC's losses; the "noise" is the action chunk, scaled."""

    DECODER = "actions"
