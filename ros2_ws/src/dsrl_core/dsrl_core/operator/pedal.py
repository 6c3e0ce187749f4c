"""Presses of a joystick's or a foot pedal's buttons: edges, without bouncing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsrl_core.operator.orders import Action


class Pedal:
    """Which actions a state of buttons asks for.

    A button that is down when it is first heard of was not pressed: it must be up once before. So
    nothing begins because a pedal is stuck, or was plugged in with a foot on it.
    """

    def __init__(self, buttons: Mapping[Action, int], debounce_s: float) -> None:
        """`buttons`: number of each action's button; actions without one are absent or have -1."""
        self._buttons = {action: number for action, number in buttons.items() if number >= 0}
        self._debounce_s = debounce_s
        self._is_up: dict[Action, bool] = {}
        self._up_s: dict[Action, float] = {}

    def hear(self, down: Sequence[int], now_s: float) -> list[Action]:
        """Take the buttons' state (1: down) at a time of a clock that never jumps [s]."""
        pressed = []
        for action, number in self._buttons.items():
            is_up = number >= len(down) or not down[number]
            was_up = self._is_up.get(action, False)
            if is_up and not was_up:
                # The first state ever is no release that could bounce.
                self._up_s[action] = now_s if action in self._is_up else float("-inf")
            elif was_up and not is_up and self._is_settled(action, now_s):
                pressed.append(action)
            self._is_up[action] = is_up
        return pressed

    def _is_settled(self, action: Action, now_s: float) -> bool:
        return action is Action.STOP or now_s - self._up_s[action] >= self._debounce_s
