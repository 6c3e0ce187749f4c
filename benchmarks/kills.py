"""Is anything lost? Processes killed and frozen, files damaged, at random, while a graph learns.

./dsrl bench kills                              # 500 faults, 20 to a run
./dsrl bench kills --faults 60 --at-once 2      # fewer, two runs side by side
./dsrl bench kills --add --seed 25              # more: the runs that were kept stay

Simulation with the automatic operator; with the right to mount, on a disk that is filled now and
then. Every fifth run is by the clock on the wall, the others in lock-step. After each run: episodes
that are labelled, those that the learner has, and whether learning all of them again in one process
comes to the same weights to the bit. "Resumed" is the time from a fault to the end of the next
episode that was recorded and labelled; faults that ended the run (it is then begun again) are
counted apart. "Held" is the time until the arm was held, where it was (by the clock on the wall
only; limits are four times a robot's).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from soak_watch import MARK, left_in_shared_memory, marked_processes, shared_memory_of

from dsrl_core.learning.learner import LearnedTask
from dsrl_core.learning.retrain import retrain
from dsrl_core.policies import load_policy
from dsrl_ros.paths import catalog
from dsrl_ros.session import SessionOptions
from dsrl_sim.random_faults import torment

RESULTS = Path(__file__).parent / "results"
TASK = "franka_pick"
PORT = "fastrtps_port"
FIRST_DOMAIN = 200
REALTIME_EVERY = 5
OFTEN = "learner.checkpoint_period_s=2.0"
IN_LOCK_STEP = SessionOptions(overrides=(OFTEN,))
IN_REAL_TIME = SessionOptions(
    realtime=True, overrides=(OFTEN, "chunk_player.patience=4", "chunk_player.chunk_wait_s=1.0")
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--each", type=int, default=20, help="faults to a run")
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    parser.add_argument("--at-once", type=int, default=1, help="runs side by side")
    parser.add_argument("--add", action="store_true", help="to the runs that are kept already")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        print(json.dumps(one_run(asked.child, asked.faults)))
        return
    kept = json.loads((RESULTS / "kills.json").read_text()) if asked.add else {}
    runs: list[dict[str, Any]] = kept.get("runs", [])
    loads = [kept.get("load_min", os.getloadavg()[0]), kept.get("load_max", os.getloadavg()[0])]
    domains: Queue[int] = Queue()
    for number in range(asked.at_once):
        domains.put(FIRST_DOMAIN + number)
    shares = [
        (asked.seed + number, min(asked.each, asked.faults - begun))
        for number, begun in enumerate(range(0, asked.faults, asked.each))
    ]
    with ThreadPoolExecutor(asked.at_once) as pool:
        for done in as_completed([pool.submit(in_a_process, *one, domains) for one in shares]):
            runs.append(done.result())
            loads.append(os.getloadavg()[0])
            keep(runs, loads)
    report(runs)


def in_a_process(seed: int, faults: int, domains: Queue[int]) -> dict[str, Any]:
    """One run, with a ROS domain for itself; what it tells on the way is printed."""
    domain = domains.get()
    command = [sys.executable, __file__, "--child", str(seed), "--faults", str(faults)]
    told = ""
    with subprocess.Popen(
        command,
        env=os.environ | {"ROS_DOMAIN_ID": str(domain)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if told:
                print(f"seed {seed}: {told}", end="", flush=True)
            told = line
    domains.put(domain)
    if process.returncode:
        raise SystemExit(f"the run of seed {seed} ended with status {process.returncode}")
    found: dict[str, Any] = json.loads(told)
    print(f"seed {seed}: {found['problems'] or 'nothing lost'}", flush=True)
    return found


def one_run(seed: int, faults: int) -> dict[str, Any]:
    """What is found, with whether learning again gives the same weights."""
    is_realtime = seed % REALTIME_EVERY == REALTIME_EVERY - 1
    with tempfile.TemporaryDirectory(prefix="dsrl_kills_") as folder, small_disk(folder):
        os.environ[MARK] = folder
        out = Path(folder) / "run"
        used = SharedMemory(folder)
        options = IN_REAL_TIME if is_realtime else IN_LOCK_STEP
        found = torment(TASK, out, seed, faults, options, lambda text: print(text, flush=True))
        found.problems += [f"left running: {line}" for line in marked_processes(folder)]
        found.problems += [f"left in shared memory: {name}" for name in used.left()]
        known = catalog()
        task = known.task(TASK)
        learned = LearnedTask(task, load_policy(known.policy_of(task, "")))
        again = retrain(out, learned, seed, Path(folder) / "again")
    told = asdict(found)
    for strike in told["strikes"]:
        if not np.isfinite(strike["resumed_s"]):
            strike["resumed_s"] = None
    return told | {
        "seed": seed,
        "realtime": is_realtime,
        "weights_are_the_same": again.equals_live,
    }


@contextmanager
def small_disk(folder: str) -> Iterator[None]:
    """A disk of its own in the folder, so that it may be filled; none where that takes rights."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=400m", "dsrl_kills", folder]
    is_mounted = not subprocess.run(mount, capture_output=True).returncode
    try:
        yield
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)


