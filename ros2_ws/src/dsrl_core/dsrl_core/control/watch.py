"""Watches what the arm is driven by: is every input there, young, alive and going forward?

Nothing is read or published here and the clock is passed in. `check` gives the first rule that is
broken and a sentence for people; whoever asks holds the arm with it (`Safety.hold`).

| rule | broken when |
|---|---|
| stale_<input> | nothing came yet, or for too long; stamps of the future, or that went back |
| stale_<camera> | also: the picture stays the same while its stamps go on |
| stale_clock | this machine's own clock went back |
| mode | the robot is not in the mode in which it follows set-points |
| lost_<process> | a process of the graph is gone |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.specs import RobotSpec, TaskSpec
from dsrl_core.types import Float64Array, to_nanoseconds

JOINT_STATES: Final = "joint_states"
ROBOT_STATE: Final = "robot_state"
MODE_IDLE: Final = 1
MODE_MOVE: Final = 2
MODES: Final = ("other", "idle", "move", "guiding", "reflex", "user stopped", "recovery")
"""franka_msgs/FrankaRobotState.robot_mode."""

_FUTURE_NS: Final = to_nanoseconds(0.1)
"""Clocks of two machines differ by less; a stamp further ahead is wrong."""
_BACK_NS: Final = to_nanoseconds(0.1)
"""A stamp that is older than the last one by less was overtaken on its way and is passed over."""
_EVENT_NS: Final = to_nanoseconds(1.0)
"""What happens in a moment is reported for this long."""
_STIRRED_RAD: Final = 0.02
"""An arm that moved a joint so far has changed what any camera sees that shows it."""
_RESTING_RAD: Final = 1e-4
"""An arm that moved no joint further is at rest."""
_RESTLESS: Final = 60
"""Pictures in a row that differ before an arm at rest: such a camera has noise, it never gives two
equal pictures while it lives. Fingers that close, or a thing that falls, change fewer."""


@dataclass
class _Input:
    age_max_ns: int
    stamp_ns: int | None = None
    received_ns: int = 0
    event: str = ""
    event_ns: int = 0


@dataclass
class _Picture:
    """What is known of a camera's pictures."""

    content: int | None = None
    since_ns: int = 0
    """When the present content was seen first."""
    arm: Float64Array | None = None
    """Where the arm was then, (joints,) [rad]."""
    restless: int = 0


