"""The picker of whom policies learn to pick badly: a scripted expert with a bias and a tremor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from dsrl_core.types import Float32Array
from dsrl_sim.expert import UNTOUCHED_M, PickView, ScriptedExpert, draw_error

ERROR_MEAN_M: Final = (0.022, -0.018)
ERROR_SIGMA_M: Final = 0.028
"""Of a demonstration's constant error in the gripper's frame; without the mean, zero noise would
already pick the cube."""
TREMOR_M: Final = 0.005
"""Standard deviation of the hand's lateral tremor per action while it approaches: it makes every
stage of the approach, and not only the first chunk, something that noise can change."""
_STEADY_HEIGHT_M: Final = 0.02
"""Below this height above the cube the hand is steady."""
_CLOSED_M: Final = 0.05
_LIFTED_M: Final = 0.212
"""Gripper width and tool height at which a demonstration is at its end."""


def imperfect_picker(
    generator: np.random.Generator,
    error_mean_m: tuple[float, float] = ERROR_MEAN_M,
    error_sigma_m: float = ERROR_SIGMA_M,
) -> Callable[[Float32Array], Float32Array]:
    """Action (5,) for an observation (9,) of a picker whose errors are drawn now."""
    expert = ScriptedExpert(draw_error(generator, error_mean_m, error_sigma_m))

    def action(observation: Float32Array) -> Float32Array:
        steady, view = expert.action(observation), PickView.of(observation)
        height = view.tool_position[2] - view.object_position[2]
        if height > _STEADY_HEIGHT_M and view.gripper_width > UNTOUCHED_M:
            steady[:2] += TREMOR_M * generator.normal(size=2)
        return steady

    return action


def is_pick_over(observation: Float32Array) -> bool:
    """The cube is up, or the empty hand is."""
    view = PickView.of(observation)
    return bool(view.tool_position[2] > _LIFTED_M and view.gripper_width < _CLOSED_M)