class SharedMemory(threading.Thread):
    """Looks now and then at what processes with a mark have in shared memory."""

    def __init__(self, mark: str) -> None:
        super().__init__(daemon=True)
        self._mark, self._names, self._ending = mark, set[str](), threading.Event()
        self.start()

    def run(self) -> None:
        while not self._ending.wait(0.5):
            numbers = [int(line.partition(" ")[0]) for line in marked_processes(self._mark)]
            self._names |= shared_memory_of([*numbers, os.getpid()])

    def left(self) -> list[str]:
        """What is there still, of nobody who lives. Fast DDS's ports of those that were killed are
        left out: the next graph uses them again (docs/faults.md)."""
        self._ending.set()
        self.join()
        return [name for name in left_in_shared_memory(self._names) if PORT not in name]


def keep(runs: list[dict[str, Any]], loads: list[float]) -> None:
    RESULTS.mkdir(exist_ok=True)
    written = {"runs": runs, "load_min": min(loads), "load_max": max(loads)}
    (RESULTS / "kills.json").write_text(json.dumps(written, indent=1) + "\n")
    (RESULTS / "kills.md").write_text(
        f"{markdown(runs)}\nLoad of the machine meanwhile: {min(loads):.1f} to {max(loads):.1f}.\n"
    )


def rows(runs: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A row per node and kind of fault."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        for strike in run["strikes"]:
            groups[strike["node"], strike["kind"]].append(strike)
    table = []
    for (node, kind), strikes in sorted(groups.items()):
        resumed = [one["resumed_s"] for one in strikes if one["resumed_s"] is not None]
        held = [one["held_s"] for one in strikes if one.get("held_s") is not None]
        ended = str(len(strikes) - len(resumed))
        times = (*median_and_longest(resumed), *median_and_longest(held), str(len(held)))
        table.append((node, kind, str(len(strikes)), *times, ended))
    return table


def median_and_longest(seconds: list[float]) -> tuple[str, str]:
    return (f"{np.median(seconds):.1f}", f"{max(seconds):.1f}") if seconds else ("-", "-")


COLUMNS = (
    "node",
    "fault",
    "times",
    "resumed [s]",
    "longest [s]",
    "held [s]",
    "longest [s]",
    "times held",
    "the run ended",
)


def summary(runs: list[dict[str, Any]]) -> str:
    problems = [f"seed {run['seed']}: {problem}" for run in runs for problem in run["problems"]]
    return (
        f"{sum(len(run['strikes']) for run in runs)} faults in {len(runs)} runs, of which "
        f"{sum(run['realtime'] for run in runs)} by the clock on the wall; "
        f"{sum(run['starts'] for run in runs)} starts of the graph, "
        f"{sum(run['episodes'] for run in runs)} episodes. Training episodes labelled: "
        f"{sum(run['labelled'] for run in runs)}, learned from: "
        f"{sum(run['learned'] for run in runs)}. Learned again in one process, the weights were "
        f"the same in {sum(run['weights_are_the_same'] is True for run in runs)} of {len(runs)} "
        f"runs. "
        f"Problems: {'; '.join(problems) or 'none'}."
    )


def markdown(runs: list[dict[str, Any]]) -> str:
    lines = [" | ".join(COLUMNS), "|".join("---" for _ in COLUMNS)]
    lines += [" | ".join(row) for row in rows(runs)]
    table = "\n".join(f"| {line} |" for line in lines)
    return f"{summary(runs)}\n\n{table}\n"


def report(runs: list[dict[str, Any]]) -> None:
    table = Table(title="after a fault")
    for column in COLUMNS:
        table.add_column(column)
    for row in rows(runs):
        table.add_row(*row)
    Console(width=130).print(table)
    print(summary(runs))


if __name__ == "__main__":
    main()
