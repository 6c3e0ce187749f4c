"""How the world and the arm come to the start of an episode: one class for each way.

| | the arm | the objects |
|---|---|---|
| lock-step | the simulator puts it back | the simulator |
| real time | returns through the chunk player and its safety | simulator, or a person who is told |
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from sensor_msgs.msg import JointState

from dsrl_core.episode_run import ResetWanted
from dsrl_core.layout import draw_layout
from dsrl_core.specs import RobotSpec, TaskSpec
from dsrl_core.start_check import StartCheck
from dsrl_core.types import Float64Array
from dsrl_interfaces.srv import ResetWorld
from dsrl_ros import topics
from dsrl_ros.arm_return import ANSWER_S, ArmReturn
from dsrl_ros.conversions.basics import time_from_message
from dsrl_ros.conversions.robot import gripper_width_of, ordered_positions
from dsrl_ros.wire_names import joint_names


@dataclass(frozen=True)
class Told:
    """Whom a reset tells how it went."""

    ready: Callable[[ResetWanted, int], None]
    """The world stands at the start; ROS time [ns] of the first tick."""
    failed: Callable[[ResetWanted, str], None]
    note: Callable[[str], None]
    """What a person is to do, or to know."""


class Reset(Protocol):
    """One reset at a time: `begin`, then `poll` now and then until it has told how it went."""

    def begin(self, wanted: ResetWanted) -> None: ...

    def poll(self) -> None: ...

    def drop(self) -> None:
        """Whatever comes of the present one, nobody is told any more."""

    def press_start(self) -> str:
        """A person says that all is in its place; why that does not help, or empty."""
        ...


class WorldReset:
    """The simulator does all of it."""

    def __init__(self, node: Node, told: Told) -> None:
        self._told = told
        self._world = node.create_client(ResetWorld, topics.RESET_SERVICE)
        self._wanted: ResetWanted | None = None
        self._asked = False
        self._until_s = 0.0

    def begin(self, wanted: ResetWanted) -> None:
        self._wanted, self._asked = wanted, False
        self._until_s = time.monotonic() + ANSWER_S
        self.poll()

    def poll(self) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        if time.monotonic() > self._until_s:
            self._wanted = None
            self._told.failed(wanted, "the simulator does not answer")
        elif not self._asked and self._world.service_is_ready():
            self._asked = True
            asked = self._world.call_async(ResetWorld.Request(seed=wanted.seed))
            asked.add_done_callback(lambda future: self._on_answer(wanted, future))

    def _on_answer(self, wanted: ResetWanted, future: Future) -> None:
        if self._wanted is not wanted:
            return
        self._wanted = None
        answer = future.result()
        if answer.success:
            self._told.ready(wanted, time_from_message(answer.stamp))
        else:
            self._told.failed(wanted, answer.message)

    def drop(self) -> None:
        self._wanted = None

    def press_start(self) -> str:
        return "the simulator resets the world; nobody is waited for"


class ArmReset:
    """The arm returns by itself; then `world` lays out the objects, or a person does.

    `now_ns` gives ROS time. In either case a person's start or the simulator's answer is old enough
    before the episode begins that no input from before it is taken for a new one.
    """

    def __init__(
        self,
        node: Node,
        told: Told,
        task: TaskSpec,
        robot: RobotSpec,
        start: StartCheck,
        simulated: bool,
        now_ns: Callable[[], int],
    ) -> None:
        self._told, self._task, self._start, self._now_ns = told, task, start, now_ns
        self._names = joint_names(robot)
        self._settle_s = task.input_age_max_s
        self._arm = ArmReturn(node, self._on_returned)
        laid_out = Told(self._on_laid_out, self._on_failed, told.note)
        self._world = WorldReset(node, laid_out) if simulated else None
        self._wanted: ResetWanted | None = None
        self._settled_s: float | None = None
        self._joints: bytes | None = None
        self._fingers: bytes | None = None
        # Up to a thousand times a second, and looked at when somebody presses start.
        topics.JOINT_STATES.subscribe(node, self._on_joints, raw=True)
        topics.GRIPPER_STATES.subscribe(node, self._on_fingers, raw=True)

    def begin(self, wanted: ResetWanted) -> None:
        self.drop()
        self._wanted = wanted
        self._return()

    def drop(self) -> None:
        self._arm.drop()
        self._wanted = self._settled_s = None
        if self._world is not None:
            self._world.drop()

    def poll(self) -> None:
        self._arm.poll()
        if self._world is not None:
            self._world.poll()
        wanted, settled_s = self._wanted, self._settled_s
        if wanted is not None and settled_s is not None and time.monotonic() > settled_s:
            self._finish(wanted)

    def press_start(self) -> str:
        wanted = self._wanted
        if wanted is None or self._world is not None:
            return "no reset is waited for, or the simulator does it"
        if self._arm.is_under_way:
            return "the arm is still on its way to its start"
        if problem := self._start.joints(self._measured()):
            self._return()
            return f"{problem}: it returns there first, then press start again"
        if problem := self._start.gripper(self._width_m()):
            return problem
        self._finish(wanted)
        return ""

    # The arm.

    def _return(self) -> None:
        self._settled_s = None
        self._told.note("the arm returns to its start: keep clear")
        self._arm.begin(self._start.posture)

    def _on_returned(self, problem: str) -> None:
        wanted = self._wanted
        assert wanted is not None
        if problem:
            self._on_failed(wanted, problem)
        elif self._world is not None:
            self._world.begin(wanted)
        else:
            layout = draw_layout(self._task.scene, wanted.seed)
            self._told.note(f"{layout.instruction()}, then press start (./dsrl start)")

    def _on_failed(self, wanted: ResetWanted, reason: str) -> None:
        """A person can mend it and press start again; a simulator cannot."""
        if self._world is not None:
            self.drop()
            self._told.failed(wanted, reason)
        else:
            self._told.note(f"{reason}; mend it, then press start: the arm returns there first")

    # The objects.

    def _on_laid_out(self, wanted: ResetWanted, _: int) -> None:
        self._settled_s = time.monotonic() + self._settle_s

    def _finish(self, wanted: ResetWanted) -> None:
        self._wanted = self._settled_s = None
        self._told.ready(wanted, self._now_ns())

    # What is measured.

    def _on_joints(self, data: bytes) -> None:
        self._joints = data

    def _on_fingers(self, data: bytes) -> None:
        self._fingers = data

    def _measured(self) -> Float64Array | None:
        if self._joints is None:
            return None
        return ordered_positions(deserialize_message(self._joints, JointState), self._names)

    def _width_m(self) -> float | None:
        if self._fingers is None:
            return None
        return gripper_width_of(deserialize_message(self._fingers, JointState))
