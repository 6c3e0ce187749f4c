"""Makes `franka_place_flow` from nothing: demonstrations, training, measurement, card.

    python policies/franka_place_flow/make.py            # everything, some two minutes on one core
    python policies/franka_place_flow/make.py --measure  # only measure the weights that are here

Forty scripted demonstrations put the cube into the bowl with a lateral error of the grasp and one
of the release, drawn once per demonstration, and a tremor; failures are kept. A flow-matching MLP
learns chunks of four actions from them. The gate, over 300 fresh resets: base success 15-35 %, zero
noise at most 45 %, best of 64 noises by an oracle that knows the simulator's truth at least 90 %.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dsrl_core.types import Float32Array
from dsrl_sim.expert import UNTOUCHED_M, draw_error
from dsrl_sim.placer import PlaceView, ScriptedPlacer, way_to_release
from dsrl_sim.policy_making import Recipe, run

SEED = 4
"""Seed and errors are one of six sets tried, on other resets than those of the measurement."""
GRASP_MEAN_M = (0.014, -0.012)
GRASP_SIGMA_M = 0.016
"""Of a demonstration's constant error of the grasp, in the gripper's frame."""
RELEASE_MEAN_M = (0.028, 0.022)
RELEASE_SIGMA_M = 0.03
"""Of the error of the release, in the base frame; without the means, zero noise would succeed."""
TREMOR_M = 0.005
"""Standard deviation of the hand's lateral tremor per action while it approaches and carries."""
STEADY_HEIGHT_M = 0.02
"""Below this height above the cube, or above the release, the hand is steady."""


def demonstrator(generator: np.random.Generator) -> Callable[[Float32Array], Float32Array]:
    """A placer with two biases and a tremor."""
    expert = ScriptedPlacer(
        draw_error(generator, GRASP_MEAN_M, GRASP_SIGMA_M),
        draw_error(generator, RELEASE_MEAN_M, RELEASE_SIGMA_M),
    )

    def action(observation: Float32Array) -> Float32Array:
        steady, view = expert.action(observation), PlaceView.of(observation)
        height = view.tool_position[2] - view.object_position[2]
        approaches = height > STEADY_HEIGHT_M and view.gripper_width > UNTOUCHED_M
        carries = view.is_in_hand and -way_to_release(view)[2] > STEADY_HEIGHT_M
        if approaches or carries:
            steady[:2] += TREMOR_M * generator.normal(size=2)
        return steady

    return action


def is_over(observation: Float32Array) -> bool:
    """The hand has let go of the cube, or rises without it."""
    return PlaceView.of(observation).is_over


RECIPE = Recipe("franka_place", SEED, 40, demonstrator, is_over)

if __name__ == "__main__":
    run(RECIPE, Path(__file__).parent, __doc__, tremor_mm=1000 * TREMOR_M)
