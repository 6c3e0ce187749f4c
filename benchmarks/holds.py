"""How long from a fault to a held arm? Real processes, the simulator at the clock on the wall.

./dsrl bench holds               # every fault three times
./dsrl bench holds --times 10

The time is taken from the outside, by a client on the same machine: it includes what it takes to
tell it. Limits that a fault has to exceed before it is one are those of a real robot.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.cell import Cell
from dsrl_sim.faults import CAMERA_FAULTS, FAULTS, Fault, held_after

RESULTS = Path(__file__).parent / "results"
PATIENCE, CHUNK_WAIT_S = 4, 1.0
ALWAYS = ("auto_operator.recovers=false", f"chunk_player.patience={PATIENCE}")
TASKS = (
    ("franka_pick", FAULTS, f"chunk_player.chunk_wait_s={CHUNK_WAIT_S}"),
    # Without pictures there are no chunks either: they are to be missed first.
    ("franka_pick_vision", CAMERA_FAULTS, "chunk_player.chunk_wait_s=5.0"),
)
NOTE = (
    f"Inputs may be {PATIENCE} times as old as on a robot, a chunk is waited for "
    f"{CHUNK_WAIT_S:.0f} s. Limits and waiting are part of the times."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3, help="how often each fault is provoked")
    asked = parser.parse_args()
    found: dict[str, dict[str, object]] = {}
    loads = [os.getloadavg()[0]]
    known = catalog()
    for task, faults, wait in TASKS:
        shape = known.policy(known.task(task).policy).chunk_shape
        options = SessionOptions(realtime=True, overrides=(*ALWAYS, wait))
        with (
            tempfile.TemporaryDirectory() as folder,
            GraphSession(task, Path(folder) / "run", 3, options) as session,
        ):
            cell = Cell(session, shape)
            for fault in faults:
                found[fault.name] = measure(cell, fault, asked.times)
                loads.append(os.getloadavg()[0])
    load = f"Load of the machine meanwhile: {min(loads):.1f} to {max(loads):.1f}."
    RESULTS.mkdir(exist_ok=True)
    written = {"faults": found, "load_min": min(loads), "load_max": max(loads)}
    (RESULTS / "holds.json").write_text(json.dumps(written, indent=1) + "\n")
    (RESULTS / "holds.md").write_text(f"{report(found)}\n{NOTE} {load}\n")


def measure(cell: Cell, fault: Fault, times: int) -> dict[str, object]:
    """Provoke one fault again and again."""
    seconds, rules = [], []
    # A process is started again a few times only.
    for _ in range(min(times, 3) if fault.uses_a_restart else times):
        cell.run()
        seconds.append(held_after(cell, fault))
        safety = cell.client.safety
        rules.append(safety.rule if safety is not None else "")
        fault.mend(cell)
        cell.resume()
        cell.end()
    print(f"{fault.name}: {', '.join(f'{value:.3f}' for value in seconds)} s", flush=True)
    return {"seconds": seconds, "rules": sorted(set(rules))}


def report(found: dict[str, dict[str, object]]) -> str:
    """Print the table; the same as Markdown."""
    table = Table(title="from a fault to a held arm [s]")
    lines = ["| fault | rule | median [s] | longest [s] |", "|---|---|---|---|"]
    for column in ("fault", "rule", "median", "longest"):
        table.add_column(column)
    for name, values in found.items():
        seconds = np.array(values["seconds"])
        rules = ", ".join(values["rules"])  # type: ignore[arg-type]
        row = (name, rules, f"{np.median(seconds):.3f}", f"{seconds.max():.3f}")
        table.add_row(*row)
        lines.append("| " + " | ".join(row) + " |")
    Console(width=110).print(table)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
