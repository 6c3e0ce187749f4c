"""The arm's part and the rest on two machines with a bad line between them: is anything lost?

./dsrl bench network                     # as root: network namespaces, a discovery server

Robot (simulated, by the clock on the wall) and chunk player are in one network namespace, all else
in another; they find each other through Fast DDS's discovery server. The line is a process
that carries packets late and loses some (`dsrl_sim.bad_link`), and is cut once for ten seconds in
the midst of an episode. `delay` is one way.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower, standing_labels
from dsrl_sim.bad_link import ADDRESSES, BadLink, bad_link

RESULTS = Path(__file__).parent / "results" / "network.json"
LIMIT_S = 300.0
PORT = "11811"
LINES = ((0.0, 0.0, 0.0), (0.05, 0.01, 0.0), (0.1, 0.01, 10.0))
"""Delay [s] one way, loss, cut [s]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=4)
    asked = parser.parse_args()
    rows = [measured(*line, asked.episodes) for line in LINES]
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    report(rows)


def measured(delay_s: float, loss: float, cut_s: float, episodes: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, bad_link(delay_s, loss) as link:
        out = Path(folder)
        environment = os.environ | {
            "ROS_DOMAIN_ID": "0",
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
            "ROS_DISCOVERY_SERVER": f"{ADDRESSES[1]}:{PORT}",
            "ROS_SUPER_CLIENT": "true",
        }
        up = [sys.executable, "-m", "dsrl_ros.cli", "up", "--sim", "--realtime", "--auto"]
        up += ["--mode", "base", "--episodes", str(episodes)]
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
            start(0, "robot", *up, "--machine", "robot", "--out", str(out / "robot"))
            rest = start(1, "rest", *up, "--machine", "gpu", "--out", str(out / "rest"))
            cut_at_s = watched(link, rest, out / "rest", cut_s)
            status = rest.poll()
        finally:
            for process in reversed(started):
                process.send_signal(signal.SIGINT)
            for process in started:
                process.wait(30.0)
        return {
            "delay_s": delay_s,
            "loss": loss,
            "cut_s": cut_s,
            "ended": status,
            "carried": link.carried,
            "lost": link.dropped,
        } | found(out, cut_at_s)


def watched(link: BadLink, rest: subprocess.Popen[bytes], out: Path, cut_s: float) -> float | None:
    """Wait for the end, and cut the line once in an episode; when that was, on the wall's clock."""
    until_s, cut_at_s = time.monotonic() + LIMIT_S, None
    while rest.poll() is None and time.monotonic() < until_s:
        time.sleep(0.1)
        if cut_s and cut_at_s is None and '"RUNNING"' in text_of(out / "timeline.jsonl"):
            time.sleep(1.0)
            cut_at_s, link.is_cut = time.time(), True
            time.sleep(cut_s)
            link.is_cut = False
    return cut_at_s


def found(out: Path, cut_at_s: float | None) -> dict[str, Any]:
    """What is on disk, and how soon the arm was held."""
    store = EpisodeStore(out / "rest" / EPISODES)
    labels = standing_labels(LedgerFollower(out / "rest" / LEDGER).new())
    stored = {number: store.read(number) for number in store.numbers()}
    held = [
        (float(stamp), rule)
        for stamp, rule in re.findall(
            r"\[(\d+\.\d+)\].*the arm is held \((\w+)\)",
            text_of(out / "robot" / "log" / "chunk_player.log"),
        )
    ]
    after = (
        [] if cut_at_s is None else [(at - cut_at_s, rule) for at, rule in held if at > cut_at_s]
    )
    return {
        "labelled": len(labels),
        "labelled_on_disk": sum(n in stored and stored[n].is_valid for n in labels),
        "invalid": sum(not episode.is_valid for episode in stored.values()),
        "held_after_s": after[0][0] if after else None,
        "held_by": after[0][1] if after else "",
    }


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
