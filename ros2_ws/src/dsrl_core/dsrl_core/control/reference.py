"""The motion that a chunk's actions ask for: joined without a jump, whenever they come.

Row i of a chunk that is begun at t0 leads from t0 + i * period to t0 + (i + 1) * period. Its time
goes on by one set-point period per tick, so that the jitter of ticks has no effect on the motion.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dsrl_core.control.actions import Actions
from dsrl_core.control.motion import Approach, Limits, Line, Motion
from dsrl_core.control.safety import Safety
from dsrl_core.types import Float64Array

HEADROOM: Final = 0.95
"""Share of the limits that the reference uses, so that safety has nothing to clamp."""
LEAD_NS: Final = 40_000_000
"""An action's line is turned into so long before it begins, if it is known by then: the corner is
cut on its inner side instead of overshot."""
SKEW_PERIODS: Final = 2
"""Ticks may come early or late by so many periods without an effect on the motion."""


class Reference:
    """The motion to be at, one set-point ahead; `safety` has the set-points that went out."""

    def __init__(
        self, actions: Actions, safety: Safety, row_ns: int, period_ns: int, stops_at_end: bool
    ) -> None:
        """`stops_at_end`: see `ChunkPlayer`."""
        self._actions, self._safety, self._stops_at_end = actions, safety, stops_at_end
        self._row_ns, self._period_ns = row_ns, period_ns
        self._line: Line
        self._approach: Approach
        limits = safety.limits
        self._limits = Limits(
            HEADROOM * limits.velocity, HEADROOM * limits.acceleration, HEADROOM * limits.jerk
        )

    def begin(self, now_ns: int) -> None:
        """Stand where safety stands; the first tick may be at once."""
        self.time_ns = now_ns - self._period_ns
        self._chunk: Float64Array | None = None
        self.rest()
        self._before = self._approach, self._line, self.time_ns

    def load(self, chunk: Float64Array) -> None:
        """Play this chunk (rows, columns) from the next tick on."""
        self._chunk, self._row = chunk, -1
        self._gives_up = False

    def append(self, chunk: Float64Array) -> None:
        """Play this chunk (rows, columns) where the present one ends."""
        assert self._chunk is not None, "nothing is played that it could follow"
        self._chunk = np.concatenate([self._chunk, chunk])

    def drop(self) -> None:
        """The chunk is played: come to rest where it led to, unless it does already."""
        self._chunk = None
        if self._line.velocity.any():
            self._turn_into(Line.rest(self._actions.joints))

    def rest(self) -> None:
        """Come to rest as soon as the limits allow, and forget what was to be played."""
        self._chunk, self._gives_up = None, True
        joints = self._safety.stopping_position
        self._actions.rest_at(joints)
        self._turn_into(Line.rest(joints))
        self._is_off = True  # between two ticks the last set-point is one period ahead

    def rewind(self) -> None:
        """Forget the last tick: its set-point was not sent."""
        self._approach, self._line, self.time_ns = self._before

    def follow(self, now_ns: int, is_new: bool) -> int:
        """One tick later, at a time of the caller's clock; the time of the motion.

        It is one period after the last, unless the clock is far ahead; it never goes back.
        """
        self._before = self._approach, self._line, self.time_ns
        due_ns = self.time_ns + self._period_ns
        late_ns = now_ns - due_ns
        if late_ns > SKEW_PERIODS * self._period_ns or (is_new and late_ns > 0):
            due_ns, self._is_off = now_ns, True
        self.time_ns = due_ns
        if is_new:
            self._start_ns = due_ns
        if self._is_off:
            self._turn_into(self._line)
            self._is_off = False
        return due_ns

    def step(self, measured: Float64Array) -> Motion:
        """The set-point for this tick, as safety admits it."""
        if self._chunk is not None:
            self._advance(self._chunk)
        reach_ns = self.time_ns + self._period_ns
        if not self._approach.is_possible:
            # Too far away: as fast as the joints can towards the line, until there is a smooth way.
            self._is_off = True
            ahead_ns = reach_ns + self._period_ns
            target, velocity = self._line.at(ahead_ns), self._line.velocity
            return self._safety.lead(target, velocity, measured, lags=not self._gives_up)
        wanted = self._approach.at(reach_ns)
        admitted = self._safety.admit(wanted, measured)
        self._is_off = admitted is not wanted
        return admitted

    def _advance(self, chunk: Float64Array) -> None:
        """Begin the actions up to the one to be turned into now."""
        last = len(chunk) - 1
        ahead_ns = max(self._period_ns - 1, LEAD_NS if self._row >= 0 else 0)
        row = min((self.time_ns + ahead_ns - self._start_ns) // self._row_ns, last)
        while self._row < row:
            self._row += 1
            begin_ns = self._start_ns + self._row * self._row_ns
            start = self._actions.joints
            end = self._actions.begin(chunk[self._row])
            self._turn_into(Line.between(start, end, begin_ns, self._row_ns))
        end_ns = self._start_ns + len(chunk) * self._row_ns
        is_ending = self._stops_at_end and self._row == last and self.time_ns >= end_ns - LEAD_NS
        if is_ending and self._line.velocity.any():
            self._turn_into(Line.rest(self._actions.joints))

    def _turn_into(self, line: Line) -> None:
        """Lead smoothly from the last set-point into a line."""
        self._line = line
        self._approach = Approach(self._safety.motion, self.time_ns, line, self._limits)
