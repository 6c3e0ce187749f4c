"""What safety remembers, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dsrl_core.control.limits import Brake
from dsrl_core.control.motion import Motion
from dsrl_core.types import Float64Array


@dataclass(frozen=True)
class SafetyReport:
    """What the rules did since `start`."""

    set_points: int
    clamped: dict[str, int]
    """How often each rule clamped; a rule that never did is absent."""
    hold_rule: str | None
    hold_reason: str | None


@dataclass(frozen=True)
class SafetyState:
    """The last set-point and what belongs to it."""

    motion: Motion
    brake: Brake | None
    """How the arm stops from here; None before the first `start`."""
    depths: tuple[float, ...]
    """How deep the tool gets on that way in what is forbidden: `Zones.depths`."""
    braked_s: float
    """How far along the brake it is already."""
    hold_rule: str | None
    hold_reason: str | None
    set_points: int
    clamped: dict[str, int]


class SafetyRecord:
    """The state of one arm's safety: counts, the latched hold, and the set-point given last."""

    def __init__(self, joints: int) -> None:
        nothing = Motion.rest(np.zeros(joints))
        self._state = SafetyState(nothing, None, (), 0.0, "start", "it has not been started", 0, {})
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
    def is_moving(self) -> bool:
        """Whether the last set-point is not at rest."""
        motion = self._state.motion
        return bool(motion.velocity.any() or motion.acceleration.any())

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

    def hold(self, rule: str, reason: str) -> None:
        """Hold the arm; the first reason stays, but for a person's stop, which stands above all."""
        held_by = self._state.hold_rule
        if held_by in (None, "start") or (rule == "stop" and held_by != "stop"):
            self._change(hold_rule=rule, hold_reason=reason)

    def release(self) -> None:
        """A person has looked at the arm and lets it move again, from the next `start` on."""
        self._change(hold_rule="start", hold_reason="it has not been started")

    def rewind(self) -> None:
        """Forget the last set-point, which was not sent, with its counts; a hold stays."""
        now = self._state
        self._state = replace(self._before, hold_rule=now.hold_rule, hold_reason=now.hold_reason)

    def _change(self, **values: object) -> None:
        self._state = SafetyState(**{**vars(self._state), **values})

    def _count(self, rule: str) -> None:
        # A new map, because `rewind` may want the old one back.
        clamped = self._state.clamped
        self._change(clamped={**clamped, rule: clamped.get(rule, 0) + 1})
