"""How long from a fault to a held arm? Real processes, the simulator at the clock on the wall.

./dsrl bench holds               # every fault three times
./dsrl bench holds --times 10

The time is taken from the outside, by a client on the same machine: it includes what it takes to
tell it. Limits that a fault has to exceed before it is one are those of a real robot.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.faults import FAULTS, Cell

RESULTS = Path(__file__).parent / "results"
TASK = "franka_pick"
OPTIONS = SessionOptions(
    realtime=True, overrides=("chunk_player.patience=4", "chunk_player.chunk_wait_s=1.0")
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3, help="how often each fault is provoked")
    asked = parser.parse_args()
    known = catalog()
    shape = known.policy(known.task(TASK).policy).chunk_shape
    found: dict[str, dict[str, object]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        GraphSession(TASK, Path(folder) / "run", 3, OPTIONS) as session,
    ):
        cell = Cell(session, shape)
        for fault in FAULTS:
            times, rules = [], []
            for _ in range(min(asked.times, 3) if fault.uses_a_restart else asked.times):
                cell.run()
                times.append(cell.held_after(fault))
                safety = session.client.safety
                rules.append(safety.rule if safety is not None else "")
                fault.mend(cell)
                cell.resume()
                cell.end()
            found[fault.name] = {"seconds": times, "rules": sorted(set(rules))}
            print(f"{fault.name}: {', '.join(f'{value:.3f}' for value in times)} s", flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "holds.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "holds.md").write_text(report(found))


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
