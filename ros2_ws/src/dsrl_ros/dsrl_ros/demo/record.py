"""The summary of a run that is under way: every change is on disk when it is made."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsrl_core.evaluation.summary import Measured, Measurement, Summary
from dsrl_core.evaluation.summary_file import write_summary


class Record:
    """Holds the summary; its wall time is that of earlier sittings and of this one."""

    def __init__(self, out: Path, summary: Summary) -> None:
        self.out, self.summary = out, summary
        self._before_s = summary.wall_s
        self._began_s = time.monotonic()
        self.change()

    def change(self, **values: Any) -> None:
        """Change fields of the summary and write it."""
        wall_s = self._before_s + time.monotonic() - self._began_s
        self.summary = replace(self.summary, wall_s=wall_s, **values)
        write_summary(self.out, self.summary)

    def measured(self, what: Measured, measurement: Measurement) -> None:
        """Put a measurement in; it is written with the next change."""
        self.summary = self.summary.with_measurement(what, measurement)
