"""Behaviour to clone, from nothing: linear controllers found by random search, stopped half-way.

Augmented random search, V2-t (Mania et al. 2018, `Simple random search provides a competitive
approach to reinforcement learning`, table 9 for the settings). What a frozen policy is to imitate
is a mixture of what came up on the way, so that there is something to choose between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.environments import StepEnvironment
from dsrl_core.types import Float32Array, Float64Array


@dataclass(frozen=True)
class Search:
    """Settings of the random search on one environment."""

    directions: int
    best: int
    """Directions that a step is made of."""
    step: float
    spread: float
    """Of the perturbations of a weight."""
    survival: float
    """[reward] What every step gives for not having fallen: not counted while searching."""


SEARCHES: Final = {
    "halfcheetah": Search(8, 4, 0.02, 0.03, 0.0),
    "hopper": Search(8, 4, 0.01, 0.025, 1.0),
    "walker2d": Search(16, 8, 0.03, 0.025, 1.0),
}


@dataclass(frozen=True)
class Controller:
    """A linear one: action = weights @ ((observation - mean) / std)."""

    weights: Float64Array
    """(action_size, observation_size)"""
    mean: Float64Array
    std: Float64Array

    def action(self, observation: Float32Array) -> Float64Array:
        return np.asarray(self.weights @ ((observation - self.mean) / self.std))


@dataclass(frozen=True)
class Trajectory:
    """One episode of single actions."""

    observations: Float32Array
    """(n, observation_size)"""
    actions: Float32Array
    """(n, action_size), as executed"""
    rewards: Float64Array


class Moments:
    """Mean and spread of all observations so far (Welford)."""

    def __init__(self, size: int) -> None:
        self.count, self.mean, self._squares = 0, np.zeros(size), np.zeros(size)

    def take(self, values: Float32Array) -> None:
        """Count (n, size) in."""
        count, mean = len(values), values.mean(axis=0, dtype=np.float64)
        total, delta = self.count + count, mean - self.mean
        squares = ((values - mean) ** 2).sum(axis=0)
        self._squares += squares + delta**2 * self.count * count / total
        self.mean = self.mean + delta * count / total
        self.count = total

    @property
    def std(self) -> Float64Array:
        return np.sqrt(np.maximum(self._squares / max(self.count, 1), 1e-8))


def play(
    environment: StepEnvironment,
    controller: Controller,
    seed: int,
    noise: float = 0.0,
    steps_max: int | None = None,
) -> Trajectory:
    """One episode; `noise` is the standard deviation of what is added to every action."""
    generator = np.random.default_rng(seed)
    observation = environment.reset(seed)
    seen, played, rewards = [], [], []
    for _ in range(steps_max or environment.max_steps):
        action = controller.action(observation)
        action = action + noise * generator.standard_normal(action.shape)
        action = np.clip(action, environment.action_low, environment.action_high)
        seen.append(observation)
        played.append(action.astype(np.float32))
        step = environment.step(played[-1])
        rewards.append(step.reward)
        observation = step.observation
        if step.is_done:
            break
    return Trajectory(np.stack(seen), np.stack(played), np.array(rewards))


def search(
    environment: StepEnvironment, settings: Search, seed: int, steps_max: int | None = None
) -> Iterator[Controller]:
    """Controllers, one per step of the search, the first of zero weights."""
    generator = np.random.default_rng(seed)
    sizes = (len(environment.action_low), environment.observation_size)
    weights, moments = np.zeros(sizes), Moments(sizes[1])
    while True:
        controller = Controller(weights, moments.mean, moments.std)
        yield controller
        changes = generator.standard_normal((settings.directions, *sizes))
        returns = np.zeros((settings.directions, 2))
        for index, change in enumerate(changes):
            for side, sign in enumerate((1, -1)):
                tried = Controller(
                    weights + sign * settings.spread * change, controller.mean, controller.std
                )
                start = int(generator.integers(2**31))
                trajectory = play(environment, tried, start, steps_max=steps_max)
                returns[index, side] = (trajectory.rewards - settings.survival).sum()
                moments.take(trajectory.observations)
        best = np.argsort(returns.max(axis=1))[-settings.best :]
        gains = returns[best, 0] - returns[best, 1]
        scale = settings.step / (settings.best * max(returns[best].std(), 1e-6))
        weights = weights + scale * np.tensordot(gains, changes[best], axes=1)
