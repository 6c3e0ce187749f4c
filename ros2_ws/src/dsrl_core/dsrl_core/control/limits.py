"""Keeps a stream of set-points within the joints' limits, whatever is asked for.

A set-point is a motion: position, velocity, acceleration. What is asked for passes unchanged if the
joints can get there within one period with bounded jerk, and if a brake from there stays inside the
joints' range. Otherwise ruckig, a library for jerk-limited trajectories, leads towards it; and
where that could not be stopped in time either, the brake that was found for the last set-point is
begun. So there is always a way to stop, by induction, and velocity, acceleration and jerk of what
goes out are bounded for every input.
"""

from __future__ import annotations

import atexit
import math
import weakref
from dataclasses import dataclass
from typing import Final

import numpy as np
from ruckig import (
    ControlInterface,
    InputParameter,
    Result,
    Ruckig,
    RuckigError,
    Synchronization,
    Trajectory,
)

from dsrl_core.control.motion import Motion
from dsrl_core.types import Float64Array

_OWN_SHARE: Final = 0.98
"""Share of the limits that the limiter's own trajectories use, so that rounding cannot exceed."""
_LOOK_AHEAD: Final = 2
"""Periods after which a trajectory towards a moving target is to be there."""
_ROUNDING: Final = 1e-9
_STRIDE_RAD: Final = 0.04
"""Sum of the joints' ways between two positions of a brake that are looked at: an arm that reaches
a metre moves its tool by less than 4 cm."""


@dataclass(frozen=True)
class JointLimits:
    """Limits of the joints, each (joints,), in SI units."""

    low: Float64Array
    high: Float64Array
    velocity: Float64Array
    acceleration: Float64Array
    jerk: Float64Array


@dataclass(frozen=True)
class Brake:
    """How the arm comes to rest from a motion."""

    begin: Motion
    stop: Float64Array
    """Where it stands then, (joints,) [rad]."""
    way: tuple[Float64Array, ...]
    """Positions on the way, each (joints,) [rad], from the beginning to the stop."""
    is_inside: bool
    """Whether every joint stays in its range on the way."""


