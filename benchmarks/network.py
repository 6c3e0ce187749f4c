"""The arm's part and the rest on two machines with a bad line between them: is anything lost?

./dsrl bench network                     # as root: network namespaces, a discovery server
./dsrl bench network --cuts 60           # while it learns: cut so often, at random

Robot (simulated, by the clock on the wall) and chunk player are in one network namespace, all else
in another; they find each other through Fast DDS's discovery server. The line is a process
that carries packets late and loses some (`dsrl_sim.bad_link`), and is cut once for ten seconds in
the midst of an episode. `delay` is one way.

With `--cuts` a run learns while the line is cut for 0.2 to 10 s, at random moments, over and over.
Afterwards the graph is started on its folder without a line in between, to see that what was
labelled is what is learned from. Results of both are kept together.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower, standing_labels
from dsrl_ros.session import SessionOptions
from dsrl_sim.bad_link import ADDRESSES, BadLink, bad_link
from dsrl_sim.random_faults import Findings, in_peace

RESULTS = Path(__file__).parent / "results" / "network.json"
LIMIT_S = 300.0
PORT = "11811"
TASK = "franka_pick"
ROBOT, REST = "robot", "rest"
RUNNING = '"RUNNING"'
MANY = 10_000
BETWEEN_S, CUT_S, AFTER_S = 6.0, (0.2, 10.0), 15.0
"""Between two cuts in the mean, how long they are, and after the last one."""
LINES = ((0.0, 0.0, 0.0), (0.05, 0.01, 0.0), (0.1, 0.01, 10.0))
"""Delay [s] one way, loss, cut [s]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=4, help="of each line; not with --cuts")
    parser.add_argument("--cuts", type=int, default=0, help="of one line, at random")
    parser.add_argument("--seed", type=int, default=0, help="of the cuts")
    asked = parser.parse_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if asked.cuts:
        kept["cuts"] = under_cuts(asked.cuts, asked.seed)
    else:
        kept["lines"] = [measured(*line, asked.episodes) for line in LINES]
        report(kept["lines"])
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    if cuts := kept.get("cuts"):
        print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in cuts.items()))


@dataclass(frozen=True)
class TwoMachines:
    """A graph on both sides of a line."""

    out: Path
    link: BadLink
    rest: subprocess.Popen[bytes]
    """All but the robot and its chunk player."""


