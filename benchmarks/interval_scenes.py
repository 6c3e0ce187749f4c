"""Two arms of an A/B test whose truth is known, for `intervals.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dsrl_core.types import Float64Array

RATES = (0.0, 0.05, 0.3, 0.5, 0.95, 1.0)


@dataclass(frozen=True)
class Scene:
    """Two arms: their success rates, and how their pairs come about."""

    first: float
    second: float
    kind: str = "independent"

    @property
    def name(self) -> str:
        return f"{self.first:g} against {self.second:g}, {self.kind}"

    @property
    def difference(self) -> float:
        return self.second - self.first

    def draw(self, random: np.random.Generator, runs: int, pairs: int) -> Float64Array:
        """Differences of pairs, (runs, pairs)."""
        return KINDS[self.kind](self, random, (runs, pairs))


def independent(scene: Scene, random: np.random.Generator, shape: tuple[int, int]) -> Float64Array:
    first, second = (random.random(shape) < rate for rate in (scene.first, scene.second))
    return second.astype(np.float64) - first


def matched(scene: Scene, random: np.random.Generator, shape: tuple[int, int]) -> Float64Array:
    """What is hard about a reset is hard for both arms, in two pairs of three."""
    luck = random.random(shape)
    other = np.where(random.random(shape) < 2 / 3, luck, random.random(shape))
    return (other < scene.second).astype(np.float64) - (luck < scene.first)


def drifting(scene: Scene, random: np.random.Generator, shape: tuple[int, int]) -> Float64Array:
    """Both become better as the day goes on, the difference stays."""
    drift = np.linspace(-0.3, 0.3, shape[1])
    first, second = (random.random(shape) < rate + drift for rate in (scene.first, scene.second))
    return second.astype(np.float64) - first


def graded(scene: Scene, random: np.random.Generator, shape: tuple[int, int]) -> Float64Array:
    """Rewards of 0, 1/4, ... 1 with these means."""
    first, second = (random.binomial(4, rate, shape) / 4 for rate in (scene.first, scene.second))
    return second - first


KINDS: dict[str, Callable[..., Float64Array]] = {
    part.__name__: part for part in (independent, matched, drifting, graded)
}
SCENES = (
    *(Scene(rate, rate) for rate in RATES),
    *(Scene(rate, rate, "matched") for rate in (0.3, 0.95)),
    Scene(0.5, 0.5, "drifting"),
    Scene(0.3, 0.3, "graded"),
    *(Scene(*rates) for rates in ((0.0, 0.05), (0.05, 0.3), (0.3, 0.5), (0.5, 0.6), (0.3, 0.95))),
    *(Scene(*rates) for rates in ((0.5, 0.95), (0.95, 0.3), (0.85, 0.95), (0.95, 1.0), (0.0, 1.0))),
    Scene(0.3, 0.5, "matched"),
    Scene(0.4, 0.6, "drifting"),
    Scene(0.3, 0.5, "graded"),
)
