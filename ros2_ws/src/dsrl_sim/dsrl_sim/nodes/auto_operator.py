"""Presses the buttons that a person would press; knows success from the simulator only."""

from __future__ import annotations

import time
from typing import Any, Final

from franka_msgs.msg import FrankaRobotState
from rclpy.serialization import deserialize_message
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from dsrl_core.status import EpisodeStatus, Phase
from dsrl_core.types import Label, Outcome
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.episodes import (
    label_to_message,
    safety_from_message,
    status_from_message,
)
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import AutoOperatorParameters
from dsrl_sim.recovery import Recovery
from dsrl_sim.resuming import Resuming, Step

_LOOK_S: Final = 0.25


def judged(status: EpisodeStatus, success: bool) -> Outcome | None:
    """What a person who watches would press now, or None: nothing yet."""
    if success and status.phase in (Phase.RUNNING, Phase.AWAITING_LABEL):
        return Outcome.SUCCESS
    return Outcome.FAILURE if status.phase is Phase.AWAITING_LABEL else None


class AutoOperator(DsrlNode[AutoOperatorParameters]):
    """Watches episodes and labels them, once each; lets an arm go on that was held."""

    def __init__(self) -> None:
        super().__init__("auto_operator", AutoOperatorParameters)
        self._status = EpisodeStatus()
        self._success = False
        self._pressed: Label | None = None
        self._pressed_for = -1
        self._label = topics.LABEL.publisher(self)
        topics.EPISODE.subscribe(self, self._on_episode)
        topics.SIM_SUCCESS.subscribe(self, self._on_success)
        self.wall_timer(self.parameters.repeat_s, self._press_again)
        self._hands = _Hands(self) if self.parameters.recovers else None

    def waits_for(self) -> str:
        return topics.LABEL.missing_listeners(self._label)

    def close(self) -> None:
        if self._hands is not None:
            self._hands.destroy()

    def _on_episode(self, message: msg.EpisodeStatus) -> None:
        self._status = status_from_message(message)
        self._press()

    def _on_success(self, message: Bool) -> None:
        self._success = message.data
        self._press()

    def _press(self) -> None:
        if self._has_pressed:
            return
        outcome = judged(self._status, self._success)
        if outcome is None:
            return
        # A success counts once: the simulator's next word is about the next episode.
        self._success = False
        reward = 1.0 if outcome is Outcome.SUCCESS else 0.0
        self._pressed = Label(
            self._status.episode, outcome, reward, self.parameters.author, self.now_ns()
        )
        self._pressed_for = self._status.started_ns
        self._label.publish(label_to_message(self._pressed))

    def _press_again(self) -> None:
        """Nothing happened since the last press: the episode manager may have been away."""
        is_open = self._status.phase in (Phase.RUNNING, Phase.AWAITING_LABEL)
        if is_open and self._has_pressed and self._pressed is not None:
            self._label.publish(label_to_message(self._pressed))

    @property
    def _has_pressed(self) -> bool:
        """Whether this very episode was labelled; its start tells it from one begun anew."""
        return self._pressed_for == self._status.started_ns


class _Hands:
    """Does what `Resuming` asks for."""

    def __init__(self, node: AutoOperator) -> None:
        self._log = node.get_logger()
        self._resuming = Resuming(node.parameters.recover_after_s)
        self._recovery = Recovery(node)
        self._resume = node.create_client(Trigger, topics.RESUME_SERVICE)
        self._state: bytes | None = None
        topics.SAFETY.subscribe(node, self._on_safety)
        topics.ROBOT_STATE.subscribe(node, self._on_state, raw=True)
        node.wall_timer(_LOOK_S, self._look)

    def destroy(self) -> None:
        self._recovery.destroy()

    def _on_safety(self, message: msg.SafetyStatus) -> None:
        self._resuming.saw(safety_from_message(message), time.monotonic())

    def _on_state(self, data: bytes) -> None:
        self._state = data

    def _mode(self) -> int | None:
        if self._state is None:
            return None
        return int(deserialize_message(self._state, FrankaRobotState).robot_mode)

    def _look(self) -> None:
        if not self._resume.service_is_ready():
            return
        step = self._resuming.step(self._mode, time.monotonic())
        if step in (Step.CLEAR_ERROR, Step.ACTIVATE) and not self._recovery.is_ready:
            # In lock-step no robot can be asked, and nothing but the hold is in the way.
            step = Step.RESUME
        if step is Step.CLEAR_ERROR:
            self._recovery.clear_error()
        elif step is Step.ACTIVATE:
            self._recovery.activate()
        elif step is Step.RESUME:
            self._resume.call_async(Trigger.Request()).add_done_callback(self._on_answer)
        if step is not Step.NOTHING:
            self._log.info(f"the arm is held: {step.name.lower().replace('_', ' ')}")

    def _on_answer(self, future: Any) -> None:
        self._log.info(future.result().message)


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(AutoOperator, args)


if __name__ == "__main__":
    main()
