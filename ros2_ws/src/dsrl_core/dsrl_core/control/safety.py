"""The only place that clamps or refuses: what leaves here obeys the robot file's limits.

A rule either clamps, which is counted under its name, or holds: the arm brakes to a standstill
within its limits and stays there until a person releases it, and `hold_reason` says why.

| rule | does | when |
|---|---|---|
| workspace, table | clamp | a commanded tool point, or the way to a stop, is outside |
| keep_out | clamps | where an action leads, or the way to a stop, is in such a box or near it |
| reach | clamps | no joints put the tool where it is commanded |
| row_velocity | clamps | an action asks a joint to go further than it can in the action's time |
| lag | clamps | the arm is not where its actions are; it is led there as fast as it can |
| no_way | clamps | the limiter finds no way there: the arm brakes |
| gripper_width | clamps | a width below 0 or above the gripper's |
| joint_position, joint_velocity, joint_acceleration, joint_jerk | clamp | per set-point |
| tracking_error | clamps, then holds | a set-point runs away from where the arm is measured |
| finite | holds | a set-point or a measurement is no number, or of the wrong shape |
| force | holds | the arm presses harder than the robot file allows |
| whatever `hold` is told | holds | somebody presses stop, an input is lost, ... |
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from dsrl_core.control.kinematics import Kinematics, Solution
from dsrl_core.control.limits import Brake, JointLimits, Limiter
from dsrl_core.control.motion import Motion, unusable
from dsrl_core.control.safety_state import SafetyRecord
from dsrl_core.control.zones import Zones
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array

_TOLERANCE: Final = 1e-9
"""Rounding that is no clamp."""
_ROW_SHARE: Final = 0.9
"""Share of the largest velocity that an action may ask for, so that a lag can be made up."""
_REACH_TOLERANCE_M: Final = 1e-3
_REACH_TOLERANCE_RAD: Final = 1e-2
_TRACKING_SHARE: Final = 0.9
"""Share of the largest tracking error from which on set-points are clamped: room to brake in before
the arm is held."""
_FOLLOWED_SHARE: Final = 0.8
"""Of that: a set-point at rest that is further away waits for its arm."""
_FORCE_SAMPLES: Final = 3
"""So many measured forces in a row have to be too large: one is noise."""


class Safety(SafetyRecord):
    """Limits of one arm, and the set-point that it was given last."""

    def __init__(self, robot: RobotSpec, kinematics: Kinematics) -> None:
        super().__init__(len(robot.joint_names))
        self._names = robot.joint_names
        self._joints = len(robot.joint_names)
        self._period = robot.set_point_period_s
        self.limits = JointLimits(
            np.array(robot.joint_position_min_rad),
            np.array(robot.joint_position_max_rad),
            np.array(robot.joint_velocity_max_rad_s),
            np.array(robot.joint_acceleration_max_rad_s2),
            np.array(robot.joint_jerk_max_rad_s3),
        )
        self._limiter = Limiter(self.limits, self._period)
        self._zones = Zones(robot, kinematics)
        self._held_beyond = robot.tracking_error_max_rad
        self._tracking_max = _TRACKING_SHARE * self._held_beyond
        self._force_max, self._forces = robot.force_max_n, 0
        self._width_max = robot.gripper_width_max_m

    def start(self, measured: Float64Array, goes_on: bool = False) -> None:
        """Begin at rest at the measured position (joints,) [rad].

        An arm that is held stays so; a measurement from which no motion can begin safely holds.
        `goes_on`: an arm whose last set-point still moves goes on from there, so that no set-point
        leaps; otherwise it was put where it is measured.
        """
        state = self._state
        rule, reason = state.hold_rule, state.hold_reason
        if rule == "start":
            rule = reason = None
        self._forces = 0
        self._state = replace(state, hold_rule=rule, hold_reason=reason, set_points=0, clamped={})
        if problem := unusable("measured position", measured, self._joints):
            self.hold("finite", problem)
        else:
            if not (goes_on and self.is_moving):
                self._stand(measured)
            self._watch_tracking(measured)
        self._before = self._state

    def force(self, force_n: Float64Array) -> None:
        """Take a measured external force (3,) [N]; too much of it, for some samples, holds."""
        size = float(np.linalg.norm(force_n))
        self._forces = self._forces + 1 if not size <= self._force_max else 0
        if self._forces >= _FORCE_SAMPLES:
            self.hold("force", f"{size:.1f} N act on the tool, at most {self._force_max} N may")

    def admit(self, wanted: Motion, measured: Float64Array) -> Motion:
        """The set-point to send for the one wanted and the measured position (joints,) [rad]."""
        if self._is_held(measured, vars(wanted)):
            return self._go_on_braking()
        with np.errstate(over="ignore"):  # a finite number may be any
            refused_by = self._take(wanted, measured)
            if refused_by is not None:
                self._clamp(wanted, measured, refused_by)
        self._watch_tracking(measured)
        return self._state.motion

    def lead(
        self,
        target: Float64Array,
        velocity: Float64Array,
        measured: Float64Array,
        share: float = 1.0,
        lags: bool = False,
    ) -> Motion:
        """The set-point to send on the quickest way to a target (joints,) [rad] and a velocity
        there, with a share of the velocity limits.

        `lags`: what was wanted is to be there already.
        """
        if self._is_held(measured, {"target": target, "velocity": velocity}):
            return self._go_on_braking()
        if lags:
            self._count("lag")
        led = self._limiter.towards(self._state.motion, target, velocity, share)
        refused_by = "no_way" if led is None else self._take(led, measured, is_led=True)
        if refused_by is not None:
            self._count(refused_by)
            self._go_on_braking()
        self._watch_tracking(measured)
        return self._state.motion

    def brake(self) -> Motion:
        """The next set-point of an arm that comes to rest, whatever is measured."""
        self._before = self._state
        return self._go_on_braking()

    def tool_point(self, position: Float64Array) -> Float64Array:
        """The nearest commanded tool point (3,) [m] inside the workspace and above the table."""
        inside, rules = self._zones.clamped(position)
        for rule in rules:
            self._count(rule)
        return inside

    def row_target(
        self, start: Float64Array, solution: Solution, duration_s: float
    ) -> tuple[Float64Array, bool]:
        """Where an action may lead, (joints,) [rad], and whether that is all that it asked for.

        The furthest joints on the line from `start` to the solution that can be reached in time;
        an action that would end deeper in what is forbidden than it begins stays where it is.
        """
        end: Float64Array = np.clip(solution.joint_positions, self.limits.low, self.limits.high)
        if (end != solution.joint_positions).any():
            self._count("joint_position")
        missed = (
            solution.position_error_m > _REACH_TOLERANCE_M
            or solution.rotation_error_rad > _REACH_TOLERANCE_RAD
        )
        if missed:
            self._count("reach")
        way = np.abs(end - start) / (_ROW_SHARE * duration_s * self.limits.velocity)
        share = float(way.max())
        if share > 1.0:
            self._count("row_velocity")
            end = start + (end - start) / share
        if rule := self._zones.entered(end, start):
            self._count(rule)
            return start, False
        return end, not missed and share <= 1.0

    def gripper_width(self, width_m: float) -> float:
        """The nearest width [m] that the gripper has."""
        inside = min(max(width_m, 0.0), self._width_max)
        if inside != width_m:
            self._count("gripper_width")
        return inside

    def is_followed(self, measured: Float64Array) -> bool:
        """Whether the arm comes along: it is nearer to its set-point than where those wait."""
        return bool((np.abs(self.position - measured) < _FOLLOWED_SHARE * self._tracking_max).all())

    # Inside.

    def _stand(self, measured: Float64Array) -> None:
        """Be at rest at a measured position, or as near to it as the joints' ranges allow."""
        inside: Float64Array = np.clip(measured, self.limits.low, self.limits.high)
        if np.abs(inside - measured).max() > _TOLERANCE:
            self._count("joint_position")
        motion = Motion.rest(inside)
        brake = self._limiter.brake(motion)
        assert brake is not None, "an arm at rest can stop"
        depths = self._zones.depths(brake.way)
        self._change(motion=motion, brake=brake, depths=depths, braked_s=0.0)

    def _is_held(self, measured: Float64Array, wanted: dict[str, Float64Array]) -> bool:
        """Whether the arm is held at a new set-point, if only because a value is no number."""
        self._before = self._state
        problem = unusable("measured position", measured, self._joints)
        for part, values in wanted.items():
            problem = problem or unusable(f"set-point's {part}", values, self._joints)
        if problem:
            self.hold("finite", problem)
        return self._state.hold_rule is not None

    def _take(self, wanted: Motion, measured: Float64Array, is_led: bool = False) -> str | None:
        """Go to a motion if nothing speaks against it; else the rule that does.

        `is_led`: the limiter's own way leads there, within the limits of the joints.
        """
        state, limits = self._state, self.limits
        position = wanted.position
        beyond = np.maximum(limits.low - position, position - limits.high)
        if np.maximum.reduce(beyond) > _TOLERANCE:
            return "joint_position"
        if (np.abs(position - measured) > self._tracking_max).any():
            return "tracking_error"
        if not is_led and not self._limiter.is_reachable(state.motion, wanted):
            return "joint_jerk"
        brake = self._limiter.brake(wanted)
        if brake is None:
            return "no_way"
        if not brake.is_inside:
            return "joint_position"
        depths = self._zones.depths(brake.way)
        if rule := self._zones.deeper(depths, state.depths):
            return rule
        self._go(wanted, brake, depths, 0.0)
        return None

    def _clamp(self, wanted: Motion, measured: Float64Array, refused_by: str) -> None:
        """Go towards a motion as far as the rules allow; say which ones did not."""
        broken = self._limiter.broken_rules(self._state.motion, wanted)
        if (np.abs(wanted.position - measured) > self._tracking_max).any():
            broken.append("tracking_error")
        rules = dict.fromkeys(broken or [refused_by])  # each once, however many ways are tried
        near = np.clip(
            wanted.position, measured - self._tracking_max, measured + self._tracking_max
        )
        velocity = np.where(near == wanted.position, wanted.velocity, 0.0)
        for goal_velocity in (velocity, np.zeros(self._joints)):
            led = self._limiter.towards(self._state.motion, near, goal_velocity)
            refusal = "no_way" if led is None else self._take(led, measured, is_led=True)
            if refusal is None:
                break
            rules[refusal] = None
        else:
            self._go_on_braking()
        for rule in rules:
            self._count(rule)

    def _go_on_braking(self) -> Motion:
        state = self._state
        if state.brake is None:
            return state.motion
        braked_s = state.braked_s + self._period
        motion = self._limiter.along(state.brake, braked_s)
        self._go(motion, state.brake, state.depths, braked_s)
        return self._state.motion

    def _go(self, motion: Motion, brake: Brake, depths: tuple[float, ...], braked_s: float) -> None:
        count = self._state.set_points + 1
        self._change(motion=motion, brake=brake, depths=depths, braked_s=braked_s, set_points=count)

    def _watch_tracking(self, measured: Float64Array) -> None:
        away = np.abs(self.position - measured)
        if np.maximum.reduce(away) > self._held_beyond + _TOLERANCE:
            joint = int(away.argmax())
            self.hold(
                "tracking_error",
                f"{self._names[joint]} is measured {away[joint]:.3f} rad away from its set-point, "
                f"at most {self._held_beyond} rad is allowed",
            )
