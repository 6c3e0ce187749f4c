"""Plays action chunks: one set-point per tick, and a word when the next chunk is due.

The clock is passed in and nothing is published here, so the same player serves a node, the
in-process rollout and a test. Row i of a chunk that is begun at t0 leads from t0 + i * period to
t0 + (i + 1) * period; the set-point of tick t is the point to reach at t + set_point_period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.control.interpolation import Follower, Line
from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.control.safety import Safety
from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.specs import ActionSpec, RobotSpec
from dsrl_core.types import (
    ChunkRequest,
    Decision,
    Float64Array,
    SetPoint,
    to_nanoseconds,
)

ACTION_SIZES: Final = (3, 1, 1)
"""Fields of a tool_delta action in order: displacement [m], yaw [rad], gripper width [m]."""
GRIPPER_STEP_M: Final = 1e-3
"""A commanded width that differs by less is not sent."""
_HEADROOM: Final = 0.95
"""Share of the limits that the player uses by itself, so that safety has nothing to clamp."""


@dataclass(frozen=True)
class Tick:
    """What one tick gives: a set-point to send, and a request when one is due."""

    set_point: SetPoint | None
    """Without a chunk it holds the arm. None before an episode, or if none can begin safely."""
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
    ) -> None:
        """
        Raises:
            InvalidFile: the action's fields are not those of a tool_delta.
        """
        sizes = tuple(part.size for part in action.fields)
        if sizes != ACTION_SIZES:
            names = ", ".join(f"{part.name} ({part.size})" for part in action.fields)
            raise InvalidFile(
                f"action of kind {action.kind} has the fields {names}; expected sizes "
                f"{ACTION_SIZES}: displacement, yaw, gripper width"
            )
        self._shape = (horizon, sum(sizes))
        self._row_ns = to_nanoseconds(action.period_s)
        self._row_s = action.period_s
        self._gripper_levels_m = action.gripper_levels_m
        self._period_ns = robot.set_point_period_ns
        self._kinematics = kinematics
        self._safety = safety
        self._follower = Follower(
            _HEADROOM * safety.velocity_max,
            _HEADROOM * safety.acceleration_max,
            robot.set_point_period_s,
        )
        self._still = np.zeros(len(robot.joint_names))
        self._episode: int | None = None
        self._pending: ChunkRequest | None = None
        self._answered: ChunkRequest | None = None
        self._final: ChunkRequest | None = None
        self.refused: dict[str, int] = {}
        """Chunks that were refused since the start of the process, by reason."""

    @property
    def pending(self) -> ChunkRequest | None:
        """The request that waits for its chunk; in lock-step no set-point is sent meanwhile."""
        return self._pending

    @property
    def is_over(self) -> bool:
        """Whether the episode's final request is out."""
        return self._final is not None

    def start(self, now_ns: int, measured: Float64Array, episode: int, deadline_ns: int) -> None:
        """Begin an episode at rest at the measured position (joints,) [rad]."""
        self._safety.start(measured)
        self._episode = episode
        self._deadline_ns = deadline_ns
        self._last_ns = now_ns - 1
        self._can_move = self._safety.hold_reason is None
        self._set_point: SetPoint | None = None
        self._pending = self._answered = self._final = None
        self._sequence = 0
        self._chunk: Float64Array | None = None
        self._is_new = False
        self._start_ns = now_ns
        self._row = -1
        self._line: Line | None = None
        self._gripper_width_m: float | None = None
        self._rest_at(self._safety.position)

    def load(self, decision: Decision) -> str | None:
        """Take the chunk for the pending request; it begins at the next tick.

        Returns why it was refused, or None. A closing record is nobody's chunk and is passed over.
        """
        if decision.is_final:
            return None
        reason, detail = self._unfit(decision)
        if reason:
            self.refused[reason] = self.refused.get(reason, 0) + 1
            return f"{reason}: {detail}"
        self._chunk = decision.chunk.astype(np.float64)
        self._is_new = True
        self._row = -1
        self._sequence = decision.sequence + 1
        self._answered, self._pending = self._pending, None
        return None

    def tick(self, now_ns: int, measured: Float64Array) -> Tick:
        """The set-point for a tick, with the measured position (joints,) [rad].

        Ticking again at the same stamp gives the same set-point, except after `load`: then the
        one that held the arm is taken back and the new chunk begins at this stamp.
        """
        if self._episode is None:
            return Tick(None, None)
        if now_ns <= self._last_ns:
            if not self._is_new:
                return Tick(self._set_point, None)
            now_ns = self._last_ns
            self._safety.rewind()
        self._last_ns = now_ns
        if not self._can_move:
            return Tick(None, None if self._final else self._finish(now_ns, "invalid"))
        request = self._due(now_ns)
        width = None
        if self._chunk is not None and self._final is None:
            width = self._advance(now_ns + self._period_ns)
        line = self._line
        if line is None:
            target, velocity = self._joints, self._still
        else:
            target, velocity = line.at(now_ns + self._period_ns), line.velocity
        safety = self._safety
        wanted = self._follower.step(safety.position, safety.velocity, target, velocity)
        admitted = safety.admit(wanted, measured)
        if safety.hold_reason is not None and self._final is None:
            request = self._finish(now_ns, "invalid")
        self._set_point = SetPoint(now_ns, admitted, width)
        return Tick(self._set_point, request)

    def end(self, now_ns: int, reason: str) -> ChunkRequest:
        """Close the episode (again: the same answer); the arm brakes and is held from now on.

        Raises:
            InvalidValue: no episode was started.
        """
        if self._episode is None:
            raise InvalidValue("no episode to end; one is begun with start")
        return self._final or self._finish(now_ns, reason)

    def _due(self, now_ns: int) -> ChunkRequest | None:
        """Begin a new chunk, put a finished one away, and say what is wanted now."""
        if self._final is not None:
            return None
        if self._is_new:
            self._start_ns = now_ns
            self._is_new = False
        if now_ns >= self._deadline_ns:
            return self._finish(now_ns, "deadline")
        if self._pending is not None:
            return None
        if self._chunk is None:
            return self._ask(now_ns, 0, "start")
        if now_ns >= self._start_ns + self._shape[0] * self._row_ns:
            self._chunk, self._line = None, None
            return self._ask(now_ns, self._shape[0], "exhausted")
        return None

    def _ask(self, now_ns: int, executed: int, reason: str) -> ChunkRequest:
        assert self._episode is not None
        self._pending = ChunkRequest(now_ns, self._episode, self._sequence, executed, reason)
        return self._pending

    def _finish(self, now_ns: int, reason: str) -> ChunkRequest:
        assert self._episode is not None
        # A chunk that was asked for and never played counts as if it had not come in time, so that
        # the record does not depend on whether it did.
        unplayed = self._pending
        if self._answered is not None and (self._is_new or now_ns <= self._start_ns):
            unplayed = self._answered
        sequence, executed = self._sequence, 0
        if unplayed is not None:
            sequence, executed = unplayed.sequence, unplayed.previous_steps_executed
        elif self._answered is not None:
            executed = min((now_ns - self._start_ns) // self._row_ns, self._shape[0])
        self._final = ChunkRequest(now_ns, self._episode, sequence, executed, reason, final=True)
        self._pending, self._chunk, self._is_new = None, None, False
        self._rest_at(
            self._follower.stopping_position(self._safety.position, self._safety.velocity)
        )
        return self._final

    def _rest_at(self, joints: Float64Array) -> None:
        self._line = None
        self._joints = joints
        pose = self._kinematics.tool_pose(joints)
        self._tool_point, self._yaw = pose.position, pose.yaw

    def _advance(self, reach_ns: int) -> float | None:
        """Begin the rows up to the one that is under way at a time; a width to command, or None."""
        assert self._chunk is not None
        row = min((reach_ns - 1 - self._start_ns) // self._row_ns, self._shape[0] - 1)
        width = None
        while self._row < row:
            self._row += 1
            action = self._chunk[self._row]
            self._begin_row(action)
            changed = self._new_width(float(action[4]))
            width = width if changed is None else changed
        return width

    def _begin_row(self, action: Float64Array) -> None:
        point = self._safety.tool_point(self._tool_point + action[:3])
        yaw = self._yaw + float(action[3])
        solution = self._kinematics.solve(pointing_down(point, yaw), self._joints)
        joints, is_whole = self._safety.row_target(
            self._joints, solution, self._row_s, self._point_of
        )
        if not is_whole:
            pose = self._kinematics.tool_pose(joints)
            point, yaw = pose.position, pose.yaw
        begin_ns = self._start_ns + self._row * self._row_ns
        self._line = Line.between(self._joints, joints, begin_ns, self._row_ns)
        self._joints, self._tool_point, self._yaw = joints, point, yaw

    def _point_of(self, joints: Float64Array) -> Float64Array:
        return self._kinematics.tool_pose(joints).position

    def _new_width(self, width_m: float) -> float | None:
        if self._gripper_levels_m:
            width_m = min(self._gripper_levels_m, key=lambda level: abs(level - width_m))
        width_m = self._safety.gripper_width(width_m)
        last = self._gripper_width_m
        if last is not None and abs(width_m - last) <= GRIPPER_STEP_M:
            return None
        self._gripper_width_m = width_m
        return width_m

    def _unfit(self, decision: Decision) -> tuple[str, str]:
        """Why a chunk cannot be played: a countable reason and the particulars, or empty."""
        pending = self._pending
        if self._episode is None or decision.episode != self._episode:
            return "another episode", f"{decision.episode}, playing {self._episode}"
        if pending is None:
            return "not asked for", f"sequence {decision.sequence}, nothing is pending"
        if decision.sequence != pending.sequence:
            return "another sequence", f"{decision.sequence}, asked for {pending.sequence}"
        if decision.chunk.shape != self._shape:
            return "wrong shape", f"{decision.chunk.shape}, expected {self._shape}"
        if not np.isfinite(decision.chunk).all():
            row = int(np.argwhere(~np.isfinite(decision.chunk))[0, 0])
            return "not finite", f"row {row}: {decision.chunk[row].tolist()}"
        return "", ""
