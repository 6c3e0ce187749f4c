"""Locomotion of Gymnasium: HalfCheetah, Hopper and Walker2d on MuJoCo.

The paper used the tasks of D4RL (`hopper-medium-v2`); `-v5` is the present form of the same tasks.
Sources: github.com/ajwagen/dsrl `cfg/gym/`; gymnasium.farama.org/environments/mujoco. Rewards are
the environment's own, a fall terminates, 1000 actions truncate. There is no success.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dsrl_core.environments.episode_clock import EpisodeClock
from dsrl_core.environments.packages import MissingPackage, package
from dsrl_core.environments.step_environment import Step
from dsrl_core.types import Float32Array

REMEDY: Final = 'pip install "dsrl-core[gym]"'
IDS: Final = {"halfcheetah": "HalfCheetah-v5", "hopper": "Hopper-v5", "walker2d": "Walker2d-v5"}


class Locomotion:
    """`StepEnvironment` of a Gymnasium id."""

    images_shape = None
    images = None

    def __init__(self, name: str) -> None:
        """
        Raises:
            MissingPackage: gymnasium, or what its MuJoCo tasks need, is not installed.
        """
        self.name = name
        gymnasium = package("gymnasium", name, REMEDY)
        try:
            self._world = gymnasium.make(IDS[name])
        except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
            missing = getattr(error, "name", None) or "gymnasium[mujoco]"
            raise MissingPackage(name, missing, REMEDY) from error
        self.observation_size = int(self._world.observation_space.shape[0])
        self.action_low = np.asarray(self._world.action_space.low, np.float32)
        self.action_high = np.asarray(self._world.action_space.high, np.float32)
        self.max_steps = int(self._world.spec.max_episode_steps)
        self.period_s = float(self._world.unwrapped.dt)
        self._clock = EpisodeClock(name, self.max_steps)

    def reset(self, seed: int) -> Float32Array:
        self._clock.start()
        return np.asarray(self._world.reset(seed=seed)[0], np.float32)

    def step(self, action: Float32Array) -> Step:
        self._clock.require_running()
        seen, reward, terminated, truncated, _ = self._world.step(action)
        is_late = self._clock.tick(bool(terminated or truncated))
        return Step(
            np.asarray(seen, np.float32),
            float(reward),
            terminated=bool(terminated),
            truncated=(bool(truncated) or is_late) and not terminated,
        )

    def close(self) -> None:
        self._world.close()
