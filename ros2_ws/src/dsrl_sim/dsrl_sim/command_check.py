"""Whether a stream of set-points is one that an FR3 follows: its own limits, not the robot file's.

https://frankarobotics.github.io/docs/robot_specifications.html: limits of the interface. The
velocity limits are the largest ones; the position-dependent ones inside them are left out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np

from dsrl_core.types import Float64Array, Pose
from dsrl_sim.rotations import rotation_vector

_SLACK: Final = 1.01
"""Rounding of a sender that goes up to its limits."""
_RESTART_PERIODS: Final = 10
"""After a silence as long as this a stream begins anew."""
_START_ROOM: Final = 0.1
"""How far [rad], [m] a stream may begin from where the arm is told to be: an impedance controller
has no such limit, and the first set-points may get lost on a busy machine."""


_Timed: TypeAlias = tuple[float, Float64Array]
"""A time [s] and values (n,)."""


@dataclass(frozen=True)
class Limits:
    """Of velocity, acceleration and jerk, each (n,), and the errors that they raise."""

    velocity: Float64Array
    acceleration: Float64Array
    jerk: Float64Array
    errors: tuple[str, str, str]
    start_error: str


JOINT_LIMITS: Final = Limits(
    np.array([2.62, 2.62, 2.62, 2.62, 5.26, 4.18, 5.26]),
    np.full(7, 10.0),
    np.full(7, 5000.0),
    (
        "joint_motion_generator_velocity_limits_violation",
        "joint_motion_generator_velocity_discontinuity",
        "joint_motion_generator_acceleration_discontinuity",
    ),
    "joint_position_motion_generator_start_pose_invalid",
)
CARTESIAN_LIMITS: Final = Limits(
    np.array([3.0] * 3 + [2.5] * 3),
    np.array([9.0] * 3 + [17.0] * 3),
    np.array([4500.0] * 3 + [8500.0] * 3),
    (
        "cartesian_motion_generator_velocity_limits_violation",
        "cartesian_motion_generator_velocity_discontinuity",
        "cartesian_motion_generator_acceleration_discontinuity",
    ),
    "cartesian_position_motion_generator_start_pose_invalid",
)


class CommandCheck:
    """Differences of the last four set-points, against the limits.

    How much time lies between two of them is told in two ways: one period each, for senders that
    are late now and then, and by their stamps in whole periods, where messages got lost. An error
    is what is one either way.
    """

    def __init__(self, limits: Limits, period_s: float) -> None:
        self._limits = limits
        self._period_s = period_s
        self._counted: deque[_Timed] = deque(maxlen=4)
        self._stamped: deque[_Timed] = deque(maxlen=4)
        self._stamp_ns = 0

    def reset(self) -> None:
        """The next set-point begins a stream."""
        self._counted.clear()
        self._stamped.clear()

    def judge(self, values: Float64Array, stamp_ns: int, held: Float64Array) -> str | None:
        """The error that a set-point (n,) raises, or None; a stamp of 0 is none.

        The first of a stream is compared with `held` (n,), where the arm is told to be now.
        """
        periods = round((stamp_ns - self._stamp_ns) * 1e-9 / self._period_s) if stamp_ns else 1
        self._stamp_ns = stamp_ns
        if not self._counted or periods > _RESTART_PERIODS:
            self.reset()
            self._counted.append((0.0, values))
            self._stamped.append((0.0, values))
            too_far = (np.abs(values - held) > _START_ROOM).any()
            return self._limits.start_error if too_far else None
        self._counted.append((self._counted[-1][0] + self._period_s, values))
        passed_s = max(periods, 1) * self._period_s
        self._stamped.append((self._stamped[-1][0] + passed_s, values))
        error = self._first_violation(self._counted)
        return error and self._first_violation(self._stamped)

    def _first_violation(self, points: deque[_Timed]) -> str | None:
        """Divided differences of order n, times n!, are the n-th derivative somewhere between."""
        times = [time for time, _ in points]
        rows = [values for _, values in points]
        factor = 1.0
        bounds = (self._limits.velocity, self._limits.acceleration, self._limits.jerk)
        for order, bound in enumerate(bounds, start=1):
            if len(rows) < 2:
                break
            rows = [
                (later - earlier) / (times[index + order] - times[index])
                for index, (earlier, later) in enumerate(pairwise(rows))
            ]
            factor *= order
            if (np.abs(rows[-1]) * factor > bound * _SLACK).any():
                return self._limits.errors[order - 1]
        return None


class PoseCheck:
    """The same for poses: positions, and the turns from pose to pose added up."""

    def __init__(self, period_s: float) -> None:
        self._check = CommandCheck(CARTESIAN_LIMITS, period_s)
        self._before: Pose | None = None
        self._angles = np.zeros(3)

    def reset(self) -> None:
        """The next pose begins a stream."""
        self._check.reset()
        self._before = None

    def judge(self, target: Pose, stamp_ns: int, held: Pose) -> str | None:
        """As `CommandCheck.judge`, with the pose that the arm is told to hold now."""
        if self._before is not None:
            self._angles = self._angles + rotation_vector(self._before, target)
        self._before = target
        values = np.concatenate((target.position, self._angles))
        behind = np.concatenate((held.position, self._angles - rotation_vector(held, target)))
        return self._check.judge(values, stamp_ns, behind)
