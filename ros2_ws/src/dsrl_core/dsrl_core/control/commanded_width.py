"""The gripper width that a chunk's actions command, told when it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_STEP_M: Final = 1e-3
"""A width that differs by less is not sent."""


class CommandedWidth:
    """The actions of one chunk after the other, each looked at once."""

    def __init__(self) -> None:
        self._last_m: float | None = None
        self._row = -1

    def forget(self) -> None:
        """An episode begins: the next width is new, whatever was commanded before."""
        self._last_m = None

    def begin_chunk(self) -> None:
        self._row = -1

    def up_to(self, row: int, width_m: Callable[[int], float]) -> float | None:
        """The newest change [m] by the actions up to this one, or None; `width_m`: of an action."""
        changed = None
        while self._row < row:
            self._row += 1
            wanted = width_m(self._row)
            if self._last_m is None or abs(wanted - self._last_m) > _STEP_M:
                self._last_m = changed = wanted
        return changed
