"""The only place that clamps or refuses: what leaves here obeys the robot file's limits.

A rule either clamps, which is counted under its name, or holds: the arm brakes to a standstill
within its limits and stays there until a person releases it, and `hold_reason` says why.

| rule | does | when |
|---|---|---|
| workspace, table | clamp | a commanded tool point, or where the arm could stop, is outside |
| keep_out | clamps | where an action leads, or where the arm could stop, is in such a box |
| reach | clamps | no joints put the tool where it is commanded |
| row_velocity | clamps | an action asks a joint to go further than it can in the action's time |
| gripper_width | clamps | a width below 0 or above the gripper's |
| joint_position, joint_velocity, joint_acceleration, joint_jerk | clamp | per set-point |
| tracking_error | clamps, then holds | a set-point runs away from the measured position |
| finite | holds | a set-point or a measurement is no number, or of the wrong shape |
| force | holds | the arm presses harder than the robot file allows |
| whatever `hold` is told | holds | somebody presses stop, an input is lost, ... |
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dsrl_core.control.kinematics import Kinematics, Solution
from dsrl_core.control.limits import Brake, JointLimits, Limiter
from dsrl_core.control.motion import Motion, unusable
from dsrl_core.control.safety_state import SafetyReport, SafetyState
from dsrl_core.control.zones import Zones
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array

_TOLERANCE: Final = 1e-9
"""Rounding that is no clamp."""
_ROW_SHARE: Final = 0.9
"""Share of the largest velocity that an action may ask for, so that a lag can be made up."""
_REACH_TOLERANCE_M: Final = 1e-3
_REACH_TOLERANCE_RAD: Final = 1e-2
_FORCE_SAMPLES: Final = 3
"""So many measured forces in a row have to be too large: one is noise."""


class Safety:
    """Limits of one arm, and the set-point that it was given last."""

    def __init__(self, robot: RobotSpec, kinematics: Kinematics) -> None:
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
        self._tracking_max = robot.tracking_error_max_rad
        self._force_max, self._forces = robot.force_max_n, 0
        self._width_max = robot.gripper_width_max_m
        nothing = Motion.rest(np.zeros(self._joints))
        self._state = SafetyState(nothing, None, 0.0, "start", "it has not been started", 0, {})
        self._before = self._state

    @property
    def motion(self) -> Motion:
        """The last set-point."""
        return self._state.motion

    @property
    def position(self) -> Float64Array:
        """The last set-point, (joints,) [rad]."""
        return self._state.motion.position

    @property
    def stopping_position(self) -> Float64Array:
        """Where the arm comes to rest when it brakes from now on, (joints,) [rad]."""
        brake = self._state.brake
        return self.position if brake is None else brake.stop

    @property
    def hold_rule(self) -> str | None:
        """Name of the rule that holds the arm, or None."""
        return self._state.hold_rule

    @property
    def hold_reason(self) -> str | None:
        """Why the arm is held, or None while it is not."""
        return self._state.hold_reason

    def report(self) -> SafetyReport:
        state = self._state
        return SafetyReport(
            state.set_points, dict(state.clamped), state.hold_rule, state.hold_reason
        )

    def start(self, measured: Float64Array) -> None:
        """Begin at rest at the measured position (joints,) [rad].

        An arm that is held stays so; a measurement from which no motion can begin safely holds.
        """
        state = self._state
        rule, reason = state.hold_rule, state.hold_reason
        if rule == "start":
            rule = reason = None
        motion, brake = state.motion, state.brake
        self._forces = 0
        if problem := unusable("measured position", measured, self._joints):
            if rule is None:
                rule, reason = "finite", problem
        else:
            motion = Motion.rest(np.clip(measured, self.limits.low, self.limits.high))
            brake = self._limiter.brake(motion)
        self._state = self._before = SafetyState(motion, brake, 0.0, rule, reason, 0, {})
        if not problem:
            self._watch_tracking(measured)
        self._before = self._state

    def hold(self, rule: str, reason: str) -> None:
        """Hold the arm; the first reason stays."""
        if self._state.hold_rule in (None, "start"):
            self._change(hold_rule=rule, hold_reason=reason)

    def release(self) -> None:
        """A person has looked at the arm and lets it move again, from the next `start` on."""
        self._change(hold_rule="start", hold_reason="it has not been started")

    def force(self, force_n: Float64Array) -> None:
        """Take a measured external force (3,) [N]; too much of it, for some samples, holds."""
        size = float(np.linalg.norm(force_n))
        self._forces = self._forces + 1 if not size <= self._force_max else 0
        if self._forces >= _FORCE_SAMPLES:
            self.hold("force", f"{size:.1f} N act on the tool, at most {self._force_max} N may")

    def admit(self, wanted: Motion, measured: Float64Array) -> Motion:
        """The set-point to send for the one wanted and the measured position (joints,) [rad]."""
        self._before = self._state
        problem = unusable("measured position", measured, self._joints)
        for part, values in vars(wanted).items():
            problem = problem or unusable(f"set-point's {part}", values, self._joints)
        if problem:
            self.hold("finite", problem)
        if self._state.hold_rule is not None:
            return self._go_on_braking()
        with np.errstate(over="ignore"):  # a finite number may be any
            if not self._take(wanted, measured):
                self._clamp(wanted, measured)
        self._watch_tracking(measured)
        return self._state.motion

    def lead(
        self,
        target: Float64Array,
        velocity: Float64Array,
        measured: Float64Array,
        share: float = 1.0,
    ) -> Motion:
        """The set-point to send on the quickest way to a target (joints,) [rad] and a velocity
        there, with a share of the velocity limits."""
        self._before = self._state
        if problem := unusable("measured position", measured, self._joints):
            self.hold("finite", problem)
        if self._state.hold_rule is not None:
            return self._go_on_braking()
        led = self._limiter.towards(self._state.motion, target, velocity, share)
        if led is None or not self._take(led, measured, is_led=True):
            self._go_on_braking()
        self._watch_tracking(measured)
        return self._state.motion

    def rewind(self) -> None:
        """Forget the last `admit`: its set-point was not sent."""
        self._state = self._before

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

    # Inside.

    def _take(self, wanted: Motion, measured: Float64Array, is_led: bool = False) -> bool:
        """Go to a motion if nothing speaks against it.

        `is_led`: the limiter's own way leads there, within the limits of the joints.
        """
        state, limits = self._state, self.limits
        position = wanted.position
        beyond = np.maximum(limits.low - position, position - limits.high)
        if np.maximum.reduce(beyond) > _TOLERANCE:
            return False
        if (np.abs(position - measured) > self._tracking_max).any():
            return False
        if not is_led and not self._limiter.is_reachable(state.motion, wanted):
            return False
        brake = self._limiter.brake(wanted)
        if brake is None or not brake.is_inside:
            return False
        assert state.brake is not None
        if rule := self._zones.entered(brake.stop, state.brake.stop):
            if state.clamped.get(rule) == self._before.clamped.get(rule):
                self._count(rule)  # once per set-point, however many ways were tried
            return False
        self._go(wanted, brake, 0.0)
        return True

    def _clamp(self, wanted: Motion, measured: Float64Array) -> None:
        """Go towards a motion as far as the rules allow; say which ones did not."""
        before = self._state.clamped
        broken = self._limiter.broken_rules(self._state.motion, wanted)
        if (np.abs(wanted.position - measured) > self._tracking_max).any():
            broken.append("tracking_error")
        for rule in broken:
            self._count(rule)
        near = np.clip(
            wanted.position, measured - self._tracking_max, measured + self._tracking_max
        )
        velocity = np.where(near == wanted.position, wanted.velocity, 0.0)
        for goal_velocity in (velocity, np.zeros(self._joints)):
            led = self._limiter.towards(self._state.motion, near, goal_velocity)
            if led is not None and self._take(led, measured, is_led=True):
                return
        if self._state.clamped is before:
            self._count("joint_position")
        self._go_on_braking()

    def _go_on_braking(self) -> Motion:
        state = self._state
        if state.brake is None:
            return state.motion
        braked_s = state.braked_s + self._period
        self._go(self._limiter.along(state.brake, braked_s), state.brake, braked_s)
        return self._state.motion

    def _go(self, motion: Motion, brake: Brake, braked_s: float) -> None:
        self._change(
            motion=motion, brake=brake, braked_s=braked_s, set_points=self._state.set_points + 1
        )

    def _change(self, **values: object) -> None:
        self._state = SafetyState(**{**vars(self._state), **values})

    def _count(self, rule: str) -> None:
        # A new map, because `rewind` may want the old one back.
        clamped = self._state.clamped
        self._change(clamped={**clamped, rule: clamped.get(rule, 0) + 1})

    def _watch_tracking(self, measured: Float64Array) -> None:
        away = np.abs(self.position - measured)
        if np.maximum.reduce(away) > self._tracking_max + _TOLERANCE:
            joint = int(away.argmax())
            self.hold(
                "tracking_error",
                f"{self._names[joint]} is measured {away[joint]:.3f} rad away from its set-point, "
                f"at most {self._tracking_max} rad is allowed",
            )
