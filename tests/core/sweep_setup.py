"""What stands for a run of a sweep: quick, and it fails as it is told to."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from dsrl_core.sweeps.plan import Cell

ENTRY = "tests.core.sweep_setup:measure"
RAISES, CRASHES, SLEEPS = 101, 102, 103
"""Seeds of runs that fail so."""
STARTED = "SWEEP_SETUP_STARTED"
"""Environment variable with a file for the process id of a run that sleeps."""


def measure(cell: Cell) -> dict[str, Any]:
    """Figures that can be told from the cell."""
    if cell.seed == RAISES:
        raise ValueError("this run cannot be")
    if cell.seed == CRASHES:
        os.abort()
    if cell.seed == SLEEPS:
        Path(os.environ[STARTED]).write_text(str(os.getpid()))
        time.sleep(600.0)
    return {
        "greedy": {str(point): min(cell.resets, point + cell.seed) for point in cell.points},
        "actor": {str(max(cell.points)): 1},
        "training": [0, 1],
        "updates": 3,
        "wall_s": 0.5,
    }
