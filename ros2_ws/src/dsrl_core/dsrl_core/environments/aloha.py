"""ALOHA's transfer of a cube between two arms (gym-aloha), as DSRL steered pi0 on it.

Facts: github.com/nakamotoo/dsrl_pi0 `examples/train_sim.py` (400 steps, the camera on top, success
at the largest reward); github.com/huggingface/gym-aloha `tasks/sim.py` (actions are absolute joint
angles and gripper openings, although the action space says -1 to 1). Reward success - 1 per action.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from dsrl_core.environments.episode_clock import EpisodeClock
from dsrl_core.environments.packages import package
from dsrl_core.environments.step_environment import Step, sparse_step
from dsrl_core.types import Float32Array, UInt8Array

REMEDY: Final = "pip install gym-aloha"
ID: Final = "gym_aloha/AlohaTransferCube-v0"
_ARM_LOW: Final = [-math.pi] * 6 + [0.0]
_ARM_HIGH: Final = [math.pi] * 6 + [1.0]


class Aloha:
    """`StepEnvironment`; the vector is the joints and grippers of both arms."""

    observation_size = 14
    max_steps = 400
    period_s = 0.02
    images_shape = (1, 480, 640, 3)

    def __init__(self, name: str) -> None:
        """
        Raises:
            MissingPackage: gym-aloha, or something that it needs, is not installed.
        """
        self.name = name
        package("gym_aloha", name, REMEDY)  # registers the id
        package("gym_aloha.env", name, REMEDY)
        gymnasium = package("gymnasium", name, REMEDY)
        self._world = gymnasium.make(
            ID, obs_type="pixels_agent_pos", max_episode_steps=self.max_steps
        )
        self.action_low = np.array(2 * _ARM_LOW, np.float32)
        self.action_high = np.array(2 * _ARM_HIGH, np.float32)
        self._seen: Mapping[str, Any] | None = None
        self._clock = EpisodeClock(name, self.max_steps)

    @property
    def images(self) -> UInt8Array | None:
        if self._seen is None:
            return None
        return np.asarray(self._seen["pixels"]["top"], np.uint8)[None]

    def reset(self, seed: int) -> Float32Array:
        self._clock.start()
        # It seeds a generator of numpy's old kind, whose seeds have 32 bits.
        self._seen, _ = self._world.reset(seed=seed % 2**32)
        return self._vector(self._seen)

    def step(self, action: Float32Array) -> Step:
        self._clock.require_running()
        self._seen, _, terminated, truncated, _ = self._world.step(action)
        success = bool(terminated)
        is_late = self._clock.tick(success or bool(truncated))
        return sparse_step(self._vector(self._seen), success, is_late or bool(truncated))

    def close(self) -> None:
        self._world.close()

    def _vector(self, seen: Mapping[str, Any]) -> Float32Array:
        return np.asarray(seen["agent_pos"], np.float32)
