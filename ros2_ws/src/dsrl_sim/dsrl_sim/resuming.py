"""When somebody who stands in for a person lets an arm go on that was held automatically.

The clock is passed in; what is asked for is done elsewhere. A stop is a person's: whoever pressed
it resumes.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from franka_msgs.msg import FrankaRobotState

from dsrl_core.status import SafetyStatus

STOP_RULE: Final = "stop"
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0
"""Between two tries: twice as long after each."""


class Step(Enum):
    """What is to be done now."""

    NOTHING = 0
    CLEAR_ERROR = 1
    ACTIVATE = 2
    RESUME = 3


_BY_MODE: Final = {
    FrankaRobotState.ROBOT_MODE_REFLEX: Step.CLEAR_ERROR,
    FrankaRobotState.ROBOT_MODE_IDLE: Step.ACTIVATE,
}
"""In other modes a resume is tried, and is refused while a person's button is pressed."""


class Resuming:
    """Waits a moment after a hold, then tries again and again, ever more slowly."""

    def __init__(self, wait_s: float) -> None:
        """`wait_s`: from the hold to the first try."""
        self._wait_s = wait_s
        self._rule = ""
        self._due_s = 0.0
        self._pause_s = FIRST_PAUSE_S

    def saw(self, safety: SafetyStatus, now_s: float) -> None:
        """Safety's status, told now [s]."""
        rule = safety.rule if safety.held else ""
        if rule == self._rule:
            return
        self._rule = rule
        self._due_s, self._pause_s = now_s + self._wait_s, FIRST_PAUSE_S

    def step(self, mode: Callable[[], int | None], now_s: float) -> Step:
        """What is due at this time [s]; the next is due after a pause, whatever comes of this one.

        `mode`: asked for the robot's (franka_msgs/FrankaRobotState), None as long as nobody knows.
        """
        if self._rule in ("", STOP_RULE) or now_s < self._due_s:
            return Step.NOTHING
        self._due_s = now_s + self._pause_s
        self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)
        found = mode()
        return Step.RESUME if found is None else _BY_MODE.get(found, Step.RESUME)
