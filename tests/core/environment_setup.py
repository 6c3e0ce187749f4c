"""A tiny deterministic environment, and deciders for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dsrl_core.environments.episode_clock import EpisodeClock
from dsrl_core.environments.step_environment import Step
from dsrl_core.types import Decision, Float32Array, Mode, Observation

EDGE = 1.0


class Line:
    """A point on a line that every action pushes; beyond the edge it falls. Seen: place, time.

    The reward is the place that it comes to. Success is to be beyond `goal`, which ends the episode
    if `goal_ends`.
    """

    name = "line"
    observation_size = 2
    period_s = 0.1
    images_shape = None
    images = None
    action_low = np.array([-0.25], np.float32)
    action_high = np.array([0.25], np.float32)

    def __init__(self, max_steps: int = 10, goal: float = np.inf, goal_ends: bool = False) -> None:
        self.max_steps, self._goal, self._goal_ends = max_steps, goal, goal_ends
        self.played: list[float] = []
        self._place, self._clock = 0.0, EpisodeClock(self.name, max_steps)

    def reset(self, seed: int) -> Float32Array:
        self._place = float(np.random.default_rng(seed).uniform(0.0, 0.1))
        self.played = []
        self._clock.start()
        return self._seen()

    def step(self, action: Float32Array) -> Step:
        self._clock.require_running()
        self.played.append(float(action[0]))
        self._place += float(action[0])
        success = self._place > self._goal
        terminated = abs(self._place) > EDGE or (success and self._goal_ends)
        is_late = self._clock.tick(terminated)
        return Step(self._seen(), self._place, terminated, is_late and not terminated, success)

    def close(self) -> None:
        """It holds nothing."""

    def _seen(self) -> Float32Array:
        return np.array([self._place, 0.1 * len(self.played)], np.float32)


@dataclass
class Pusher:
    """`Decider` whose chunks push by the same amount again and again."""

    push: float
    horizon: int = 4
    seen: list[Observation] = field(default_factory=list)

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        self.seen.append(observation)
        chunk = np.full((self.horizon, 1), self.push, np.float32)
        return Decision(episode, sequence, observation, chunk, chunk, chunk, "base")
