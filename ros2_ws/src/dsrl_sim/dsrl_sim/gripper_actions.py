"""What the Franka hand does with its commands: homing, move, grasp, stop.

As libfranka's `franka::Gripper` behind franka_ros2's gripper node: a command blocks until it is
done, another one waits until then, and only a stop ends it early. A move that meets an object does
not give up for minutes (libfranka issues 18 and 28; franka_ros issue 281).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from dsrl_core.types import to_nanoseconds
from dsrl_sim.gripper import DEFAULT_FORCE_N, MAX_FORCE_N, MAX_SPEED_M_S

FAILED: Final = "libfranka gripper: Command failed!"
ABORTED: Final = "libfranka gripper: Command aborted!"

HOMING_SPEED_M_S: Final = 0.05
MIN_FORCE_N: Final = 30.0
"""The hand grasps with no less, whatever is asked for (libfranka issue 111)."""
_REACHED_M: Final = 0.001
_STILL_M: Final = 0.0001
_STILL_NS: Final = to_nanoseconds(0.15)
_GIVES_UP_NS: Final = to_nanoseconds(120.0)


@dataclass(frozen=True)
class Homing:
    """Close, open: the hand learns its largest width."""


@dataclass(frozen=True)
class Move:
    """Go to a width."""

    width_m: float
    speed_m_s: float


@dataclass(frozen=True)
class Grasp:
    """Close until something is between the fingers; it is grasped if it is as wide as told."""

    width_m: float
    speed_m_s: float
    force_n: float
    epsilon_inner_m: float
    epsilon_outer_m: float


Command: TypeAlias = Homing | Move | Grasp


@dataclass(frozen=True)
class Outcome:
    """Of a command: whether it did what was asked, and what libfranka would have thrown."""

    success: bool
    error: str = ""


@dataclass(eq=False)
class Job:
    """A command that was accepted."""

    command: Command
    outcome: Outcome | None = None
    """None until it is over."""
    _targets: list[float] = field(default_factory=list)
    _began_ns: int = -1


Drive: TypeAlias = Callable[[float, float, float], None]
"""Sets the fingers going: width [m], speed [m/s], force [N]."""


class Hand:
    """One command at a time, in the order in which they came."""

    def __init__(self, width_max_m: float, latency_ns: int, drive: Drive) -> None:
        """`latency_ns`: from a command to the fingers' first motion, which `drive` accounts for."""
        self._width_max_m = width_max_m
        self._latency_ns = latency_ns
        self._drive = drive
        self._waiting: deque[Job] = deque()
        self._still_since_ns = 0
        self._still_width_m = math.inf
        self._width_m = width_max_m
        self.running: Job | None = None
        self.has_fault = False
        """While set every command fails."""

    def accept(self, command: Command) -> Job:
        """Begin a command as soon as those before it are over."""
        job = Job(command)
        self._waiting.append(job)
        return job

    def stop(self) -> None:
        """End the command that runs, and let the fingers rest where they are."""
        if self.running is not None:
            self._end(Outcome(False, ABORTED))
        self._drive(self._width_m, MAX_SPEED_M_S, DEFAULT_FORCE_N)

    def cancel(self, job: Job) -> None:
        """End one command, whether it runs or waits."""
        if job is self.running:
            self.stop()
        elif job in self._waiting:
            self._waiting.remove(job)
            job.outcome = Outcome(False, ABORTED)

    def reset(self, width_m: float) -> None:
        """The world was put back: nothing runs and nothing waits."""
        for job in (self.running, *self._waiting):
            if job is not None:
                job.outcome = Outcome(False, ABORTED)
        self.running, self._width_m = None, width_m
        self._waiting.clear()

    def step(self, now_ns: int, width_m: float) -> None:
        """Let time pass; the fingers are measured at `width_m`."""
        self._width_m = min(max(width_m, 0.0), self._width_max_m)
        if self.has_fault and self.running is not None:
            self._end(Outcome(False, FAILED))
            self._drive(self._width_m, MAX_SPEED_M_S, DEFAULT_FORCE_N)
        if self.running is None and self._waiting:
            self._begin(self._waiting.popleft(), now_ns)
        if self.running is None:
            return
        if abs(width_m - self._still_width_m) > _STILL_M:
            self._still_width_m, self._still_since_ns = width_m, now_ns
        is_still = now_ns - self._still_since_ns >= _STILL_NS
        self._judge(self.running, now_ns, is_still)

    def _begin(self, job: Job, now_ns: int) -> None:
        self.running = job
        if self.has_fault or not self._is_possible(job.command):
            self._end(Outcome(False, FAILED))
            return
        job._began_ns = now_ns
        self._still_since_ns = now_ns + self._latency_ns
        match job.command:
            case Homing():
                job._targets = [0.0, self._width_max_m]
            case Move(width_m, _):
                job._targets = [width_m]
            case Grasp(width_m, _, _, inner_m, _):
                # From inside an object the fingers press outwards.
                opens = self._width_m < width_m - inner_m
                job._targets = [self._width_max_m if opens else 0.0]
        self._go(job)

    def _go(self, job: Job) -> None:
        speed_m_s, force_n = HOMING_SPEED_M_S, DEFAULT_FORCE_N
        if not isinstance(job.command, Homing):
            speed_m_s = min(job.command.speed_m_s, MAX_SPEED_M_S)
        if isinstance(job.command, Grasp):
            force_n = min(max(job.command.force_n, MIN_FORCE_N), MAX_FORCE_N)
        self._drive(job._targets[0], speed_m_s, force_n)

    def _judge(self, job: Job, now_ns: int, is_still: bool) -> None:
        if isinstance(job.command, Grasp):
            if is_still:
                low_m = job.command.width_m - job.command.epsilon_inner_m
                high_m = job.command.width_m + job.command.epsilon_outer_m
                self._end(Outcome(low_m < self._width_m < high_m))
        elif abs(self._width_m - job._targets[0]) <= _REACHED_M:
            job._targets.pop(0)
            if job._targets:
                self._go(job)
            else:
                self._end(Outcome(True))
        elif now_ns - job._began_ns >= _GIVES_UP_NS or (
            is_still and isinstance(job.command, Homing)
        ):
            self._end(Outcome(False))

    def _end(self, outcome: Outcome) -> None:
        assert self.running is not None
        self.running.outcome = outcome
        self.running = None

    def _is_possible(self, command: Command) -> bool:
        match command:
            case Homing():
                return True
            case Move(width_m, speed_m_s):
                return 0.0 <= width_m <= self._width_max_m and 0.0 < speed_m_s < math.inf
            case Grasp(width_m, speed_m_s, force_n, inner_m, outer_m):
                return (
                    0.0 <= width_m <= self._width_max_m
                    and 0.0 < speed_m_s < math.inf
                    and 0.0 <= force_n < math.inf
                    and inner_m >= 0.0
                    and outer_m >= 0.0
                )
