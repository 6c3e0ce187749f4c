"""Where joints are to be: a straight line per action, and a smooth way into it from any motion.

The reference of an action is the straight line in joint space from its start to its end. The arm
gets onto it by a quintic from whatever it does at that moment, so that position, velocity and
acceleration go on without a jump (C2): across the seams of chunks, and when a chunk comes late or
replaces another one half way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.types import Float64Array


@dataclass(frozen=True)
class Motion:
    """Position [rad], velocity [rad/s] and acceleration [rad/s^2] of the joints, each (joints,)."""

    position: Float64Array
    velocity: Float64Array
    acceleration: Float64Array

    @staticmethod
    def rest(position: Float64Array) -> Motion:
        still = np.zeros(len(position))
        return Motion(position, still, still)


@dataclass(frozen=True)
class Line:
    """Straight motion from `start` to `end`, both (joints,) [rad], within a duration."""

    start: Float64Array
    start_ns: int
    velocity: Float64Array
    """Shape (joints,) [rad/s]."""

    @staticmethod
    def between(start: Float64Array, end: Float64Array, start_ns: int, duration_ns: int) -> Line:
        return Line(start, start_ns, (end - start) * (1e9 / duration_ns))

    @staticmethod
    def rest(position: Float64Array) -> Line:
        """No motion at all."""
        return Line(position, 0, np.zeros(len(position)))

    def at(self, time_ns: int) -> Float64Array:
        """The position (joints,) [rad] at a time; the line goes on before and after its action."""
        return self.start + self.velocity * ((time_ns - self.start_ns) * 1e-9)


def unusable(what: str, values: Float64Array, joints: int) -> str:
    """Why values (joints,) cannot be used, for people; empty: they can."""
    if values.shape != (joints,):
        return f"the {what} has shape {values.shape}, expected {(joints,)}"
    if not all(map(math.isfinite, values.tolist())):
        return f"the {what} is not finite: {values.tolist()}"
    return ""


BLEND_S: Final = (0.04, 0.06, 0.08, 0.1, 0.13, 0.17)
"""Durations of a way into a line, of which the first is taken that asks for no more than the
joints can do. Short ones follow the actions closely."""

_ROUNDING: Final = 1e-6
_SHARES: Final = np.linspace(0.0, 1.0, 9)
"""Where a quintic is looked at; between two of them it exceeds what it is there by little."""


class Approach:
    """From a motion at one time into a line, C2 at both ends; after that the line itself.

    Relative to the line the way is a quintic x(s) with x, x', x'' given at s = 0 and zero at s = 1.
    """

    def __init__(self, begin: Motion, begin_ns: int, line: Line, limits: Limits) -> None:
        self._line, self._begin_ns = line, begin_ns
        offset = begin.position - line.at(begin_ns)
        slip = begin.velocity - line.velocity
        for duration in BLEND_S:
            self._factors = _quintic(offset, slip, begin.acceleration, duration)
            self._duration = duration
            self.is_possible = limits.allow(self._factors, duration, line.velocity, begin)
            """Whether the joints can do it; else the line is too far away for a smooth way."""
            if self.is_possible:
                break
        self._end_ns = begin_ns + round(self._duration * 1e9)

    def at(self, time_ns: int) -> Motion:
        """The motion at a time that is not before the beginning."""
        line = self._line
        position = line.at(time_ns)
        if time_ns >= self._end_ns:
            return Motion(position, line.velocity, np.zeros(len(position)))
        duration = self._duration
        share = (time_ns - self._begin_ns) * 1e-9 / duration
        away, slip, acceleration = _powers(share) @ self._factors
        return Motion(
            position + away, line.velocity + slip / duration, acceleration / (duration * duration)
        )


class Limits:
    """What an approach may ask for; all (joints,) in [rad/s], [rad/s^2] and [rad/s^3]."""

    def __init__(self, velocity: Float64Array, acceleration: Float64Array, jerk: Float64Array):
        self._velocity, self._acceleration, self._jerk = velocity, acceleration, jerk

    def allow(
        self, factors: Float64Array, duration: float, velocity: Float64Array, begin: Motion
    ) -> bool:
        """Whether a quintic of these factors (6, joints) beside a line of `velocity` keeps them.
        Where it begins faster than a limit, it may be as fast as that."""
        fastest = np.maximum(self._velocity, np.abs(begin.velocity))
        hardest = np.maximum(self._acceleration, np.abs(begin.acceleration))
        shares = (
            (_VELOCITIES @ factors / duration + velocity) / fastest,
            _ACCELERATIONS @ factors / (hardest * duration**2),
            _JERKS @ factors / (self._jerk * duration**3),
        )
        return all(float(np.abs(share).max()) <= 1.0 + _ROUNDING for share in shares)


def _quintic(
    offset: Float64Array, slip: Float64Array, acceleration: Float64Array, duration: float
) -> Float64Array:
    """Factors (6, joints) of 1, s .. s^5 that lead an offset to zero within a duration [s]."""
    x, v, a = offset, slip * duration, 0.5 * acceleration * (duration * duration)
    return np.stack(
        [
            x,
            v,
            a,
            -10.0 * x - 6.0 * v - 3.0 * a,
            15.0 * x + 8.0 * v + 3.0 * a,
            -6.0 * x - 3.0 * v - a,
        ]
    )


def _powers(s: float) -> Float64Array:
    """Powers of s (3, 6) for a polynomial and its first two derivatives."""
    s2, s3, s4 = s * s, s * s * s, s * s * s * s
    return np.array(
        [
            [1.0, s, s2, s3, s4, s4 * s],
            [0.0, 1.0, 2.0 * s, 3.0 * s2, 4.0 * s3, 5.0 * s4],
            [0.0, 0.0, 2.0, 6.0 * s, 12.0 * s2, 20.0 * s3],
        ]
    )


_VELOCITIES: Final = np.stack([_powers(s)[1] for s in _SHARES])
_ACCELERATIONS: Final = np.stack([_powers(s)[2] for s in _SHARES])
_JERKS: Final = np.stack([[0.0, 0.0, 0.0, 6.0, 24.0 * s, 60.0 * s * s] for s in _SHARES])
