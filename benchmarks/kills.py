"""Is anything lost? Processes killed and frozen, files damaged, at random, while a graph learns.

./dsrl bench kills                    # 500 faults, 50 to a run
./dsrl bench kills --faults 60        # fewer

Lock-step simulation with the automatic operator; with the right to mount, on a disk that is filled
now and then. After each run: episodes that are labelled, those that the learner has, and whether
learning all of them again in one process comes to the same weights to the bit. "Resumed" is the
time from a fault to the end of the next episode that was recorded and labelled; faults that ended
the run (it is then begun again) are counted apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from soak_watch import MARK, left_in_shared_memory, marked_processes, shared_memory_of

from dsrl_core.learning.learner import LearnedTask
from dsrl_core.learning.retrain import retrain
from dsrl_core.policies import load_policy
from dsrl_ros.paths import catalog
from dsrl_ros.session import SessionOptions
from dsrl_sim.random_faults import Findings, torment

RESULTS = Path(__file__).parent / "results"
TASK = "franka_pick"
PORT = "fastrtps_port"
OPTIONS = SessionOptions(overrides=("learner.checkpoint_period_s=2.0",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--each", type=int, default=50, help="faults to a run")
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    asked = parser.parse_args()
    found: list[tuple[Findings, bool | None]] = []
    loads = [os.getloadavg()[0]]
    seed = asked.seed
    while (left := asked.faults - sum(len(one.strikes) for one, _ in found)) > 0:
        found.append(one_run(seed, min(asked.each, left)))
        loads.append(os.getloadavg()[0])
        seed += 1
        keep(found, loads)
    report(found)


def one_run(seed: int, faults: int) -> tuple[Findings, bool | None]:
    """Its findings, and whether learning again gives the same weights."""
    with tempfile.TemporaryDirectory(prefix="dsrl_kills_") as folder, small_disk(folder):
        os.environ[MARK] = folder
        out = Path(folder) / "run"
        used = SharedMemory(folder)
        found = torment(TASK, out, seed, faults, OPTIONS, lambda text: print(text, flush=True))
        found.problems += [f"left running: {line}" for line in marked_processes(folder)]
        found.problems += [f"left in shared memory: {name}" for name in used.left()]
        known = catalog()
        task = known.task(TASK)
        learned = LearnedTask(task, load_policy(known.policy_of(task, "")))
        again = retrain(out, learned, seed, Path(folder) / "again")
        print(f"seed {seed}: {found.problems or 'nothing lost'}, {again.equals_live}", flush=True)
        return found, again.equals_live


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


def keep(found: list[tuple[Findings, bool | None]], loads: list[float]) -> None:
    RESULTS.mkdir(exist_ok=True)
    runs = [asdict(one) | {"weights_are_the_same": same} for one, same in found]
    for strike in (strike for run in runs for strike in run["strikes"]):
        if not np.isfinite(strike["resumed_s"]):
            strike["resumed_s"] = None
    written = {"runs": runs, "load_min": min(loads), "load_max": max(loads)}
    (RESULTS / "kills.json").write_text(json.dumps(written, indent=1) + "\n")
    (RESULTS / "kills.md").write_text(
        f"{markdown([one for one, _ in found], [same for _, same in found])}\n"
        f"Load of the machine meanwhile: {min(loads):.1f} to {max(loads):.1f}.\n"
    )


def rows(found: list[Findings]) -> list[tuple[str, ...]]:
    """A row per node and kind of fault."""
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in found:
        for strike in one.strikes:
            groups[strike.node, strike.kind].append(strike.resumed_s)
    table = []
    for (node, kind), seconds in sorted(groups.items()):
        resumed = [value for value in seconds if np.isfinite(value)]
        told = (f"{np.median(resumed):.1f}", f"{max(resumed):.1f}") if resumed else ("-", "-")
        table.append((node, kind, str(len(seconds)), *told, str(len(seconds) - len(resumed))))
    return table


COLUMNS = ("node", "fault", "times", "resumed [s]", "longest [s]", "the run ended")


def markdown(found: list[Findings], same: list[bool | None]) -> str:
    lines = [" | ".join(COLUMNS), "|".join("---" for _ in COLUMNS)]
    lines += [" | ".join(row) for row in rows(found)]
    table = "\n".join(f"| {line} |" for line in lines)
    problems = [problem for one in found for problem in one.problems]
    return (
        f"{sum(len(one.strikes) for one in found)} faults in {len(found)} runs, "
        f"{sum(one.starts for one in found)} starts of the graph, "
        f"{sum(one.episodes for one in found)} episodes. Training episodes labelled: "
        f"{sum(one.labelled for one in found)}, learned from: "
        f"{sum(one.learned for one in found)}. Learned again in one process, the weights were the "
        f"same in {sum(value is True for value in same)} of {len(same)} runs. "
        f"Problems: {'; '.join(problems) or 'none'}.\n\n{table}\n"
    )


def report(found: list[tuple[Findings, bool | None]]) -> None:
    table = Table(title="after a fault")
    for column in COLUMNS:
        table.add_column(column)
    for row in rows([one for one, _ in found]):
        table.add_row(*row)
    Console(width=110).print(table)
    print(markdown([one for one, _ in found], [same for _, same in found]).split("\n\n")[0])


if __name__ == "__main__":
    main()
