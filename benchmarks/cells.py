"""Several simulated robots, one learner, one policy server: what do more robots bring?

./dsrl bench cells                        # 1, 2 and 4 robots, 48 training episodes all in all
./dsrl bench cells --robots 4 --episodes 48
./dsrl bench cells --realtime             # robots as slow as robots are

For every number of robots, real processes: the same number of training episodes shared among them,
then the greedy policy on fresh resets, also shared. Episodes per minute are those of training,
learning included, from the first reset to the last label. In lock-step a robot is as fast as the
machine, which one robot keeps busy; by the clock on the wall it waits most of the time, as a real
one does. Both tables are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dsrl_core.types import Mode, Outcome
from dsrl_ros.cells import SeveralRobots
from dsrl_ros.graph import GraphOptions
from dsrl_ros.session import EpisodeResult

KEPT = Path(__file__).parent / "results" / "cells.json"
COLUMNS = (
    "robots",
    "training episodes",
    "per minute",
    "times one robot's",
    "learned from",
    "greedy success",
    "processor s/episode: learner",
    "robot",
    "load before",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="franka_pick")
    parser.add_argument("--robots", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--episodes", type=int, default=48, help="of training, of all robots")
    parser.add_argument("--resets", type=int, default=40, help="greedy episodes, of all robots")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--realtime", action="store_true", help="by the clock on the wall")
    asked = parser.parse_args()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    clock = "the clock on the wall" if asked.realtime else "lock-step"
    kept[clock] = [measured(count, asked) for count in asked.robots]
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    texts = [f"By {name}:\n\n{report(name, rows)}" for name, rows in sorted(kept.items())]
    KEPT.with_suffix(".md").write_text("\n".join(texts))


def measured(count: int, asked: argparse.Namespace) -> dict[str, Any]:
    """One number of robots."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        names = tuple(f"robot{number}" for number in range(1, count + 1))
        options = GraphOptions(
            asked.task, Path(folder), seed=asked.seed, robots=names, realtime=asked.realtime
        )
        with SeveralRobots(options) as cells:
            began, before = time.monotonic(), cpu_s(cells)
            trained = joined(cells.run(Mode.TRAIN, asked.episodes // count))
            took_s = time.monotonic() - began
            one = next(iter(cells.sessions.values()))
            one.client.wait_for(
                "all episodes", lambda: one.learner_status.episodes == len(trained), 120.0
            )
            status, after = one.learner_status, cpu_s(cells)
            greedy = joined(cells.run(Mode.EVAL, asked.resets // count))
            return {
                "robots": count,
                "trained": len(trained),
                "train_s": took_s,
                "per_minute": 60 * len(trained) / took_s,
                "learned": status.episodes,
                "updates_per_s": status.updates_per_s,
                "greedy": [sum(r.outcome is Outcome.SUCCESS for r in greedy), len(greedy)],
                # Other work on the machine changes these little.
                "learner_cpu_s": (after[0] - before[0]) / len(trained),
                "robots_cpu_s": (after[1] - before[1]) / len(trained),
                "load": load,
                "cores": os.cpu_count(),
            }


def cpu_s(cells: SeveralRobots) -> tuple[float, float]:
    """Processor time [s] so far, of the learner and of all robots' own processes."""
    learner = cells.process_id("learner")
    robots = [
        session.process_id(node.name)
        for session in cells.sessions.values()
        for node in session.graph.nodes
    ]
    return used_s(learner), sum(map(used_s, robots))


def used_s(process: int | None) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def joined(results: dict[str, list[EpisodeResult]]) -> list[EpisodeResult]:
    return [result for of_one in results.values() for result in of_one]


def report(clock: str, rows: list[dict[str, Any]]) -> str:
    """On the screen, and as Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    table = Table(title=f"several robots, one learner; {clock}, {rows[0]['cores']} cores")
    for column in COLUMNS:
        table.add_column(column)
    for row in rows:
        won, tried = row["greedy"]
        cells = [
            str(row["robots"]),
            str(row["trained"]),
            f"{row['per_minute']:.1f}",
            f"{row['per_minute'] / rows[0]['per_minute']:.2f}",
            str(row["learned"]),
            f"{won} of {tried}",
            f"{row['learner_cpu_s']:.2f}",
            f"{row['robots_cpu_s']:.2f}",
            f"{row['load']:.1f}",
        ]
        table.add_row(*cells)
        lines.append("| " + " | ".join(cells) + " |")
    Console(width=120).print(table)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
