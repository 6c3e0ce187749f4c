"""Joint trajectories as joint_trajectory_controller takes and samples them (ros2_controllers)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.types import Float64Array, to_nanoseconds

_NONE: Float64Array = np.empty(0)


@dataclass(frozen=True)
class Point:
    """A knot: seconds after the start; positions, velocities, accelerations (joints,) or empty."""

    time_s: float
    positions: Float64Array
    velocities: Float64Array = field(default_factory=lambda: _NONE)
    accelerations: Float64Array = field(default_factory=lambda: _NONE)


@dataclass(frozen=True)
class Reference:
    """Where the joints are to be, (joints,) [rad], [rad/s] and [rad/s^2]."""

    position: Float64Array
    velocity: Float64Array
    acceleration: Float64Array


@dataclass(frozen=True)
class JointTrajectory:
    """A trajectory that was accepted: from where the arm was told to be, through all points."""

    start_ns: int
    points: tuple[Point, ...]
    """The first one is the desired state at the start."""

    @staticmethod
    def accept(
        names: Sequence[str],
        points: Sequence[Point],
        stamp_ns: int,
        joint_names: Sequence[str],
        now_ns: int,
        desired: Reference,
    ) -> JointTrajectory:
        """In the order of `joint_names`; a stamp of 0 means now.

        Raises:
            InvalidValue: what joint_trajectory_controller refuses, with the reason.
        """
        if not points:
            raise InvalidValue("empty trajectory, expected at least one point")
        if len(names) != len(joint_names) or set(names) != set(joint_names):
            raise InvalidValue(f"trajectory of {list(names)}, expected {list(joint_names)}")
        order = [list(names).index(name) for name in joint_names]
        taken = tuple(_ordered(index, point, order) for index, point in enumerate(points))
        times = [point.time_s for point in taken]
        if times[0] < 0 or any(b <= a for a, b in pairwise(times)):
            raise InvalidValue(f"times from start {times}, expected strictly increasing ones")
        last = taken[-1]
        if last.velocities.size and np.abs(last.velocities).max() > 1e-5:
            raise InvalidValue(
                f"velocity of the last point {last.velocities.tolist()}, expected 0 (as without "
                "allow_nonzero_velocity_at_trajectory_end)"
            )
        start_ns = stamp_ns or now_ns
        if stamp_ns and stamp_ns + to_nanoseconds(last.time_s) < now_ns:
            late_s = (now_ns - stamp_ns) * 1e-9 - last.time_s
            raise InvalidValue(f"trajectory that ended {late_s:.3f} s ago")
        begin_s = (now_ns - start_ns) * 1e-9
        begin = Point(begin_s, desired.position, desired.velocity, desired.acceleration)
        ahead = tuple(point for point in taken if point.time_s > begin_s)
        # Points that are over already are left out: the way goes straight to the next one.
        return JointTrajectory(start_ns, (begin, *(ahead or (last,))))

    def later(self, by_ns: int) -> JointTrajectory:
        """The same from its beginning on, but with all points so much later."""
        begin, *points = self.points
        begin = replace(begin, time_s=begin.time_s - by_ns * 1e-9)
        return JointTrajectory(self.start_ns + by_ns, (begin, *points))

    def sample(self, now_ns: int) -> Reference:
        """Linear, cubic or quintic between two points, by what both of them give; held outside."""
        time_s = (now_ns - self.start_ns) * 1e-9
        for before, after in pairwise(self.points):
            if time_s < after.time_s:
                return _between(before, after, max(time_s, before.time_s))
        rest = np.zeros_like(self.points[-1].positions)
        return Reference(self.points[-1].positions, rest, rest)


def _ordered(index: int, point: Point, order: list[int]) -> Point:
    joints, parts = len(order), []
    for name in ("positions", "velocities", "accelerations"):
        values = getattr(point, name)
        allowed = (joints,) if name == "positions" else (0, joints)
        if values.size not in allowed or not np.isfinite(values).all():
            raise InvalidValue(
                f"point {index}: {name} {values.tolist()}, expected {joints} finite values"
            )
        parts.append(values[order] if values.size else values)
    return Point(point.time_s, *parts)


def _between(before: Point, after: Point, time_s: float) -> Reference:
    """The polynomial of least order through what is given at both ends."""
    span, t = after.time_s - before.time_s, time_s - before.time_s
    if span <= 0:
        rest = np.zeros_like(after.positions)
        return Reference(after.positions, rest, rest)
    p, way = before.positions, after.positions - before.positions
    zero = np.zeros_like(p)
    if not (before.velocities.size and after.velocities.size):
        return Reference(p + way * (t / span), way / span, zero)
    v, w = before.velocities, after.velocities
    if not (before.accelerations.size and after.accelerations.size):
        c = (3 * way / span - 2 * v - w) / span
        d = (v + w - 2 * way / span) / span**2
        position = p + t * (v + t * (c + t * d))
        return Reference(position, v + t * (2 * c + t * 3 * d), 2 * c + 6 * d * t)
    a, b = before.accelerations, after.accelerations
    c = a / 2
    d = (20 * way - (8 * w + 12 * v) * span - (3 * a - b) * span**2) / (2 * span**3)
    e = (-30 * way + (14 * w + 16 * v) * span + (3 * a - 2 * b) * span**2) / (2 * span**4)
    f = (12 * way - 6 * (w + v) * span + (b - a) * span**2) / (2 * span**5)
    position = p + t * (v + t * (c + t * (d + t * (e + t * f))))
    velocity = v + t * (2 * c + t * (3 * d + t * (4 * e + t * 5 * f)))
    return Reference(position, velocity, 2 * c + t * (6 * d + t * (12 * e + t * 20 * f)))
