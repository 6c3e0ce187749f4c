"""The seam to a benchmark: one action at a time, a vector back, and why an episode is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dsrl_core.types import Float32Array, UInt8Array


@dataclass(frozen=True)
class Step:
    """What became of one action."""

    observation: Float32Array
    """(observation_size,), seen after the action: never of the episode that follows."""
    reward: float
    terminated: bool = False
    """Over for good: what follows is worth nothing."""
    truncated: bool = False
    """Cut short, by time: what would have followed is worth something."""
    success: bool = False
    """Whether the task is fulfilled now; never where a benchmark counts rewards alone."""

    @property
    def is_done(self) -> bool:
        return self.terminated or self.truncated


def sparse_step(observation: Float32Array, success: bool, is_late: bool) -> Step:
    """Of a task that rewards nothing but success: success - 1 per action, and success ends it.

    Source: github.com/ajwagen/dsrl `env_utils.py` (`reward_offset: 1`).
    """
    late = is_late and not success
    return Step(observation, float(success) - 1.0, success, late, success)


class StepEnvironment(Protocol):
    """A benchmark's task; actions are float32, laid out as the benchmark does."""

    @property
    def name(self) -> str: ...

    @property
    def observation_size(self) -> int: ...

    @property
    def action_low(self) -> Float32Array:
        """(action_size,): smallest action that `step` takes."""
        ...

    @property
    def action_high(self) -> Float32Array:
        """(action_size,)"""
        ...

    @property
    def max_steps(self) -> int:
        """Actions after which an episode is truncated at the latest."""
        ...

    @property
    def period_s(self) -> float:
        """Time that one action takes."""
        ...

    @property
    def images_shape(self) -> tuple[int, int, int, int] | None:
        """(cameras, height, width, 3); None without cameras."""
        ...

    @property
    def images(self) -> UInt8Array | None:
        """What the cameras see now, RGB, of `images_shape`."""
        ...

    def reset(self, seed: int) -> Float32Array:
        """Begin an episode; equal seeds, below 2**63, give equal starts: (observation_size,)."""
        ...

    def step(self, action: Float32Array) -> Step:
        """Play one action (action_size,), within its bounds.

        Raises:
            InvalidValue: no episode is running.
        """
        ...

    def close(self) -> None: ...
