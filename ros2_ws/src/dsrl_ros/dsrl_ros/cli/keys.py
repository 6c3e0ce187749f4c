"""Single keys from the terminal while something is shown there: space to stop, r to resume."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Any


class Keys:
    """`with Keys() as keys:` reads single keys; the terminal is as before afterwards.

    Where standard input is no terminal (a service, a pipe) there are no keys.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        """`descriptor`: of the terminal; standard input's unless given."""
        self._given = descriptor
        self._descriptor: int | None = None
        self._before: list[Any] = []

    @property
    def is_interactive(self) -> bool:
        return self._descriptor is not None

    def __enter__(self) -> Keys:
        try:
            descriptor = sys.stdin.fileno() if self._given is None else self._given
        except (ValueError, OSError):
            return self
        # A job in the background that touched the terminal would be stopped by the system.
        if os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp():
            self._before = termios.tcgetattr(descriptor)
            tty.setcbreak(descriptor)
            self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
            self._descriptor = None

    def pressed(self) -> str:
        """The next key that was pressed; empty: none."""
        descriptor = self._descriptor
        if descriptor is None or not select.select([descriptor], [], [], 0)[0]:
            return ""
        return os.read(descriptor, 1).decode(errors="ignore")
