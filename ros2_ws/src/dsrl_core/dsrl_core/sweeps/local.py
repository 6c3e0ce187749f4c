"""Runs on this machine, each in a process of its own.

One that crashes, or is killed for want of memory, takes no other with it; and all end when the
sweep does, be it that it was killed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

from dsrl_core.sweeps.plan import Cell

_LINES: Final = 40
"""Of a failed run's words that are kept."""


def run_locally(
    entry: str, cells: Sequence[Cell], workers: int
) -> Iterator[tuple[Cell, dict[str, Any] | str]]:
    """Each run as it ends: its figures, or why it failed. `entry`: see `entry_process`."""
    running: list[subprocess.Popen[bytes]] = []
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(_one, entry, cell, running): cell for cell in cells}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.kill()


def _one(entry: str, cell: Cell, running: list[subprocess.Popen[bytes]]) -> dict[str, Any] | str:
    command = [sys.executable, "-m", "dsrl_core.sweeps.entry_process", entry]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+b") as log:
        found = Path(folder) / "figures.json"
        process = subprocess.Popen(
            [*command, str(found)], stdin=subprocess.PIPE, stdout=log, stderr=log
        )
        running.append(process)
        told = process.stdin
        assert told is not None
        try:
            told.write(json.dumps(cell.as_map()).encode() + b"\n")
            told.flush()
            # It stays open: by its end the process knows that nobody waits for it.
            status = process.wait()
            if status == 0 and found.exists():
                figures: dict[str, Any] = json.loads(found.read_text())
                return figures
        except BrokenPipeError:
            status = process.wait()
        finally:
            running.remove(process)
            told.close()
        log.seek(0)
        words = log.read().decode(errors="replace").splitlines()[-_LINES:]
        how = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return "\n".join([*words, how] if status < 0 or not words else words)
