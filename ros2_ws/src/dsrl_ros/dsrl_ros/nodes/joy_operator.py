"""A joystick or foot pedal as the operator's buttons."""

from __future__ import annotations

import time
from typing import Final

from sensor_msgs.msg import Joy

from dsrl_core.operator.orders import Action, Asked, Order
from dsrl_core.operator.pedal import Pedal
from dsrl_core.operator.view import view_of
from dsrl_ros import topics
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.operator_link import OperatorLink
from dsrl_ros.parameters import JoyOperatorParameters

_ANSWERS_S: Final = 0.2
_WHY_NOT: Final = {
    Asked.RESUME: "whoever lets a held arm go on must look at it: resume from a screen",
    Asked.LABEL: "a grade is chosen on a screen",
    Asked.RUN: "a run is begun from a screen",
    Asked.START: "an episode is left unlabelled from a screen",
}


class JoyOperator(DsrlNode[JoyOperatorParameters]):
    """Asks for what a press means at that moment, as the other tools do; it has no screen to put a
    question on, so what needs one it leaves to them."""

    def __init__(self) -> None:
        super().__init__("joy_operator", JoyOperatorParameters)
        values = self.parameters
        numbers = {
            Action.SUCCESS: values.success,
            Action.FAILURE: values.failure,
            Action.DISCARD: values.discard,
            Action.UNDO: values.undo,
            Action.STOP: values.stop,
            Action.START: values.start,
            Action.PAUSE: values.pause,
        }
        self._pedal = Pedal(numbers, values.debounce_s)
        self._link = OperatorLink(self, values.author)
        topics.JOY.subscribe(self, self._on_joy)
        self.wall_timer(_ANSWERS_S, self._on_timer)

    def _on_joy(self, message: Joy) -> None:
        for action in self._pedal.hear(message.buttons, time.monotonic()):
            button = view_of(self._link.heard()).buttons[action]
            if button.order is None:
                self.get_logger().warning(f"{action}: {button.reason}")
            elif refusal := _refusal(button.order):
                self.get_logger().warning(f"{action}: {refusal}")
            else:
                self._link.send(button.order)

    def _on_timer(self) -> None:
        for answer in self._link.answers():
            text = f"{answer.order.asked}: {answer.text or 'done'}"
            if answer.accepted:
                self.get_logger().info(text)
            else:
                self.get_logger().warning(f"refused, {text}")


def _refusal(order: Order) -> str:
    """Why it is not asked for without a screen; empty: it is."""
    if order.question or order.asked is Asked.RUN:
        return _WHY_NOT[order.asked]
    return ""


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(JoyOperator, args)


if __name__ == "__main__":
    main()
