"""How fast is the graph of processes? One `./dsrl demo` per run, and what its summary says.

./dsrl bench graph                   # one demonstration at its defaults
./dsrl bench graph --runs 3          # seeds 0, 1, 2: median and spread
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results" / "graph.json"
FIGURES = {
    "wall [s]": ("wall_s", "180 at most"),
    "simulated over wall time, base and zero noise": ("real_time_factor", "20 at least"),
    "decision latency p50 [ms]": ("decision_latency_ms.p50", "5 at most"),
    "decision latency p99 [ms]": ("decision_latency_ms.p99", "20 at most"),
    "updates per second": ("updates_per_s", "prototype: 59 at batch 256"),
    "base [%]": ("base_success", "25 to 45"),
    "zero noise [%]": ("zero_noise_success", "50 at most"),
    "oracle, best of 64 [%]": ("oracle_best_of_64_success", "95 at least"),
    "steered after 40 episodes [%]": ("steered_success", "probe: 97 to 100"),
    "distilled actor alone [%]": ("actor_success", "within 10 of steered"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1, help="demonstrations, seeds from 0 on")
    parser.add_argument("demo", nargs="*", help="more options for the demo, after --")
    asked = parser.parse_args()
    summaries = [demonstrate(seed, asked.demo) for seed in range(asked.runs)]
    kept = [{name: figure(s, key) for name, (key, _) in FIGURES.items()} for s in summaries]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    report(summaries)


def demonstrate(seed: int, options: list[str]) -> dict[str, Any]:
    """The summary of one demonstration in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "dsrl_ros.cli", "demo", "--headless", "--seed", str(seed)]
        began = time.monotonic()
        subprocess.run([*command, "--out", str(out), *options], check=True)
        summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
        return summary | {"process_s": time.monotonic() - began}


def figure(summary: dict[str, Any], key: str) -> float:
    """A number of the summary; a count of successes as a percentage."""
    value: Any = summary
    for part in key.split("."):
        value = value[part]
    if isinstance(value, dict):
        value = 100 * value["successes"] / value["trials"]
    return float(value)


def report(summaries: list[dict[str, Any]]) -> None:
    table = Table(title="the graph of processes: median (least to most)")
    for column in ("figure", "measured", "asked for, or known"):
        table.add_column(column)
    for name, (key, wanted) in FIGURES.items():
        values = [figure(summary, key) for summary in summaries]
        spread = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
        table.add_row(name, f"{np.median(values):.1f}{spread}", wanted)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
