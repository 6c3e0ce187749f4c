"""Joint motion between the boundaries of actions: a reference, and a follower that keeps limits.

The reference of an action is the straight line in joint space from its start to its end. The
follower runs after it with bounded velocity and acceleration: without lag on a line that goes on,
with a few ticks of it where the line asks for more than the joints can. A follower that also
bounds jerk, at the robot's own rate, takes this one's place with the same two methods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_core.types import Float64Array


@dataclass(frozen=True)
class Line:
    """Straight motion from `start` to `end`, both (joints,) [rad], within a duration."""

    start: Float64Array
    end: Float64Array
    start_ns: int
    duration_ns: int
    velocity: Float64Array
    """Shape (joints,) [rad/s]."""

    @staticmethod
    def between(start: Float64Array, end: Float64Array, start_ns: int, duration_ns: int) -> Line:
        return Line(start, end, start_ns, duration_ns, (end - start) * (1e9 / duration_ns))

    def at(self, time_ns: int) -> Float64Array:
        """The position (joints,) [rad] at a time on the line."""
        share = (time_ns - self.start_ns) / self.duration_ns
        return self.start + (self.end - self.start) * share


class Follower:
    """Runs after a moving target with bounded velocity and acceleration, without overshoot.

    Args of the constructor: limits (joints,) in [rad/s] and [rad/s^2], `period_s` of a set-point.
    """

    def __init__(
        self, velocity_max: Float64Array, acceleration_max: Float64Array, period_s: float
    ) -> None:
        self._velocity_max = velocity_max
        self._period = period_s
        self._change_max = acceleration_max * period_s
        self._near = acceleration_max * period_s**2
        self._twice_acceleration = 2.0 * acceleration_max

    def step(
        self,
        position: Float64Array,
        velocity: Float64Array,
        target: Float64Array,
        target_velocity: Float64Array,
    ) -> Float64Array:
        """Where to be one period from now, all of shape (joints,).

        `target` and `target_velocity` are those of one period from now.
        """
        behind = target - (position + target_velocity * self._period)
        distance = np.abs(behind)
        closing = np.where(
            distance <= self._near,
            distance / self._period,
            braking_velocity(distance, self._twice_acceleration, self._change_max),
        )
        wanted = target_velocity + np.copysign(closing, behind)
        wanted = np.minimum(
            np.maximum(wanted, velocity - self._change_max), velocity + self._change_max
        )
        wanted = np.minimum(np.maximum(wanted, -self._velocity_max), self._velocity_max)
        return position + wanted * self._period

    def stopping_position(self, position: Float64Array, velocity: Float64Array) -> Float64Array:
        """Where it comes to rest, (joints,) [rad], when it brakes from now on."""
        speed = np.abs(velocity)
        way = speed * speed / self._twice_acceleration - 0.5 * speed * self._period
        return position + np.copysign(np.maximum(way, 0.0), velocity)


def braking_velocity(
    room: Float64Array, twice_acceleration: Float64Array, change_max: Float64Array
) -> Float64Array:
    """The largest velocity (joints,) [rad/s] for the next period from which one can stop in `room`.

    With velocity v kept for one period T and then reduced by a T per period, one stops within
    (v + a T / 2)^2 / (2 a). `room` (joints,) [rad] is not negative; `change_max` is a T.
    """
    return np.maximum(np.sqrt(twice_acceleration * room) - 0.5 * change_max, 0.0)
