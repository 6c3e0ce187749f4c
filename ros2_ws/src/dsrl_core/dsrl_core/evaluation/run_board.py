"""The report's curves, live: read from a run's folder whenever something is new in it.

In a thread of its own, as whoever nudges it has more urgent things to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.run_curves import CURVES
from dsrl_core.evaluation.run_data import RunReader

_CLOSE_S: Final = 10.0
AddScalar = Callable[[str, float, int], object]
"""Name, value, step: as `SummaryWriter.add_scalar` takes them."""


class RunBoard:
    """Writes every point once, and once more if a correction has changed it."""

    def __init__(self, folder: Path, add_scalar: AddScalar) -> None:
        self._reader = RunReader(folder, for_curves=True)
        self._add_scalar = add_scalar
        self._written: dict[tuple[str, int], float] = {}
        self._has_news, self._is_closed = threading.Event(), False
        self._thread = threading.Thread(target=self._work, name="run_board", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """Something may be new."""
        self._has_news.set()

    def close(self) -> None:
        """Write what is new, and end; called once."""
        self._is_closed = True
        self._has_news.set()
        self._thread.join(_CLOSE_S)

    def _work(self) -> None:
        is_last = False
        while not is_last:
            self._has_news.wait()
            self._has_news.clear()
            is_last = self._is_closed
            self._write()

    def _write(self) -> None:
        try:
            run = self._reader.read()
        except DsrlError:
            # Curves are for looking at: the next nudge may find the folder as it should be.
            return
        for curve in CURVES:
            for step, value in curve.points(run):
                if self._written.get((curve.name, step)) != value:
                    self._written[curve.name, step] = value
                    self._add_scalar(curve.name, value, step)
