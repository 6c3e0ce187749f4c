"""Presses the buttons that a person would press; knows success from the simulator only."""

from __future__ import annotations

from std_msgs.msg import Bool

from dsrl_core.status import EpisodeStatus, Phase
from dsrl_core.types import Label, Outcome
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.episodes import label_to_message, status_from_message
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import AutoOperatorParameters


def judged(status: EpisodeStatus, success: bool) -> Outcome | None:
    """What a person who watches would press now, or None: nothing yet."""
    if success and status.phase in (Phase.RUNNING, Phase.AWAITING_LABEL):
        return Outcome.SUCCESS
    return Outcome.FAILURE if status.phase is Phase.AWAITING_LABEL else None


class AutoOperator(DsrlNode[AutoOperatorParameters]):
    """Watches episodes and labels them, once each."""

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

    def waits_for(self) -> str:
        return topics.LABEL.missing_listeners(self._label)

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


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(AutoOperator, args)


if __name__ == "__main__":
    main()
