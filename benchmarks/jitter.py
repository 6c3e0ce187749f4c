"""How regularly do set-points come, while the learner trains beside them?

./dsrl bench jitter                      # 100 and 250 Hz, 60 s each
./dsrl bench jitter --seconds 600

A real-time simulation of training episodes, after a warm-up in lock-step; the times are taken by
the chunk player itself, where the set-points go out. `updates` says how much the learner did
meanwhile; `load` is the machine's, which runs simulator, policy, learner and all else.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dsrl_core.status import Phase
from dsrl_core.types import Mode
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.cell import Cell

RESULTS = Path(__file__).parent / "results"
TASK = "franka_pick"
WARM_UP = 14
"""Training episodes, in lock-step, after which every further one is learned from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each rate")
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 250], help="[Hz]")
    asked = parser.parse_args()
    rows = [measure(rate, asked.seconds) for rate in asked.rates]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "jitter.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "jitter.md").write_text(report(rows))


def measure(rate_hz: int, seconds: float) -> dict[str, float]:
    """Set-points of one graph at this rate, in a run that is past its warm-up."""
    known = catalog()
    shape = known.policy(known.task(TASK).policy).chunk_shape
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        with GraphSession(TASK, out, 3) as session:
            session.run(Mode.TRAIN, WARM_UP)
        options = SessionOptions(
            realtime=True, overrides=(f"chunk_player.set_point_rate_hz={rate_hz}",)
        )
        with GraphSession(TASK, out, 3, options) as session:
            cell, client = Cell(session, shape), session.client
            until_s = time.monotonic() + seconds
            while time.monotonic() < until_s:
                if cell.is_held:
                    cell.resume()
                if cell.is_in(Phase.IDLE):
                    client.begin(Mode.TRAIN, 0, 3, WARM_UP)
                session.check()
                client.serve(0.2)
            safety, learner = client.safety, client.learner
    assert safety is not None
    return {
        "rate_hz": rate_hz,
        "set_points": safety.set_points,
        "missed_periods": safety.missed_periods,
        "p99_ms": 1e3 * safety.period_p99_s,
        "updates": learner.updates,
        "seconds": seconds,
        "load": os.getloadavg()[0],
    }


def report(rows: list[dict[str, float]]) -> str:
    """Print the table; the same as Markdown."""
    table = Table(title="set-points beside the learner")
    lines = [
        "| rate [Hz] | set-points | periods missed | p99 between two [ms] | updates | load |",
        "|---|---|---|---|---|---|",
    ]
    for column in ("rate [Hz]", "set-points", "missed", "p99 [ms]", "updates", "load"):
        table.add_column(column)
    for row in rows:
        share = 100 * row["missed_periods"] / max(row["set_points"], 1)
        cells = (
            f"{row['rate_hz']:.0f}",
            f"{row['set_points']:.0f}",
            f"{row['missed_periods']:.0f} ({share:.2f} %)",
            f"{row['p99_ms']:.2f}",
            f"{row['updates']:.0f}",
            f"{row['load']:.1f}",
        )
        table.add_row(*cells)
        lines.append("| " + " | ".join(cells) + " |")
    Console(width=110).print(table)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
