"""What tells the arm where to be, millisecond by millisecond: controllers, brakes, planned ways."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from dsrl_core.types import Float64Array
from dsrl_sim.trajectories import JointTrajectory, Reference

BRAKE_RAD_S2: Final = 10.0
"""Deceleration of a stop: the largest acceleration that the joints are specified for."""


class Motion(Protocol):
    """A source of joint references."""

    def sample(self, now_ns: int) -> Reference:
        """Where the joints are to be at a time that never decreases."""


class Hold:
    """Stay where told."""

    def __init__(self, position: Float64Array) -> None:
        rest = np.zeros_like(position)
        self._reference = Reference(position.copy(), rest, rest)

    def sample(self, now_ns: int) -> Reference:
        return self._reference


class Brake:
    """Come to rest as fast as the joints may, and stay there."""

    def __init__(self, position: Float64Array, velocity: Float64Array, now_ns: int) -> None:
        self._start, self._velocity, self._start_ns = position.copy(), velocity.copy(), now_ns
        self._duration_s = np.abs(velocity) / BRAKE_RAD_S2
        self._deceleration = np.copysign(BRAKE_RAD_S2, velocity)

    def sample(self, now_ns: int) -> Reference:
        time_s = np.minimum((now_ns - self._start_ns) * 1e-9, self._duration_s)
        velocity = self._velocity - self._deceleration * time_s
        position = self._start + (self._velocity - 0.5 * self._deceleration * time_s) * time_s
        return Reference(position, velocity, np.zeros_like(velocity))


class Streamed:
    """The way to the newest set-point within a duration, and then its keeping for ever.

    As crisp's controllers: no time-out, and stamps do not count.
    """

    def __init__(
        self, held: Reference, target: Float64Array, now_ns: int, duration_ns: int
    ) -> None:
        self._start, self._target = held.position, target
        self._start_ns, self._duration_ns = now_ns, duration_ns
        self._velocity = (target - held.position) * (1e9 / duration_ns)
        self._rest = np.zeros_like(target)

    def sample(self, now_ns: int) -> Reference:
        passed_ns = now_ns - self._start_ns
        if passed_ns >= self._duration_ns:
            return Reference(self._target, self._rest, self._rest)
        position = self._start + self._velocity * (passed_ns * 1e-9)
        return Reference(position, self._velocity, self._rest)


class Played:
    """A joint trajectory, whose last point is kept."""

    def __init__(self, trajectory: JointTrajectory) -> None:
        self._trajectory = trajectory

    def sample(self, now_ns: int) -> Reference:
        return self._trajectory.sample(now_ns)


class PointToPoint:
    """From rest to rest: all joints together, fifth-order in time, within their limits."""

    def __init__(
        self,
        start: Float64Array,
        goal: Float64Array,
        velocity_max: Float64Array,
        acceleration_max: Float64Array,
        now_ns: int,
    ) -> None:
        self._start, self._way, self._start_ns = start.copy(), goal - start, now_ns
        distance = np.abs(self._way)
        # The largest derivatives of 10 s^3 - 15 s^4 + 6 s^5 are 15/8 and 10/sqrt(3).
        by_velocity = 1.875 * distance / velocity_max
        by_acceleration = np.sqrt(10.0 / np.sqrt(3.0) * distance / acceleration_max)
        self.duration_s = float(max(by_velocity.max(), by_acceleration.max(), 1e-3))

    def sample(self, now_ns: int) -> Reference:
        span = self.duration_s
        s = min(max((now_ns - self._start_ns) * 1e-9 / span, 0.0), 1.0)
        share = s**3 * (10.0 + s * (6.0 * s - 15.0))
        rate = 30.0 * s**2 * (1.0 - s) ** 2 / span
        change = 60.0 * s * (1.0 - s) * (1.0 - 2.0 * s) / span**2
        return Reference(self._start + self._way * share, self._way * rate, self._way * change)