class Limiter:
    """The limits of one arm and a period [s]; keeps nothing from call to call but its memory."""

    def __init__(self, limits: JointLimits, period_s: float) -> None:
        self.limits = limits
        self._period = period_s
        self._joints = len(limits.low)
        self._otg = Ruckig(self._joints)
        self._braking = self._input(ControlInterface.Velocity)
        self._braking.target_velocity = np.zeros(self._joints)
        self._braking.synchronization = Synchronization.No
        self._leading = self._input(ControlInterface.Position)
        self._leading.synchronization = Synchronization.No
        self._leading.minimum_duration = _LOOK_AHEAD * period_s
        self._solve = _jerks_of_errors(period_s)
        _LIMITERS.add(self)

    def is_reachable(self, now: Motion, wanted: Motion) -> bool:
        """Whether a motion is one period away, with three stretches of constant, bounded jerk."""
        limits, period = self.limits, self._period
        errors = np.stack(
            [
                wanted.position
                - now.position
                - period * (now.velocity + 0.5 * period * now.acceleration),
                wanted.velocity - now.velocity - period * now.acceleration,
                wanted.acceleration - now.acceleration,
            ]
        )
        jerks = self._solve @ errors
        if (np.abs(jerks) > limits.jerk).any():
            return False
        part = period / 3.0
        acceleration, velocity = now.acceleration, now.velocity
        for jerk in jerks:
            velocity = velocity + part * (acceleration + 0.5 * part * jerk)
            acceleration = acceleration + part * jerk
            if (np.abs(acceleration) > limits.acceleration + _ROUNDING).any():
                return False
            if (np.abs(velocity) > limits.velocity + _ROUNDING).any():
                return False
        return True

    def broken_rules(self, now: Motion, wanted: Motion) -> list[str]:
        """Names of the limits that a motion one period from now would break."""
        limits, period = self.limits, self._period
        velocity = (wanted.position - now.position) / period
        acceleration = (velocity - now.velocity) / period
        fastest = np.maximum(np.abs(velocity), np.abs(wanted.velocity))
        hardest = np.maximum(np.abs(acceleration), np.abs(wanted.acceleration))
        found = {
            "joint_position": (wanted.position < limits.low) | (wanted.position > limits.high),
            "joint_velocity": fastest > limits.velocity + _ROUNDING,
            "joint_acceleration": hardest > limits.acceleration + _ROUNDING,
        }
        broken = [rule for rule, where in found.items() if where.any()]
        if not broken and not self.is_reachable(now, wanted):
            broken = ["joint_jerk"]
        return broken

    def towards(
        self, now: Motion, position: Float64Array, velocity: Float64Array, share: float = 1.0
    ) -> Motion | None:
        """The motion one period from now on the way to a position and a velocity there.

        `share` of the velocity limits is used. None where there is no such way.
        """
        limits, goal = self.limits, self._leading
        fastest = share * _OWN_SHARE * limits.velocity
        goal.max_velocity = fastest
        goal.target_position = np.minimum(np.maximum(position, limits.low), limits.high)
        goal.target_velocity = np.minimum(np.maximum(velocity, -fastest), fastest)
        trajectory = self._trajectory(goal, now)
        return None if trajectory is None else _at(trajectory, self._period)

    def brake(self, now: Motion) -> Brake | None:
        """The quickest way to rest, or None where ruckig finds none."""
        trajectory = self._trajectory(self._braking, now)
        if trajectory is None:
            return None
        stop, limits = _at(trajectory, trajectory.duration).position, self.limits
        # A joint that slows down hard turns round before it rests: while an acceleration a is taken
        # back with jerk j, the velocity changes by a^2 / 2 j within a / j.
        size, jerk = np.abs(now.acceleration), _OWN_SHARE * limits.jerk
        turns = np.abs(now.velocity) < size * size / (2.0 * jerk)
        turn = np.where(turns, size**3 / (jerk * jerk), 0.0) - 2.0 * _ROUNDING
        is_above = np.minimum(now.position, stop) - turn >= limits.low
        is_below = np.maximum(now.position, stop) + turn <= limits.high
        return Brake(now, stop, _way(trajectory, now, stop), bool((is_above & is_below).all()))

    def along(self, brake: Brake, after_s: float) -> Motion:
        """The motion on a brake so long after its beginning; at rest at its end."""
        trajectory = self._trajectory(self._braking, brake.begin)
        if trajectory is None or after_s >= trajectory.duration:
            return Motion.rest(brake.stop)
        return _at(trajectory, after_s)

    def close(self) -> None:
        """Let go of the library's objects."""
        del self._otg, self._braking, self._leading

    def _input(self, interface: ControlInterface) -> InputParameter:
        goal, limits = InputParameter(self._joints), self.limits
        goal.control_interface = interface
        goal.max_velocity = _OWN_SHARE * limits.velocity
        goal.max_acceleration = _OWN_SHARE * limits.acceleration
        goal.max_jerk = _OWN_SHARE * limits.jerk
        return goal

    def _trajectory(self, goal: InputParameter, now: Motion) -> Trajectory | None:
        goal.current_position, goal.current_velocity = now.position, now.velocity
        goal.current_acceleration = now.acceleration
        trajectory = Trajectory(self._joints)
        try:
            result = self._otg.calculate(goal, trajectory)
        except RuckigError:
            return None
        return trajectory if result in (Result.Working, Result.Finished) else None


_LIMITERS: Final[weakref.WeakSet[Limiter]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """The library complains on stderr about every object that outlives the interpreter."""
    for limiter in _LIMITERS:
        limiter.close()


def _way(trajectory: Trajectory, now: Motion, stop: Float64Array) -> tuple[Float64Array, ...]:
    """Positions along a brake, about equally far apart if it slows down steadily."""
    strides = math.ceil(float(np.abs(stop - now.position).sum()) / _STRIDE_RAD)
    shares = [1.0 - math.sqrt(1.0 - stride / strides) for stride in range(1, strides)]
    between = [_at(trajectory, share * trajectory.duration).position for share in shares]
    return (now.position, *between, stop) if strides else (stop,)


def _at(trajectory: Trajectory, time_s: float) -> Motion:
    position, velocity, acceleration = trajectory.at_time(time_s)
    return Motion(np.array(position), np.array(velocity), np.array(acceleration))


def _jerks_of_errors(period_s: float) -> Float64Array:
    """(3, 3): the jerks of three equal stretches of a period that add up to given changes of
    position, velocity and acceleration beyond those of no jerk at all."""
    part = period_s / 3.0
    position = [part**3 / 6.0 * (3 * (2 - k) ** 2 + 3 * (2 - k) + 1) for k in range(3)]
    velocity = [part**2 * ((2 - k) + 0.5) for k in range(3)]
    return np.linalg.inv(np.array([position, velocity, [part] * 3]))
