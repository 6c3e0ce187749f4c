"""What safety remembers, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_core.control.limits import Brake
from dsrl_core.control.motion import Motion


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
    """All that `rewind` puts back."""

    motion: Motion
    brake: Brake | None
    """How the arm stops from here; None before the first `start`."""
    braked_s: float
    """How far along the brake it is already."""
    hold_rule: str | None
    hold_reason: str | None
    set_points: int
    clamped: dict[str, int]
