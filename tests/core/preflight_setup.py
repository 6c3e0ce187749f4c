"""Policies whose steerability is known by construction, and views to measure them on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dsrl_core.catalog import Catalog
from dsrl_core.policies.backend import Encoded, check_decode
from dsrl_core.steering.preflight.examination import Effort, Measured, conclude, examine
from dsrl_core.steering.preflight.judging import judge
from dsrl_core.steering.preflight.thresholds import THRESHOLDS
from dsrl_core.steering.preflight.verdict import Reason
from dsrl_core.steering.preflight.views import View
from dsrl_core.types import Float32Array, Observation, UInt8Array

CATALOG = Catalog.default()
TASK = CATALOG.task("franka_pick")
ROBOT = CATALOG.robot(TASK.robot)
SPEC = CATALOG.policy(TASK.policy)
FIELDS = SPEC.action.fields
SCALE = np.repeat([part.scale for part in FIELDS], [part.size for part in FIELDS])
EFFORT = Effort(views=8, noises=32, decisions=6)

Decode = Callable[[Float32Array, Float32Array], Float32Array]
"""Features (n or 1, 9) and noises (n, 4, 5) to typical magnitudes (n, 4, 5)."""


def steerable(features: Float32Array, noises: Float32Array) -> Float32Array:
    """A third of a typical motion by noise, as much by observation; that alone moves the hand."""
    rows = 0.3 * noises + 0.3 * features[:, None, :5]
    rows[..., 4] = 0.8 * np.sign(features[:, None, 4])
    return rows


class MadePolicy:
    """`PolicyBackend` of a formula."""

    def __init__(self, decode: Decode = steerable) -> None:
        self.spec, self._decode = SPEC, decode
        self.checks_horizon = True

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        return Encoded(observations)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        if self.checks_horizon:
            check_decode(self.spec, encoded, noises)
        return np.asarray(SCALE * self._decode(encoded.features, noises), dtype=np.float32)

    def digest(self) -> str:
        return "0" * 64

    def close(self) -> None:
        """Nothing is held."""


def views(count: int = 8) -> tuple[View, ...]:
    """Random observations, each with one after it."""
    drawn = np.random.default_rng(0).standard_normal((2 * count, 9), dtype=np.float32)
    seen = [Observation(index, values) for index, values in enumerate(drawn)]
    return tuple(View(seen[2 * i], seen[2 * i + 1], 4) for i in range(count))


class Clock:
    """Time passes by what the test says."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def examined(policy: MadePolicy, clock: Callable[[], float] | None = None) -> Measured:
    """Measured with little effort; without a clock decisions take no time."""
    return examine(TASK, ROBOT, policy, views(), 1000, EFFORT, clock=clock or Clock())


def reasons(
    policy: MadePolicy, clock: Callable[[], float] | None = None, **steering: object
) -> dict[str, Reason]:
    """What speaks against a policy in a task whose steering is changed by these."""
    changed = replace(TASK, steering=replace(TASK.steering, **steering))  # type: ignore[arg-type]
    clock = clock or Clock()
    measured = examine(changed, ROBOT, policy, views(), 1000, EFFORT, clock=clock)
    found = conclude(changed, SPEC, measured, (), 8)
    return {reason.name: reason for reason in judge(found, THRESHOLDS)}