@contextmanager
def two_machines(out: Path, link: BadLink, mode: str, episodes: int) -> Iterator[TwoMachines]:
    """They end on leaving, and on their own after so many episodes."""
    environment = os.environ | {
        "ROS_DOMAIN_ID": "0",
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
        "ROS_DISCOVERY_SERVER": f"{ADDRESSES[1]}:{PORT}",
        "ROS_SUPER_CLIENT": "true",
    }
    up = [sys.executable, "-m", "dsrl_ros.cli", "up", "--sim", "--realtime", "--auto"]
    up += ["--mode", mode, "--episodes", str(episodes)]
    server = ["fast-discovery-server", "-i", "0", "-l", ADDRESSES[1], "-p", PORT]
    started: list[subprocess.Popen[bytes]] = []

    def start(machine: int, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (out / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                link.command(machine, *command),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    try:
        start(1, "server", *server)
        start(0, "robot", *up, "--machine", "robot", "--out", str(out / ROBOT))
        rest = start(1, "rest", *up, "--machine", "gpu", "--out", str(out / REST))
        yield TwoMachines(out, link, rest)
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGINT)
        for process in started:
            process.wait(30.0)


def measured(delay_s: float, loss: float, cut_s: float, episodes: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, bad_link(delay_s, loss) as link:
        out = Path(folder)
        with two_machines(out, link, "base", episodes) as machines:
            cut_at_s = watched(link, machines.rest, out / REST, cut_s)
            status = machines.rest.poll()
        after = holds(out, [cut_at_s]) if cut_at_s is not None else []
        return {
            "delay_s": delay_s,
            "loss": loss,
            "cut_s": cut_s,
            "ended": status,
            "carried": link.carried,
            "lost": link.dropped,
            **on_disk(out / REST),
            "held_after_s": after[0][0] if after else None,
            "held_by": after[0][1] if after else "",
        }


def under_cuts(cuts: int, seed: int) -> dict[str, Any]:
    """What many cuts at random came to, and what is learned afterwards."""
    draw, cut_at_s, starts = np.random.default_rng(seed), list[float](), 0
    with tempfile.TemporaryDirectory() as folder, bad_link(0.005, 0.001) as link:
        out = Path(folder)
        while len(cut_at_s) < cuts:
            starts += 1
            # A run that is given up, after three invalid episodes in a row, ends the graph.
            with two_machines(out, link, "train", MANY) as machines:
                wait_for_episode(out / REST)
                while len(cut_at_s) < cuts and machines.rest.poll() is None:
                    time.sleep(float(draw.exponential(BETWEEN_S)))
                    cut_at_s.append(time.time())
                    link.is_cut = True
                    time.sleep(float(draw.uniform(*CUT_S)))
                    link.is_cut = False
                    print(f"{len(cut_at_s)} of {cuts} cuts", flush=True)
                time.sleep(AFTER_S)
        held = [after_s for after_s, _ in holds(out, cut_at_s)]
        found = Findings()
        in_peace(TASK, out / REST, 0, SessionOptions(), print, found)
        return {
            "cuts": len(cut_at_s),
            "starts": starts,
            **on_disk(out / REST),
            "training_episodes_labelled": found.labelled,
            "learned_from": found.learned,
            "problems": found.problems,
            "times_held": len(held),
            "held_after_median_s": float(np.median(held)) if held else None,
            "held_after_longest_s": max(held, default=None),
            "load": os.getloadavg()[0],
        }


def wait_for_episode(out: Path) -> None:
    """Until another one runs than those before."""
    until_s = time.monotonic() + LIMIT_S
    before = text_of(out / "timeline.jsonl").count(RUNNING)
    while text_of(out / "timeline.jsonl").count(RUNNING) <= before:
        if time.monotonic() > until_s:
            raise SystemExit(f"no episode within {LIMIT_S:.0f} s")
        time.sleep(0.1)


def watched(link: BadLink, rest: subprocess.Popen[bytes], out: Path, cut_s: float) -> float | None:
    """Wait for the end, and cut the line once in an episode; when that was, on the wall's clock."""
    until_s, cut_at_s = time.monotonic() + LIMIT_S, None
    while rest.poll() is None and time.monotonic() < until_s:
        time.sleep(0.1)
        if cut_s and cut_at_s is None and RUNNING in text_of(out / "timeline.jsonl"):
            time.sleep(1.0)
            cut_at_s, link.is_cut = time.time(), True
            time.sleep(cut_s)
            link.is_cut = False
    return cut_at_s


def on_disk(out: Path) -> dict[str, Any]:
    """Episodes and labels of a run."""
    store = EpisodeStore(out / EPISODES)
    labels = standing_labels(LedgerFollower(out / LEDGER).new())
    stored = {number: store.read(number) for number in store.numbers()}
    return {
        "labelled": len(labels),
        "labelled_on_disk": sum(n in stored and stored[n].is_valid for n in labels),
        "invalid": sum(not episode.is_valid for episode in stored.values()),
    }


def holds(out: Path, cut_at_s: list[float]) -> list[tuple[float, str]]:
    """How long after a cut the arm was held for the first time before the next one, and why."""
    log = text_of(out / ROBOT / "log" / "chunk_player.log")
    told = re.findall(r"\[(\d+\.\d+)\].*the arm is held \((\w+)\)", log)
    found = []
    for begins_s, ends_s in zip(cut_at_s, [*cut_at_s[1:], math.inf], strict=True):
        after = [(float(at) - begins_s, rule) for at, rule in told if begins_s < float(at) < ends_s]
        found += after[:1]
    return found


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def report(rows: list[dict[str, Any]]) -> None:
    table = Table(title="two machines, a bad line")
    for name in rows[0]:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
