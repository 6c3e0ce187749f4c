"""Hours of simulated time: does anything grow, come late, or stay behind?

./dsrl bench soak --hours 0.2 --every 2     # a try: a minute or two
./dsrl bench soak                           # 10 hours of simulated time

The graph of processes in lock-step with the automatic operator. Of every `--block` episodes
`--train-share` are training, with the learner, and as many are greedy; the rest is the base policy.
Every `--every` seconds on the wall the processes' memory, handles and threads are read, beside
files, shared memory and set-points. A slope is Theil and Sen's, per hour of simulated time, with
its interval of 95 %, after the first third.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from soak_watch import MARK, SHARED_MEMORY, left_in_shared_memory, marked_processes

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.growth import growth

RUN = Path(__file__).parent / "soak_run.py"
RESULTS = Path(__file__).parent / "results"
WARM_UP = 1 / 3
ALLOWED = {"rss_mb": 2.0, "anonymous_mb": 2.0, "handles": 0.5, "threads": 0.5, "shared_memory": 0.5}
"""Per hour of simulated time; less than this in ten hours is no leak that anybody would meet."""
COLUMNS = ("what", "first", "last", "slope per hour", "interval", "allowed", "verdict")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=10.0, help="of simulated time")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between samples")
    parser.add_argument("--task", default="franka_pick")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--block", type=int, default=50, help="episodes")
    parser.add_argument("--train-share", type=float, default=0.04, help="of the episodes")
    asked = parser.parse_args()
    found = soak(asked)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "soak.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "soak.md").write_text(report(found))


def soak(asked: argparse.Namespace) -> dict[str, Any]:
    """Run for so long in a process of its own; look for what is left when it is over."""
    mark = uuid.uuid4().hex
    before = {path.name for path in SHARED_MEMORY.iterdir()}
    with tempfile.TemporaryDirectory() as place:
        folder, temporary = Path(place), Path(place) / "tmp"
        temporary.mkdir()
        run_process(folder, asked, {MARK: mark, "TMPDIR": str(temporary)})
        found: dict[str, Any] = json.loads((folder / "run.json").read_text())
        if found["ended_early_by"]:
            kept = Path(tempfile.mkdtemp(prefix="dsrl-soak-log-"))
            shutil.copytree(folder / "run" / "log", kept, dirs_exist_ok=True)
            print(f"what the processes said: {kept}", flush=True)
        store = EpisodeStore(folder / "run" / "episodes")
        ended = Counter(store.read(number).end_reason for number in store.numbers())
        left = {
            "processes": marked_processes(mark),
            "shared_memory": left_in_shared_memory(set(found.pop("shared_memory")) - before),
            "temporary_files": sorted(
                str(path.relative_to(temporary))
                for path in temporary.rglob("*")
                if not path.is_dir()
            ),
            "partial_episodes": sorted(path.name for path in store.folder.glob(".partial-*")),
        }
    return {
        **found,
        "end_reasons": dict(ended),
        "train_share": asked.train_share,
        "restarts": restarts(found["samples"]),
        "left_behind": left,
        "growth": judge(found["samples"]),
    }


def run_process(folder: Path, asked: argparse.Namespace, variables: dict[str, str]) -> None:
    """Wait for the run; it ends early, and tells what it saw, when this process is interrupted.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, str(RUN), str(folder), json.dumps(vars(asked))]
    child = subprocess.Popen(command, env={**os.environ, **variables}, start_new_session=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: child.send_signal(signal.SIGINT))
    if status := child.wait():
        raise subprocess.CalledProcessError(status, command)


def judge(samples: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every quantity's slope and verdict."""
    hours = [sample["hours"] for sample in samples]
    series: dict[str, tuple[str, list[float]]] = {
        "shared memory": ("shared_memory", [sample["shared_memory"] for sample in samples])
    }
    for name in samples[-1]["processes"]:
        for quantity in samples[-1]["processes"][name]:
            values = [sample["processes"].get(name, {}).get(quantity) for sample in samples]
            if None not in values:
                series[f"{name}, {quantity}"] = (quantity, values)
    verdicts = {}
    for title, (quantity, values) in series.items():
        try:
            found, allowed = growth(hours, values, WARM_UP), ALLOWED[quantity]
        except InvalidValue as error:
            # The rest of what was seen is told nevertheless.
            print(f"nothing is known of growth: {error}", flush=True)
            return {}
        verdict = "flat" if found.is_flat(allowed) else "grows"
        if not found.is_sure(allowed):
            verdict = "open"
        verdicts[title] = {**asdict(found), "allowed": allowed, "verdict": verdict}
    return verdicts


def restarts(samples: list[dict[str, Any]]) -> list[str]:
    """Nodes whose process was another one at the end."""
    first, last = samples[0]["numbers"], samples[-1]["numbers"]
    return [name for name in last if first.get(name) != last[name]]


def report(found: dict[str, Any]) -> str:
    """Print table and words; the same as Markdown."""
    first, last = found["samples"][0], found["samples"][-1]
    episodes = last["episodes"] - first["episodes"]
    each = (last["bytes"] - first["bytes"]) / max(episodes, 1) / 1e3
    left = sum(len(entries) for entries in found["left_behind"].values())
    early = found["ended_early_by"]
    lines = [
        *([f"Ended early: {early}"] if early else []),
        f"{found['hours']:.2f} h simulated in {last['wall_s'] / 60:.1f} min, "
        f"{100 * found['train_share']:.0f} % of the episodes training ({last['updates']} updates).",
        "Episodes: " + ", ".join(f"{what}: {n}" for what, n in sorted(found["episodes"].items())),
        f"Invalid episodes: {found['end_reasons'].get('invalid', 0)}. Processes started again: "
        f"{', '.join(found['restarts']) or 'none'}.",
        f"Set-points: {last['set_points']}, missed periods: {last['missed']}.",
        f"On disk: {last['files']} files, {last['bytes'] / 1e6:.0f} MB; {each:.1f} kB per episode. "
        f"Temporary files while it ran: {last['temporary_files']}.",
        f"Left behind after the end: {json.dumps(found['left_behind']) if left else 'nothing'}.",
    ]
    table = Table(title="growth per hour of simulated time")
    rows = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for column in COLUMNS:
        table.add_column(escape(column))
    for title, values in found["growth"].items():
        cells = (
            title,
            f"{values['first']:.1f}",
            f"{values['last']:.1f}",
            f"{values['slope']:.2f}",
            f"{values['low']:.2f} to {values['high']:.2f}",
            f"{values['allowed']:.1f}",
            values["verdict"],
        )
        table.add_row(*cells)
        rows.append("| " + " | ".join(cells) + " |")
    console = Console(width=120)
    console.print(table)
    for line in lines:
        console.print(line, markup=False)
    return "\n\n".join([*lines, "\n".join(rows)]) + "\n"


if __name__ == "__main__":
    main()
