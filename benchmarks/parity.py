"""Can what the policy saw be seen again? Observations made from a bag, beside the live ones.

./dsrl bench parity                      # picks with and without cameras, lock-step and real time
./dsrl bench parity --episodes 20 --seconds 120

`by stamps`: of the measurements that each decision names (`decision_inputs`). `by arrival`: of what
had come when the request reached the recorder, as in a bag without that topic; how far that is off
is what the order of arrival in two processes differs by.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from real_time_runs import play
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dsrl_core.types import Mode
from dsrl_ros.bag_parity import DecisionBag, Rebuilt
from dsrl_ros.paths import catalog
from dsrl_ros.raw_recorder import RawRecorder, decision_topics
from dsrl_ros.session import GraphSession, SessionOptions

RESULTS = Path(__file__).parent / "results"
TASKS = ("franka_pick", "franka_pick_vision")
SEED = 3
LAST_WORDS_S = 1.0
COLUMNS = (
    "task",
    "time",
    "decisions",
    "equal by stamps",
    "not in the bag",
    "equal by arrival",
    "inputs that differ then",
    "stamps off by, median (most) [ms]",
    "values off by, most",
    "load",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=8, help="of each task in lock-step")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each task in real time")
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    asked = parser.parse_args()
    rows = [measure(task, realtime, asked) for task in asked.tasks for realtime in (False, True)]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "parity.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "parity.md").write_text(report(rows))


def measure(task_name: str, realtime: bool, asked: argparse.Namespace) -> dict[str, Any]:
    """Record one run of the base policy and compare every decision of it."""
    task = catalog().task(task_name)
    policy, robot = catalog().policy_of(task), catalog().robot(task.robot)
    options = SessionOptions(realtime=realtime)
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / "bag"
        with (
            GraphSession(task_name, Path(folder) / "run", SEED, options) as session,
            RawRecorder(bag, decision_topics(policy, robot)) as recorder,
        ):
            recorder.wait_for_publishers()
            if realtime:
                play(session, Mode.BASE, SEED, asked.seconds)
            else:
                session.run(Mode.BASE, asked.episodes)
            # What is on its way arrives within this.
            session.client.spin(LAST_WORDS_S)
        rebuilt = list(DecisionBag(bag, task, policy, robot, not realtime).decisions())
    return {
        "task": task_name,
        "time": "real" if realtime else "lock-step",
        **compare(rebuilt),
        "load": os.getloadavg()[0],
    }


def compare(rebuilt: list[Rebuilt]) -> dict[str, Any]:
    """Counts and distances of one recording."""
    named = [entry for entry in rebuilt if entry.by_stamps is not None]
    equal = [entry for entry in named if entry.by_stamps.equals(entry.decision.observation)]  # type: ignore[union-attr]
    arrived = [
        entry
        for entry in rebuilt
        if entry.by_arrival is not None and entry.by_arrival.equals(entry.decision.observation)
    ]
    others: dict[str, int] = {}
    stamps_ms: list[float] = []
    values: list[float] = []
    for entry in rebuilt:
        again = entry.by_arrival
        if again is None or entry.inputs is None or entry in arrived:
            continue
        apart = {
            name: abs(stamp_ns - entry.inputs.stamps_ns[name]) * 1e-6
            for name, stamp_ns in again.stamps_ns.items()
            if stamp_ns != entry.inputs.stamps_ns[name]
        }
        for name in apart:
            others[name] = others.get(name, 0) + 1
        stamps_ms.extend(apart.values())
        recorded = entry.decision.observation.values
        values.append(float(np.abs(again.observation.values - recorded).max()))
    return {
        "decisions": len(rebuilt),
        "equal_by_stamps": len(equal),
        "not_in_the_bag": len(rebuilt) - len(named),
        "equal_by_arrival": len(arrived),
        "differing_inputs": others,
        "stamps_off_ms": stamps_ms,
        "values_off": values,
    }


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    off_ms = row["stamps_off_ms"]
    others = ", ".join(f"{name} ({count})" for name, count in row["differing_inputs"].items())
    return (
        row["task"],
        row["time"],
        str(row["decisions"]),
        share(row, "equal_by_stamps"),
        str(row["not_in_the_bag"]),
        share(row, "equal_by_arrival"),
        others or "none",
        f"{np.median(off_ms):.1f} ({max(off_ms):.1f})" if off_ms else "",
        f"{max(row['values_off']):.2g}" if row["values_off"] else "",
        f"{row['load']:.1f}",
    )


def share(row: dict[str, Any], name: str) -> str:
    return f"{row[name]} ({100 * row[name] / max(row['decisions'], 1):.1f} %)"


def report(rows: list[dict[str, Any]]) -> str:
    """Print the table; the same as Markdown."""
    table = Table(title="observations made again from a bag, beside the live ones")
    for column in COLUMNS:
        table.add_column(escape(column))
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        table.add_row(*cells(row))
        lines.append("| " + " | ".join(cells(row)) + " |")
    Console(width=160).print(table)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
