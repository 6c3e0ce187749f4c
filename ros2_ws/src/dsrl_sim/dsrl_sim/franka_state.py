"""What an FR3's own controller decides by itself: modes, errors, reflexes, the user stop.

Names, numbers and meanings are those of franka_msgs/FrankaRobotState and of libfranka's
documentation of `franka::RobotState`, `franka::Errors` and `setCollisionBehavior`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np

from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array, to_nanoseconds

RECOVERY_NS: Final = to_nanoseconds(0.2)
"""How long an automatic error recovery takes."""
REACTIVATION_NS: Final = to_nanoseconds(0.5)
"""Idle time after which controllers that were stopped are active again, as if an operator had
switched them on."""
_ACCELERATING_RAD_S2: Final = 0.5
"""Commanded joint acceleration from which the thresholds for acceleration phases count."""


class RobotMode(IntEnum):
    """`robot_mode` of franka_msgs/FrankaRobotState."""

    OTHER = 0
    IDLE = 1
    MOVE = 2
    GUIDING = 3
    REFLEX = 4
    USER_STOPPED = 5
    AUTOMATIC_ERROR_RECOVERY = 6


ERRORS: Final = (
    "joint_position_limits_violation",
    "cartesian_position_limits_violation",
    "self_collision_avoidance_violation",
    "joint_velocity_violation",
    "cartesian_velocity_violation",
    "force_control_safety_violation",
    "joint_reflex",
    "cartesian_reflex",
    "max_goal_pose_deviation_violation",
    "max_path_pose_deviation_violation",
    "cartesian_velocity_profile_safety_violation",
    "joint_position_motion_generator_start_pose_invalid",
    "joint_motion_generator_position_limits_violation",
    "joint_motion_generator_velocity_limits_violation",
    "joint_motion_generator_velocity_discontinuity",
    "joint_motion_generator_acceleration_discontinuity",
    "cartesian_position_motion_generator_start_pose_invalid",
    "cartesian_motion_generator_elbow_limit_violation",
    "cartesian_motion_generator_velocity_limits_violation",
    "cartesian_motion_generator_velocity_discontinuity",
    "cartesian_motion_generator_acceleration_discontinuity",
    "cartesian_motion_generator_elbow_sign_inconsistent",
    "cartesian_motion_generator_start_elbow_invalid",
    "cartesian_motion_generator_joint_position_limits_violation",
    "cartesian_motion_generator_joint_velocity_limits_violation",
    "cartesian_motion_generator_joint_velocity_discontinuity",
    "cartesian_motion_generator_joint_acceleration_discontinuity",
    "cartesian_position_motion_generator_invalid_frame",
    "force_controller_desired_force_tolerance_violation",
    "controller_torque_discontinuity",
    "start_elbow_sign_inconsistent",
    "communication_constraints_violation",
    "power_limit_violation",
    "joint_p2p_insufficient_torque_for_planning",
    "tau_j_range_violation",
    "instability_detected",
)
"""Fields of franka_msgs/Errors."""

_NOT_NOW: Final = "command not possible in the current mode"
_MODE_NAMES: Final = {
    RobotMode.OTHER: "Other",
    RobotMode.IDLE: "Idle",
    RobotMode.MOVE: "Move",
    RobotMode.GUIDING: "Guiding",
    RobotMode.REFLEX: "Reflex",
    RobotMode.USER_STOPPED: "User stopped",
    RobotMode.AUTOMATIC_ERROR_RECOVERY: "Automatic error recovery",
}


@dataclass(frozen=True)
class Thresholds:
    """Of external torques (7,) [Nm] and of the external wrench (6,) [N, Nm]."""

    lower_torque: Float64Array
    upper_torque: Float64Array
    lower_force: Float64Array
    upper_force: Float64Array

    @staticmethod
    def of_robot(robot: RobotSpec) -> Thresholds:
        """Those of the robot file."""
        spec = robot.collision
        return Thresholds.of(
            spec.lower_torque_nm, spec.upper_torque_nm, spec.lower_force, spec.upper_force
        )

    @staticmethod
    def of(
        lower_torque: Iterable[float],
        upper_torque: Iterable[float],
        lower_force: Iterable[float],
        upper_force: Iterable[float],
    ) -> Thresholds:
        """
        Raises:
            InvalidValue: not seven and six finite positive values, or a lower one above its upper.
        """
        arrays = [np.array(list(v), float) for v in (lower_torque, upper_torque)]
        arrays += [np.array(list(v), float) for v in (lower_force, upper_force)]
        names = ("lower_torque", "upper_torque", "lower_force", "upper_force")
        for name, values, size in zip(names, arrays, (7, 7, 6, 6), strict=True):
            if values.shape != (size,) or not (np.isfinite(values) & (values > 0)).all():
                raise InvalidValue(f"{name} {values.tolist()}, expected {size} values above 0")
        for kind, (low, high) in (("torque", arrays[:2]), ("force", arrays[2:])):
            if (low > high).any():
                raise InvalidValue(f"lower_{kind} {low.tolist()} above upper {high.tolist()}")
        return Thresholds(*arrays)


@dataclass(frozen=True)
class Indicators:
    """Where a lower threshold (contact) or an upper one (collision) is exceeded: 7 and 6 bools."""

    joint_contact: tuple[bool, ...] = (False,) * 7
    joint_collision: tuple[bool, ...] = (False,) * 7
    cartesian_contact: tuple[bool, ...] = (False,) * 6
    cartesian_collision: tuple[bool, ...] = (False,) * 6


class FrankaStateMachine:
    """Modes and errors of one arm; nothing clears a reflex but `recover`."""

    def __init__(self, thresholds: Thresholds) -> None:
        """`thresholds` hold until others are set."""
        self.nominal = thresholds
        self.acceleration = thresholds
        self.indicators = Indicators()
        self.current_errors: frozenset[str] = frozenset()
        self.last_motion_errors: frozenset[str] = frozenset()
        self.controllers_wanted = True
        """Whether controllers become active by themselves once the arm is idle."""
        self._moves = False
        self._user_stopped = False
        self._guided = False
        self._recovering_until_ns: int | None = None
        self._idle_since_ns: int | None = None

    @property
    def mode(self) -> RobotMode:
        if self._user_stopped:
            return RobotMode.USER_STOPPED
        if self._recovering_until_ns is not None:
            return RobotMode.AUTOMATIC_ERROR_RECOVERY
        if self.current_errors:
            return RobotMode.REFLEX
        if self._guided:
            return RobotMode.GUIDING
        return RobotMode.MOVE if self._moves else RobotMode.IDLE

    def why_not_idle(self, command: str) -> str:
        """Why a command that needs an idle arm is refused; empty: it is not."""
        if self.mode is RobotMode.IDLE:
            return ""
        name = _MODE_NAMES[self.mode]
        return f'libfranka: {command} command rejected: {_NOT_NOW} ("{name}")!'

    def begin_motion(self) -> None:
        """Controllers, or a point-to-point motion, move the arm from now on.

        Raises:
            InvalidValue: the arm is not idle.
        """
        if why := self.why_not_idle("Move"):
            raise InvalidValue(why)
        self._moves = True

    def end_motion(self) -> None:
        """It ended by itself."""
        if self._moves and not self.current_errors:
            self.last_motion_errors = frozenset()
        self._moves = False

    def press_user_stop(self, pressed: bool) -> None:
        """The button on the cable: control is lost while it is pressed."""
        self._user_stopped = pressed
        if pressed:
            self._moves = False

    def guide(self, guided: bool) -> None:
        """A person's hand holds the guiding button, or lets it go."""
        self._guided = guided
        if guided:
            self._moves = False

    def fail(self, *errors: str) -> None:
        """A motion is aborted by errors; the arm stays in reflex until `recover`.

        Raises:
            UnknownName: franka_msgs/Errors has no such field.
        """
        for error in errors:
            if error not in ERRORS:
                raise UnknownName("error", error, ERRORS)
        self.current_errors |= set(errors)
        self.last_motion_errors = self.current_errors
        self._moves = False

    def recover(self, now_ns: int) -> str:
        """Begin an automatic error recovery; why not, or empty."""
        if self.mode not in (RobotMode.IDLE, RobotMode.REFLEX):
            name = _MODE_NAMES[self.mode]
            return f'libfranka: Automatic error recovery command rejected: {_NOT_NOW} ("{name}")!'
        self._recovering_until_ns = now_ns + RECOVERY_NS
        return ""

    def tick(self, now_ns: int) -> bool:
        """Let time pass; whether controllers became active at this moment."""
        if self._recovering_until_ns is not None and now_ns >= self._recovering_until_ns:
            self._recovering_until_ns = None
            self.current_errors = frozenset()
        if self.mode is not RobotMode.IDLE or not self.controllers_wanted:
            self._idle_since_ns = None
            return False
        if self._idle_since_ns is None:
            self._idle_since_ns = now_ns
        if now_ns - self._idle_since_ns < REACTIVATION_NS:
            return False
        self._moves, self._idle_since_ns = True, None
        return True

    def feel(
        self, torques: Float64Array, wrench: Float64Array, acceleration: Float64Array
    ) -> Indicators:
        """Compare external torques (7,) [Nm] and the wrench (6,) with the thresholds.

        In `move` an exceeded upper one is a reflex. `acceleration` (7,) [rad/s^2] is commanded.
        """
        fast = np.abs(acceleration).max() > _ACCELERATING_RAD_S2
        limits = self.acceleration if fast else self.nominal
        torques, wrench = np.abs(torques), np.abs(wrench)
        joint, cartesian = torques > limits.lower_torque, wrench > limits.lower_force
        if not (joint.any() or cartesian.any()):
            self.indicators = _NOTHING
            return _NOTHING
        joint_hit, cartesian_hit = torques > limits.upper_torque, wrench > limits.upper_force
        self.indicators = Indicators(
            tuple(joint.tolist()),
            tuple(joint_hit.tolist()),
            tuple(cartesian.tolist()),
            tuple(cartesian_hit.tolist()),
        )
        if self.mode is RobotMode.MOVE:
            hits = {"joint_reflex": joint_hit.any(), "cartesian_reflex": cartesian_hit.any()}
            if errors := [name for name, is_hit in hits.items() if is_hit]:
                self.fail(*errors)
        return self.indicators


_NOTHING: Final = Indicators()
