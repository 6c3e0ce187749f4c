"""The hand's own controller: queued commands, a limited speed, a limited force."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Final

from dsrl_core.errors import InvalidValue

MAX_SPEED_M_S: Final = 0.1
"""Of the width; either finger moves at half of it."""
MAX_FORCE_N: Final = 70.0
DEFAULT_FORCE_N: Final = 40.0


@dataclass(frozen=True, order=True)
class GripperCommand:
    """A width to go to, from a simulated time on."""

    at_ns: int
    width_m: float
    speed_m_s: float = MAX_SPEED_M_S
    force_n: float = DEFAULT_FORCE_N


@dataclass(frozen=True)
class GripperState:
    """All that the controller remembers."""

    goal: GripperCommand
    reference_m: float
    """Width that the fingers' servo is told at this moment."""
    queue: tuple[GripperCommand, ...] = ()
    """Not yet effective, by time; of two for the same time the later one counts."""


class GripperController:
    """Turns queued commands into one reference width per set-point period."""

    def __init__(self, width_max_m: float) -> None:
        self._width_max_m = width_max_m
        self.reset(0)

    def reset(self, now_ns: int) -> None:
        """Open, and nothing queued."""
        self.state = GripperState(GripperCommand(now_ns, self._width_max_m), self._width_max_m)

    def enqueue(self, command: GripperCommand) -> None:
        """Keep a command until its time.

        Raises:
            InvalidValue: the width, speed or force is not one that the hand has.
        """
        for name, value, low, high in (
            ("width_m", command.width_m, 0.0, self._width_max_m),
            ("speed_m_s", command.speed_m_s, 0.0, MAX_SPEED_M_S),
            ("force_n", command.force_n, 0.0, MAX_FORCE_N),
        ):
            if not low <= value <= high:
                raise InvalidValue(f"gripper {name} {value}, expected {low} to {high}")
        queue = list(self.state.queue)
        bisect.insort_right(queue, command, key=lambda waiting: waiting.at_ns)
        self.state = GripperState(self.state.goal, self.state.reference_m, tuple(queue))

    def step(self, now_ns: int, width_m: float, period_s: float) -> GripperState:
        """State for the period that starts now, with the fingers measured at `width_m`."""
        goal, reference, queue = self.state.goal, self.state.reference_m, self.state.queue
        while queue and queue[0].at_ns <= now_ns:
            goal, *rest = queue
            queue = tuple(rest)
            # A grasped object held the fingers: start from where they are.
            reference = min(max(width_m, 0.0), self._width_max_m)
        if reference != goal.width_m or queue is not self.state.queue:
            travel = goal.speed_m_s * period_s
            reference += min(max(goal.width_m - reference, -travel), travel)
            self.state = GripperState(goal, reference, queue)
        return self.state
