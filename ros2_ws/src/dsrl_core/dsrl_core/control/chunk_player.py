"""Plays action chunks: one set-point per tick, and a word when the next chunk is due.

The clock is passed in and nothing is published here, so the same player serves a node, the
in-process rollout and a test. The set-point of tick t is to be reached at t + set_point_period.

What comes in and does not fit never moves the arm:

| comes in | answer |
|---|---|
| a chunk with values that are no numbers, of another shape, episode or sequence | refused |
| a chunk that nobody asked for, or of an observation long before or after its request | refused |
| a first action that leaps away from the arm | refused |
| a measurement that is no number or of the wrong length | the arm is held, the episode invalid |
| a tick that comes late, or again, or from the past | the same motion, at most a little later |
| no chunk | the arm comes to rest and waits; the caller holds it after a while |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from dsrl_core.control.actions import Actions
from dsrl_core.control.agenda import Agenda
from dsrl_core.control.chunk_check import misfit
from dsrl_core.control.commanded_width import CommandedWidth
from dsrl_core.control.idleness import Idleness
from dsrl_core.control.kinematics import Kinematics
from dsrl_core.control.reference import Reference
from dsrl_core.control.safety import Safety
from dsrl_core.errors import InvalidValue
from dsrl_core.specs import ActionSpec, RobotSpec
from dsrl_core.types import (
    ChunkRequest,
    Decision,
    Float64Array,
    SetPoint,
    to_nanoseconds,
)

RETURN_SHARE: Final = 0.2
"""Share of the largest velocities at which the arm is brought back to a start."""
_STREAM_PERIODS: Final = 2
"""Set-points further apart are none of one motion."""
_RETURNED: Final = 1e-4
"""A scripted return is over so near to its goal [rad], and so slow [rad/s]."""

ReturnState = Literal["none", "moving", "arrived", "blocked", "ignored"]


@dataclass(frozen=True)
class Tick:
    """What one tick gives: a set-point to send, and a request when one is due."""

    set_point: SetPoint | None
    """Without a chunk it holds the arm. None at rest before an episode, or if none can begin."""
    request: ChunkRequest | None


class ChunkPlayer:
    """One arm's player; `start`, then `tick` and `load` in turn until a final request."""

    def __init__(
        self,
        robot: RobotSpec,
        action: ActionSpec,
        horizon: int,
        kinematics: Kinematics,
        safety: Safety,
        stops_at_end: bool = False,
    ) -> None:
        """`stops_at_end`: come to rest where a chunk ends, because the next one takes its time.

        Otherwise (lock-step) it is there by then, and the motion goes on.

        Raises:
            InvalidFile: the action's fields are not those of its kind, or its joints others.
        """
        self._actions = Actions(action, robot.joint_names, kinematics, safety)
        self._shape = (horizon, self._actions.columns)
        row_ns = to_nanoseconds(action.period_s)
        self._agenda = Agenda(horizon, row_ns)
        self._period_ns = robot.set_point_period_ns
        self._safety, self._is_lock_step = safety, not stops_at_end
        self._reference = Reference(self._actions, safety, row_ns, self._period_ns, stops_at_end)
        self._commanded = CommandedWidth()
        self._goal: Float64Array | None = None
        self._returning: ReturnState = "none"
        self._set_point: SetPoint | None = None
        self._last_ns = self._ticked_ns = -1
        self.refused: dict[str, int] = {}
        """Chunks that were refused since the start of the process, by reason."""
        self.idleness = Idleness()

    @property
    def pending(self) -> ChunkRequest | None:
        """The request that waits for its chunk; in lock-step no set-point is sent meanwhile."""
        return self._agenda.pending

    @property
    def waits_since_ns(self) -> int | None:
        """Since when nothing is played for want of a chunk; None: something is, or none is due."""
        return self._agenda.waits_since_ns

    @property
    def is_over(self) -> bool:
        """Whether the episode's final request is out."""
        return self._agenda.final is not None

    @property
    def asks_ahead(self) -> int:
        """Actions before the end of a chunk at which the next one is asked for."""
        return self._agenda.ahead

    def ask_ahead(self, actions: int) -> None:
        """Ask for the next chunk so many actions before the present one ends; 0: at its end.

        Raises:
            InvalidValue: a chunk has not so many actions.
        """
        self._agenda.ahead = actions

    @property
    def return_state(self) -> ReturnState:
        """How far a scripted return is; blocked: safety lets the arm go no further; ignored: its
        set-points stand and wait for the arm, which does not follow."""
        return self._returning

    def start(self, now_ns: int, measured: Float64Array, episode: int, deadline_ns: int) -> None:
        """Begin an episode at rest at the measured position (joints,) [rad]."""
        self._begin(now_ns, measured)
        self._agenda.begin(now_ns, episode, deadline_ns)
        self._commanded.forget()

    def begin_return(self, now_ns: int, measured: Float64Array, joints: Float64Array) -> None:
        """Bring the arm from where it is measured to rest at joints (joints,) [rad], slowly."""
        self._begin(now_ns, measured)
        self._goal = joints
        self._returning = "moving" if self._can_move else "blocked"

    def end_return(self) -> None:
        """Give a return up: the arm comes to rest as soon as its limits allow."""
        if self._goal is not None:
            self._goal = self._safety.stopping_position

    def load(self, decision: Decision) -> str | None:
        """Take the chunk for the pending request; it begins at the next tick, or where the present
        one ends.

        Returns why it was refused, or None. A closing record is nobody's chunk and is passed over.
        """
        if decision.is_final:
            return None
        agenda = self._agenda
        reason, detail = misfit(
            decision, agenda.pending, agenda.episode, self._shape, self._last_ns
        )
        if not reason:
            before = None if agenda.chunk is None else agenda.chunk[-1]
            reason, detail = self._actions.unfit(decision.chunk, self._safety.position, before)
        if reason:
            self.refused[reason] = self.refused.get(reason, 0) + 1
            return f"{reason}: {detail}"
        chunk = decision.chunk.astype(np.float64)
        if agenda.take(chunk):
            self._reference.load(chunk)
            self._commanded.begin_chunk()
        else:
            self._reference.append(chunk)
        return None

    def tick(self, now_ns: int, measured: Float64Array) -> Tick:
        """The set-point for a tick, with the measured position (joints,) [rad].

        In lock-step ticking again at the same stamp gives the same set-point, except after `load`:
        then the one that held the arm is taken back and the new chunk begins at this stamp.
        Otherwise the motion goes on although the clock does not.
        """
        self._ticked_ns = now_ns
        if self._goal is not None:
            return Tick(self._on_the_way_back(now_ns, measured, self._goal), None)
        agenda = self._agenda
        if agenda.episode is None:
            return Tick(self._braking(now_ns), None)
        if now_ns <= self._last_ns and self._is_lock_step:
            if not agenda.is_new:
                return Tick(self._set_point, None)
            now_ns = self._last_ns
            self._safety.rewind()
            self._reference.rewind()
            self.idleness.rewind()
        self._last_ns = now_ns
        if not self._can_move:
            request = None if self.is_over else self._finish(now_ns, "invalid")
            return Tick(self._braking(now_ns), request)
        reference = self._reference
        reference.follow(now_ns, agenda.is_new)
        request = self._due(now_ns)
        width = None
        if agenda.chunk is not None:
            width = self._width(agenda.chunk, reference.time_ns + self._period_ns)
        admitted = reference.step(measured)
        if self._safety.hold_rule is not None and not self.is_over:
            request = self._finish(now_ns, "invalid")
        self.idleness.see(agenda.is_idle)
        self._set_point = SetPoint(now_ns, admitted.position, admitted.velocity, width)
        return Tick(self._set_point, request)

    def end(self, now_ns: int, reason: str) -> ChunkRequest:
        """Close the episode (again: the same answer); the arm brakes and is held from now on.

        Raises:
            InvalidValue: no episode was started.
        """
        if self._agenda.episode is None:
            raise InvalidValue("no episode to end; one is begun with start")
        return self._agenda.final or self._finish(now_ns, reason)

    def hold(self, rule: str, reason: str) -> None:
        """Hold the arm from the next tick on, until `release`; an episode becomes invalid then."""
        self._safety.hold(rule, reason)

    def release(self) -> None:
        """A person lets the arm move again, from the next `start` or `begin_return` on."""
        self._safety.release()
        self._goal, self._returning = None, "none"

    # The motion.

    def _begin(self, now_ns: int, measured: Float64Array) -> None:
        safety = self._safety
        # Once set-points have ceased the arm may be anywhere: somebody may have led it away.
        is_stream = abs(now_ns - self._ticked_ns) <= _STREAM_PERIODS * self._period_ns
        safety.start(measured, goes_on=is_stream and not self._is_lock_step)
        self._can_move = safety.hold_rule is None
        self._goal, self._returning = None, "none"
        self._last_ns = now_ns - 1
        self._set_point = None
        self._agenda.begin(now_ns, None)
        self._reference.begin(now_ns)

    def _on_the_way_back(
        self, now_ns: int, measured: Float64Array, goal: Float64Array
    ) -> SetPoint | None:
        if not self._can_move:
            return self._braking(now_ns)
        before = self._safety.motion
        motion = self._safety.lead(goal, np.zeros(len(goal)), measured, RETURN_SHARE)
        away, speed = np.abs(motion.position - goal).max(), np.abs(motion.velocity).max()
        if away < _RETURNED and speed < _RETURNED:
            self._returning = "arrived"
        elif self._safety.hold_rule is not None or (motion.position == before.position).all():
            is_held = self._safety.hold_rule is not None
            waits = not is_held and not self._safety.is_followed(measured)
            self._returning = "ignored" if waits else "blocked"
        return SetPoint(now_ns, motion.position, motion.velocity)

    def _braking(self, now_ns: int) -> SetPoint | None:
        """The end of a motion for which nobody asks any more; None once the arm is at rest."""
        if not self._safety.is_moving:
            return None
        motion = self._safety.brake()
        return SetPoint(now_ns, motion.position, motion.velocity)

    def _width(self, chunk: Float64Array, reach_ns: int) -> float | None:
        """A new width [m] of the actions up to the one that is under way at a time, or None."""

        def allowed_m(row: int) -> float:
            return self._safety.gripper_width(self._actions.width_m(chunk[row]))

        return self._commanded.up_to(self._agenda.row_at(reach_ns - 1), allowed_m)

    # The episode.

    def _due(self, now_ns: int) -> ChunkRequest | None:
        """What is wanted now; the motion follows what becomes of the chunks."""
        agenda, reference = self._agenda, self._reference
        before = agenda.chunk
        request = agenda.due(now_ns, reference.time_ns)
        if request is not None and request.final:
            reference.rest()
        elif before is not None and agenda.chunk is None:
            reference.drop()
        elif agenda.chunk is not before:
            self._commanded.begin_chunk()
        return request

    def _finish(self, now_ns: int, reason: str) -> ChunkRequest:
        request = self._agenda.finish(now_ns, reason)
        self._reference.rest()
        return request
