"""The only place that clamps or refuses: what leaves here obeys the robot file's limits.

A rule either clamps, which is counted under its name, or holds: the arm brakes to a standstill
within its limits and stays there until the next `start`, and `hold_reason` says why.

| rule | does | when |
|---|---|---|
| workspace | clamps | the commanded tool point leaves the box |
| reach | clamps | no joints put the tool where it is commanded |
| row_velocity | clamps | an action asks a joint to go further than it can in the action's time |
| gripper_width | clamps | a width below 0 or above the gripper's |
| joint_position, joint_velocity, joint_acceleration | clamp | per set-point |
| tracking_error | clamps, then holds | a set-point runs away from the measured position |
| finite | holds | a set-point or a measurement is no number, or of the wrong shape |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.control.interpolation import braking_velocity
from dsrl_core.control.kinematics import Solution
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array

_TOLERANCE: Final = 1e-9
"""Rounding that is no clamp."""
_ROW_SHARE: Final = 0.9
"""Share of the largest velocity that an action may ask for, so that a lag can be made up."""
_REACH_TOLERANCE_M: Final = 1e-3
_REACH_TOLERANCE_RAD: Final = 1e-2
_WORKSPACE_MARGIN_M: Final = 2e-3
"""How far a line in joint space may bulge out of the box between two points inside."""


@dataclass(frozen=True)
class SafetyReport:
    """What the rules did since `start`."""

    set_points: int
    clamped: dict[str, int]
    """How often each rule clamped; a rule that never did is absent."""
    hold_reason: str | None


class Safety:
    """Limits of one arm, and the set-point that it was given last."""

    def __init__(self, robot: RobotSpec) -> None:
        self._names = robot.joint_names
        self._shape = (len(robot.joint_names),)
        self._period = robot.set_point_period_s
        self._low = np.array(robot.joint_position_min_rad)
        self._high = np.array(robot.joint_position_max_rad)
        self.velocity_max = np.array(robot.joint_velocity_max_rad_s)
        """Shape (joints,) [rad/s]."""
        self.acceleration_max = np.array(robot.joint_acceleration_max_rad_s2)
        """Shape (joints,) [rad/s^2]."""
        self._change_max = self.acceleration_max * self._period
        self._twice_acceleration = 2.0 * self.acceleration_max
        self._tracking_max = robot.tracking_error_max_rad
        self._box_low = np.array(robot.workspace_min_m)
        self._box_high = np.array(robot.workspace_max_m)
        self._width_max = robot.gripper_width_max_m
        self.position: Float64Array = np.zeros(self._shape)
        """The last set-point, (joints,) [rad]."""
        self.velocity: Float64Array = np.zeros(self._shape)
        """The last set-point's velocity, (joints,) [rad/s]."""
        self.hold_reason: str | None = "it has not been started"
        """Why the arm is held, or None while it is not."""
        self._set_points = 0
        self._clamped: dict[str, int] = {}
        self._before = self._state()

    def report(self) -> SafetyReport:
        return SafetyReport(self._set_points, dict(self._clamped), self.hold_reason)

    def start(self, measured: Float64Array) -> None:
        """Begin at rest at the measured position (joints,) [rad], and forget what was held.

        A measurement from which no motion can begin safely holds at once.
        """
        self.velocity = np.zeros(self._shape)
        self._set_points, self._clamped = 0, {}
        self.hold_reason = self._unusable("measured position", measured)
        if self.hold_reason is None:
            self.position = np.minimum(np.maximum(measured, self._low), self._high)
            self._watch_tracking(measured)
        self._before = self._state()

    def admit(self, wanted: Float64Array, measured: Float64Array) -> Float64Array:
        """The set-point to send, (joints,) [rad], for the one wanted and the measured position."""
        self._before = self._state()
        if self.hold_reason is None:
            self.hold_reason = self._unusable("measured position", measured) or self._unusable(
                "set-point", wanted
            )
        if self.hold_reason is not None:
            return self._brake()
        position, velocity = self.position, self.velocity
        inside = np.minimum(np.maximum(wanted, self._low), self._high)
        wish = (inside - position) / self._period
        slowest, fastest = velocity - self._change_max, velocity + self._change_max
        room_up = np.minimum(self._high, measured + self._tracking_max) - position
        room_down = position - np.maximum(self._low, measured - self._tracking_max)
        most = np.minimum(np.minimum(fastest, self.velocity_max), self._braking(room_up))
        least = np.maximum(np.maximum(slowest, -self.velocity_max), -self._braking(room_down))
        # Before a tracking limit that moves, stopping in time may be too hard for the joints:
        # they brake as hard as they can, and what is too far away by then is held.
        most, least = np.maximum(most, slowest), np.minimum(least, fastest)
        admitted = np.minimum(np.maximum(wish, least), most)
        if np.maximum.reduce(np.abs(admitted - wish)) > _TOLERANCE or (inside != wanted).any():
            self._count_set_point_rules(wanted, wish, measured)
        self._move(admitted)
        self._watch_tracking(measured)
        return self.position

    def rewind(self) -> None:
        """Forget the last `admit`: its set-point was not sent."""
        (self.position, self.velocity, self.hold_reason, self._set_points, self._clamped) = (
            self._before
        )

    def tool_point(self, position: Float64Array) -> Float64Array:
        """The nearest commanded tool point (3,) [m] inside the workspace box."""
        inside: Float64Array = np.minimum(np.maximum(position, self._box_low), self._box_high)
        if (inside != position).any():
            self._count("workspace")
        return inside

    def row_target(
        self,
        start: Float64Array,
        solution: Solution,
        duration_s: float,
        tool_point: Callable[[Float64Array], Float64Array],
    ) -> tuple[Float64Array, bool]:
        """Where an action may lead, (joints,) [rad], and whether that is all that it asked for.

        The furthest joints on the line from `start` to the solution that can be reached in time;
        a motion that was cut short or missed its aim may not lead out of the workspace.
        `tool_point` gives the point (3,) [m] of joints.
        """
        end = solution.joint_positions
        missed = (
            solution.position_error_m > _REACH_TOLERANCE_M
            or solution.rotation_error_rad > _REACH_TOLERANCE_RAD
        )
        if missed:
            self._count("reach")
        share = float(np.abs((end - start) / (_ROW_SHARE * duration_s * self.velocity_max)).max())
        if share > 1.0:
            self._count("row_velocity")
            end = start + (end - start) / share
        if not missed and share <= 1.0:
            return end, True
        allowed = max(self._outside(tool_point(start)), _WORKSPACE_MARGIN_M)
        if self._outside(tool_point(end)) > allowed:
            self._count("workspace")
            return start, False
        return end, False

    def gripper_width(self, width_m: float) -> float:
        """The nearest width [m] that the gripper has."""
        inside = min(max(width_m, 0.0), self._width_max)
        if inside != width_m:
            self._count("gripper_width")
        return inside

    def _state(self) -> tuple[Float64Array, Float64Array, str | None, int, dict[str, int]]:
        return self.position, self.velocity, self.hold_reason, self._set_points, self._clamped

    def _count(self, rule: str) -> None:
        # A new map, because `rewind` may want the old one back.
        self._clamped = {**self._clamped, rule: self._clamped.get(rule, 0) + 1}

    def _outside(self, point: Float64Array) -> float:
        """How far a point (3,) [m] is outside the box along its worst axis; inside, at most 0."""
        return float(np.maximum(self._box_low - point, point - self._box_high).max())

    def _braking(self, room: Float64Array) -> Float64Array:
        return braking_velocity(np.maximum(room, 0.0), self._twice_acceleration, self._change_max)

    def _brake(self) -> Float64Array:
        slower = np.maximum(np.abs(self.velocity) - self._change_max, 0.0)
        self._move(np.copysign(slower, self.velocity))
        return self.position

    def _move(self, velocity: Float64Array) -> None:
        before = self.position
        position = before + velocity * self._period
        self.position = np.minimum(np.maximum(position, self._low), self._high)
        self.velocity = (self.position - before) / self._period
        self._set_points += 1

    def _unusable(self, what: str, values: Float64Array) -> str | None:
        if values.shape != self._shape:
            return f"the {what} has shape {values.shape}, expected {self._shape}"
        if not all(map(math.isfinite, values.tolist())):
            return f"the {what} is not finite: {values.tolist()}"
        return None

    def _watch_tracking(self, measured: Float64Array) -> None:
        away = np.abs(self.position - measured)
        if np.maximum.reduce(away) > self._tracking_max + _TOLERANCE:
            joint = int(away.argmax())
            self.hold_reason = (
                f"{self._names[joint]} is measured {away[joint]:.3f} rad away from its set-point, "
                f"at most {self._tracking_max} rad is allowed"
            )

    def _count_set_point_rules(
        self, wanted: Float64Array, wish: Float64Array, measured: Float64Array
    ) -> None:
        beyond = (wanted < self._low) | (wanted > self._high)
        if beyond.any() or self._overruns(wish, self._low, self._high):
            self._count("joint_position")
        if (np.abs(wish) > self.velocity_max + _TOLERANCE).any():
            self._count("joint_velocity")
        if (np.abs(wish - self.velocity) > self._change_max + _TOLERANCE).any():
            self._count("joint_acceleration")
        if self._overruns(wish, measured - self._tracking_max, measured + self._tracking_max):
            self._count("tracking_error")

    def _overruns(self, wish: Float64Array, low: Float64Array, high: Float64Array) -> bool:
        """Whether one cannot stop any more between low and high, all (joints,), at this speed."""
        with np.errstate(over="ignore"):  # a measurement may be any finite number
            up, down = self._braking(high - self.position), self._braking(self.position - low)
        return bool(((wish > up + _TOLERANCE) | (wish < -down - _TOLERANCE)).any())