class Watch:
    """Ages and states of the inputs of one arm."""

    def __init__(self, robot: RobotSpec, task: TaskSpec, cameras: Sequence[str] = ()) -> None:
        """Expects joint and robot states, and pictures of the cameras named."""
        self._inputs: dict[str, _Input] = {}
        self._pictures: dict[str, _Picture] = {}
        self._frozen_ns = to_nanoseconds(task.frozen_camera_s)
        self._lost: list[str] = []
        self._mode: tuple[int, str] | None = None
        self.may_be_idle = False
        """While the arm's controllers are switched off on purpose."""
        self._arm: Float64Array | None = None
        self._clock_ns = 0
        self._clock_event: tuple[int, str] | None = None
        self.expect(JOINT_STATES, robot.joint_states_age_max_s)
        self.expect(ROBOT_STATE, robot.robot_state_age_max_s)
        for camera in cameras:
            self.expect(camera, task.input_age_max_s)

    def expect(self, name: str, age_max_s: float) -> None:
        """Another input, which has to be seen and to stay younger than this."""
        self._inputs[name] = _Input(to_nanoseconds(age_max_s))

    def saw(self, name: str, stamp_ns: int, received_ns: int, content: int | None = None) -> None:
        """A message of an expected input: its stamp, when it came, and a picture's hash."""
        seen = self._inputs[name]
        last = seen.stamp_ns
        if last is not None and stamp_ns < last:
            if last - stamp_ns < _BACK_NS:
                return
            seen.event = f"its stamps went back by {_seconds(last - stamp_ns)}"
            seen.event_ns = received_ns
        seen.stamp_ns, seen.received_ns = stamp_ns, received_ns
        if content is not None:
            self._look_at(self._pictures.setdefault(name, _Picture()), content, received_ns)

    def arm_at(self, positions: Float64Array) -> None:
        """Where the arm is, (joints,) [rad]: a picture that stays while it moves is frozen."""
        self._arm = positions

    @property
    def mode(self) -> int | None:
        """The robot's mode as it was told last."""
        return None if self._mode is None else self._mode[0]

    def robot(self, mode: int, errors: str = "") -> None:
        """The robot's mode (franka_msgs/FrankaRobotState) and its errors, for people."""
        self._mode = (mode, errors)

    def lost(self, process: str) -> None:
        """A process of the graph is gone."""
        if process not in self._lost:
            self._lost.append(process)

    def back(self, process: str) -> None:
        """It is there again."""
        if process in self._lost:
            self._lost.remove(process)

    def forget(self) -> None:
        """Nothing has been seen yet: after a pause in which nobody listened."""
        for seen in self._inputs.values():
            seen.stamp_ns, seen.event = None, ""
        self._pictures.clear()
        self._mode = self._clock_event = None
        self._clock_ns = 0

    def check(self, now_ns: int) -> tuple[str, str] | None:
        """The first broken rule and why, or None; the worst causes come first."""
        if self._lost:
            return f"lost_{self._lost[0]}", f"process {self._lost[0]} is gone"
        return self._clock(now_ns) or self._mode_problem() or self._stale(now_ns)

    def _clock(self, now_ns: int) -> tuple[str, str] | None:
        back = self._clock_ns - now_ns
        self._clock_ns = now_ns
        if back > 0:
            # Stamps of before cannot be compared with those to come.
            for seen in self._inputs.values():
                seen.stamp_ns = None
            self._clock_event = (now_ns, f"this machine's clock went back by {_seconds(back)}")
        event = self._clock_event
        if event is not None and now_ns - event[0] < _EVENT_NS:
            return "stale_clock", event[1]
        return None

    def _mode_problem(self) -> tuple[str, str] | None:
        if self._mode is None or self._mode[0] == MODE_MOVE:
            return None
        mode, errors = self._mode
        if mode == MODE_IDLE and self.may_be_idle:
            return None
        detail = f": {errors}" if errors else ""
        return "mode", f"the robot is in mode {mode} ({mode_name(mode)}), expected 2 (move){detail}"

    def _stale(self, now_ns: int) -> tuple[str, str] | None:
        for name, seen in self._inputs.items():
            reason = self._problem(name, seen, now_ns)
            if reason:
                return f"stale_{name}", f"{name}: {reason}"
        return None

    def _problem(self, name: str, seen: _Input, now_ns: int) -> str:
        if seen.event and now_ns - seen.event_ns < _EVENT_NS:
            return seen.event
        if seen.stamp_ns is None:
            return "nothing has come yet"
        ahead = seen.stamp_ns - seen.received_ns
        if ahead > _FUTURE_NS:
            return f"its stamp was {_seconds(ahead)} in the future when it came"
        age = now_ns - min(seen.stamp_ns, seen.received_ns)
        if age > seen.age_max_ns:
            return (
                f"the last one is {_seconds(age)} old, at most {_seconds(seen.age_max_ns)} may be"
            )
        if name in self._pictures:
            return self._frozen(self._pictures[name], seen.received_ns)
        return ""

    def _look_at(self, picture: _Picture, content: int, now_ns: int) -> None:
        if picture.arm is None:
            picture.arm = self._arm
        if picture.content == content:
            if picture.restless < _RESTLESS:
                picture.restless = 0
            return
        if picture.content is not None and self._way(picture) <= _RESTING_RAD:
            picture.restless += 1
        picture.content, picture.since_ns, picture.arm = content, now_ns, self._arm

    def _way(self, picture: _Picture) -> float:
        """How far a joint has come since a picture changed [rad]; infinite where nobody knows."""
        if self._arm is None or picture.arm is None:
            return math.inf
        return float(np.abs(self._arm - picture.arm).max())

    def _frozen(self, picture: _Picture, seen_ns: int) -> str:
        """Why a picture is taken for frozen. Without noise an arm at rest gives equal pictures."""
        same_ns = seen_ns - picture.since_ns
        if same_ns < self._frozen_ns:
            return ""
        if picture.restless < _RESTLESS and self._way(picture) <= _STIRRED_RAD:
            return ""
        return f"its picture has not changed for {_seconds(same_ns)} while its stamps went on"


def mode_name(mode: int) -> str:
    """For people."""
    return MODES[mode] if 0 <= mode < len(MODES) else "unknown"


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns * 1e-9:.3f} s"
