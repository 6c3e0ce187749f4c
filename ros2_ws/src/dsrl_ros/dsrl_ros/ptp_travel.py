"""Brings the arm to joints by franka_ros2's action `ptp_motion`, while its controllers are off.

What was read of franka_ros2 3.4 and libfranka 0.20, and decides how this is done:

- The robot takes one control session at a time: with an active controller the action aborts.
- The action's node serves one request after the other, and a goal is served until it is over: a
  cancellation is heard too late. So the way is cut into short legs, and a stop takes effect at the
  end of one, or at once where the driver heeds the cancellation, as the simulator does.
- A motion that a reflex aborted may leave its end behind for the next one, which is then said to be
  aborted while it goes on. So nothing is switched on before the robot says that it is idle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from action_msgs.msg import GoalStatus
from franka_msgs.action import PTPMotion
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.task import Future

from dsrl_core.control.straight_way import LEG_S, Leg, StraightWay
from dsrl_core.control.watch import MODE_IDLE, MODE_MOVE, Watch, mode_name
from dsrl_core.errors import DsrlError
from dsrl_core.specs import RobotSpec
from dsrl_core.start_check import JOINT_TOLERANCE_RAD
from dsrl_core.types import Float64Array
from dsrl_ros.controllers import Switch, switches
from dsrl_ros.wire_names import driver_name

_TOLERANCE_RAD: Final = JOINT_TOLERANCE_RAD / 4
_ANSWER_S: Final = 10.0
"""Driver, controller manager and robot do what they are asked for within."""
_LEG_MAX_S: Final = LEG_S + 5.0
"""A leg that is not over by then never will be."""


class PtpTravel:
    """One travel at a time; `poll` with every tick, also after `stop`."""

    def __init__(self, node: Node, robot: RobotSpec, watch: Watch) -> None:
        """
        Raises:
            InvalidFile: the robot's model cannot be read.
        """
        self._watch, self._way = watch, StraightWay(robot)
        name = driver_name(robot, "action_server/ptp_motion", node.get_namespace())
        self._name = name
        self._action = ActionClient(node, PTPMotion, name)
        self._switches = switches(node, robot)
        self._course: Iterator[None] | None = None
        self._why_stop = ""
        self.problem: str | None = None
        """Of the last travel, once it is over: why the arm is not there; empty: it is."""

    def missing(self) -> str:
        """What such a motion needs and is not there; empty: nothing."""
        if not self._action.server_is_ready():
            return f"no action server {self._name}"
        if self._switch() is None:
            return "nobody to switch the controllers (controller_manager, controller_manager_msgs)"
        return ""

    def forbidden(self, start: Float64Array, goal: Float64Array) -> str:
        """Why the way must not be gone; empty: it may."""
        return self._way.forbidden(start, goal)

    @property
    def is_under_way(self) -> bool:
        """From `begin` until the controllers are active again, or cannot be."""
        return self._course is not None

    def begin(self, start: Float64Array, goal: Float64Array) -> None:
        """Go from where the arm stands to a goal, both (joints,) [rad].

        Raises:
            DsrlError: something is missing, or another travel is under way.
        """
        switch = self._switch()
        if switch is None or self.is_under_way:
            raise DsrlError(self.missing() or "the arm is still on its way")
        self.problem, self._why_stop = None, ""
        self._watch.may_be_idle = True
        self._course = self._go(switch, self._way.legs(start, goal))

    def stop(self, why: str) -> None:
        """Go no further; the controllers become active again if the robot is well."""
        self._why_stop = self._why_stop or why

    def poll(self) -> None:
        """Do what is due."""
        if self._course is not None and next(self._course, self) is self:
            self._course = None
            self._watch.may_be_idle = False

    def close(self) -> None:
        self._action.destroy()

    # The course: every `yield` waits for the next tick.

    def _switch(self) -> Switch | None:
        return next((switch for switch in self._switches if switch.is_there), None)

    def _go(self, switch: Switch, legs: list[Leg]) -> Iterator[None]:
        is_off = False
        try:
            yield from self._ask(switch, active=False)
            is_off = True
            yield from self._until(self._is_in(MODE_IDLE), "the robot does not become idle")
            for leg in legs:
                yield from self._ride(leg)
            problem = ""
        except DsrlError as error:
            problem = str(error)
        try:
            if is_off:
                # A leg may go on although its end was told, and a reflex is a person's business.
                yield from self._until(self._is_in(MODE_IDLE), "the controllers stay switched off")
                yield from self._ask(switch, active=True)
                yield from self._until(self._is_in(MODE_MOVE), "no controller became active")
        except DsrlError as error:
            problem = f"{problem}; {error}" if problem else str(error)
        self.problem = problem

    def _ask(self, switch: Switch, active: bool) -> Iterator[None]:
        future = switch.ask(active)
        yield from self._until(future.done, "no answer when the controllers were to be switched")
        if refusal := switch.refusal(future.result()):
            word = "on" if active else "off"
            raise DsrlError(f"the controllers were not switched {word}: {refusal}")

    def _ride(self, leg: Leg) -> Iterator[None]:
        self._heed_stop()
        goal = PTPMotion.Goal(
            goal_joint_configuration=leg.joints.tolist(),
            maximum_joint_velocities=leg.velocity_max.tolist(),
            goal_tolerance=_TOLERANCE_RAD,
        )
        sent = self._action.send_goal_async(goal)
        yield from self._until(sent.done, f"{self._name} does not answer")
        handle = sent.result()
        if not handle.accepted:
            raise DsrlError(f"{self._name} refuses the goal")
        ended = handle.get_result_async()
        yield from self._follow(handle, ended)
        answer = ended.result()
        self._heed_stop()
        if answer.status != GoalStatus.STATUS_SUCCEEDED:
            raise DsrlError(f"{self._name}: {answer.result.error_message or 'aborted'}")

    def _follow(self, handle: Any, ended: Future) -> Iterator[None]:
        """Until the leg is over, cancelled at a stop or when it takes too long."""
        until_s, is_cancelled = time.monotonic() + _LEG_MAX_S, False
        while not ended.done():
            now_s = time.monotonic()
            if now_s > until_s:
                self.stop(f"{self._name} does not come to an end")
            if self._why_stop and not is_cancelled:
                handle.cancel_goal_async()
                is_cancelled, until_s = True, now_s + _LEG_MAX_S
            elif now_s > until_s:
                raise DsrlError(self._why_stop)
            yield

    def _heed_stop(self) -> None:
        if self._why_stop:
            raise DsrlError(self._why_stop)

    def _is_in(self, mode: int) -> Callable[[], bool]:
        return lambda: self._watch.mode == mode

    def _until(self, condition: Callable[[], bool], otherwise: str) -> Iterator[None]:
        until_s = time.monotonic() + _ANSWER_S
        while not condition():
            if time.monotonic() > until_s:
                mode = self._watch.mode
                raise DsrlError(f"{otherwise} (mode {'?' if mode is None else mode_name(mode)})")
            yield
