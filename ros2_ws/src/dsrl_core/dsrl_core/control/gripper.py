"""From wanted widths to commands of franka_gripper: one at a time, none for a flicker.

A policy says at every action how wide it wants the hand. The hand takes goals that last seconds,
and a grasp that holds something blocks until it is stopped. So the planner sends a goal only if the
wanted width has lain on one side of the present goal for a while, stops what still runs before it
sends the next, and sends the latest wanted width when the hand is free again. It waits for nobody:
the clock and the hand's answers are passed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from dsrl_core.specs import GripperSpec
from dsrl_core.types import to_nanoseconds

_ANSWER_NS: Final = to_nanoseconds(2.0)
"""Beyond the time that a goal's motion takes; an answer later than this will not come."""


@dataclass(frozen=True)
class Move:
    """Go to a width, with no force on anything between the fingers."""

    width_m: float
    speed_m_s: float


@dataclass(frozen=True)
class Grasp:
    """Close on what is there; held if its width is within the epsilons of the one given."""

    width_m: float
    force_n: float
    speed_m_s: float
    epsilon_inner_m: float
    epsilon_outer_m: float


@dataclass(frozen=True)
class Stop:
    """End the running goal; the planner waits for the answer before the next one."""


Goal: TypeAlias = Move | Grasp
Command: TypeAlias = Move | Grasp | Stop


class _Phase(Enum):
    IDLE = auto()
    RUNNING = auto()
    STOPPING = auto()


class GripperPlanner:
    """One hand: tell it widths with `want`, send what `next` gives, pass its answers on."""

    def __init__(self, spec: GripperSpec, width_max_m: float) -> None:
        self._spec = spec
        self._width_max = width_max_m
        self._debounce_ns = to_nanoseconds(spec.debounce_s)
        self._answer_ns = to_nanoseconds(width_max_m / spec.speed_m_s) + _ANSWER_NS
        self.fault: str | None = None
        """Why the hand is not to be trusted any more, or None. Only `clear` forgets it."""
        self.missed = 0
        """Goals that ended elsewhere than asked, without a fault: a grasp of nothing, mostly."""
        self._phase = _Phase.IDLE
        self._goal: Goal | None = None
        self._sent: Command | None = None
        self._answer_by_ns = 0
        self._wanted: float | None = None
        self._side = 0
        """-1 or 1: narrower or wider than the goal is wanted, since `_since_ns`; 0: as the goal."""
        self._since_ns = 0
        self._halting = False

    @property
    def is_busy(self) -> bool:
        """Whether a goal runs or a stop waits for its answer."""
        return self._phase is not _Phase.IDLE

    @property
    def goal(self) -> Goal | None:
        """The last goal that was given out, running or ended."""
        return self._goal

    def want(self, width_m: float, now_ns: int) -> None:
        """The width [m] that is wanted from now on; repeat it as often as you like.

        What is no number is passed over: safety has refused it already.
        """
        if not math.isfinite(width_m):
            return
        self._wanted = min(max(width_m, 0.0), self._width_max)
        side = self._side_of(self._wanted)
        if side != self._side:
            self._side, self._since_ns = side, now_ns

    def halt(self) -> None:
        """Want nothing any more; what moves is stopped. A finished grasp keeps its hold."""
        self._wanted, self._side = None, 0
        self._halting = self._phase is _Phase.RUNNING

    def next(self, now_ns: int) -> Command | None:
        """What to send now, or None. The sender passes the answer to `finished` or `stopped`."""
        if self._phase is not _Phase.IDLE and now_ns > self._answer_by_ns:
            self.fail(f"no answer to {self._sent} in {self._answer_ns * 1e-9:.1f} s")
        if self.fault is not None:
            if self._phase is not _Phase.RUNNING:
                return None
            return self._send_stop(now_ns)
        if self._phase is _Phase.STOPPING:
            return None
        if self._halting or (self._phase is _Phase.RUNNING and self._is_due(now_ns)):
            self._halting = False
            return self._send_stop(now_ns)
        if self._phase is _Phase.IDLE and self._is_due(now_ns):
            return self._send_goal(now_ns)
        return None

    def finished(self, goal: Goal, success: bool, error: str = "") -> None:
        """The result of a goal, the very object that `next` gave; of another one it is too late.

        An error is the hand's own word for a fault. Without one a goal that did not succeed ended
        elsewhere: there was nothing to grasp, say.
        """
        if goal is not self._goal or self._phase is not _Phase.RUNNING:
            return
        self._phase = _Phase.IDLE
        self._halting = False
        if error:
            self.fail(f"{type(goal).__name__.lower()} to {goal.width_m:.3f} m failed: {error}")
        elif not success:
            self.missed += 1

    def stopped(self, error: str = "") -> None:
        """The stop has been answered: the fingers stand anywhere, the goal was not reached."""
        if self._phase is not _Phase.STOPPING:
            return
        self._phase, self._goal = _Phase.IDLE, None
        if error:
            self.fail(f"the stop failed: {error}")

    def fail(self, reason: str) -> None:
        """Latch a fault: a goal was rejected, the hand's node is gone. The first reason stays."""
        self.fault = self.fault or reason

    def clear(self) -> None:
        """A person has looked at the hand; nothing of before is waited for or wanted any more."""
        self.fault = None
        self._phase, self._goal, self._sent = _Phase.IDLE, None, None
        self._answer_by_ns = self._since_ns = self._side = 0
        self._wanted, self._halting = None, False

    def _side_of(self, width_m: float) -> int:
        if self._goal is None:
            return 1
        apart = width_m - self._goal.width_m
        return 0 if abs(apart) <= self._spec.step_m else int(math.copysign(1, apart))

    def _is_due(self, now_ns: int) -> bool:
        if self._wanted is None:
            return False
        if self._goal is None:
            return True
        return self._side != 0 and now_ns - self._since_ns >= self._debounce_ns

    def _send_stop(self, now_ns: int) -> Stop:
        stop = Stop()
        self._phase, self._sent = _Phase.STOPPING, stop
        self._answer_by_ns = now_ns + self._answer_ns
        return stop

    def _send_goal(self, now_ns: int) -> Goal:
        width, spec = self._wanted, self._spec
        assert width is not None
        goal: Goal
        if width <= spec.grasp_below_m:
            goal = Grasp(
                width, spec.force_n, spec.speed_m_s, spec.epsilon_inner_m, spec.epsilon_outer_m
            )
        else:
            goal = Move(width, spec.speed_m_s)
        self._phase, self._goal, self._sent = _Phase.RUNNING, goal, goal
        self._side, self._since_ns = 0, now_ns
        self._answer_by_ns = now_ns + self._answer_ns
        return goal
