"""How long a learner that is started again takes until it is ready to learn.

./dsrl bench restart

1,000 labelled episodes of 20 decisions with two 128x128 cameras, made here and stored as the
recorder does it. A learner that was ended goes on from its checkpoint: from the start of its
process until every episode is in the replay again and the next update could begin. Then one more
episode is recorded and labelled: from its label until it is drawn from. All sums are checked on the
way.

The learner runs here as in its node (`dsrl_core.learning.live_run`), without ROS around it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from dsrl_core.catalog import Catalog
from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LabelLedger
from dsrl_core.learning.feed import Attempt
from dsrl_core.learning.kept_encodings import ENCODINGS
from dsrl_core.learning.learner import LearnedTask
from dsrl_core.learning.live_run import LiveRun, LiveSettings
from dsrl_core.learning.retrain import changed
from dsrl_core.policies import load_policy
from dsrl_core.policies.native import network_of
from dsrl_core.policies.weights import save
from dsrl_core.specs import CameraSpec, PolicySpec
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Label,
    Mode,
    Observation,
    Outcome,
    UInt8Array,
    final_decision,
)

RESULTS = Path(__file__).parent / "results"
DECISIONS = 20
CAMERAS = (CameraSpec("scene", 128, 128), CameraSpec("wrist", 128, 128))
SETTINGS = {"updates_first": 1, "updates_per_episode": 0}
"""What is learned is of no meaning here: one update, so that there is a checkpoint of one."""
COLUMNS = ("figure", "measured", "processor time", "asked for")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--part", choices=("learn", "restart"), help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.part:
        print(json.dumps(learn(asked.run) if asked.part == "learn" else restart(asked.run)))
        return
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        make(run, asked.episodes)
        timed("learn", run)
        found = {
            "episodes": asked.episodes,
            "megabytes_on_disk": megabytes(run / EPISODES),
            "encodings_megabytes": megabytes(run / ENCODINGS),
            "kept": timed("restart", run),
        }
        shutil.rmtree(run / ENCODINGS)
        found["encoded_again"] = timed("restart", run)
    found["load"] = os.getloadavg()[0]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "restart.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "restart.md").write_text(report(found))


def make(run: Path, episodes: int) -> None:
    """A run's folder as recorder and operator leave it, and the policy in it."""
    network = network_of(shaped(run))
    save(network, str(shaped(run).weights_path))
    store = EpisodeStore(run / EPISODES)
    with LabelLedger(run / LEDGER) as ledger:
        for number in range(episodes):
            store.write(episode(number, shaped(run)))
            ledger.append(label(number))


def learn(run: Path) -> dict[str, float]:
    """The first start: everything is encoded, and a checkpoint is written at the end."""
    live = started(run)
    while live.run.is_busy:
        live.run.work()
    live.remember()
    return {"episodes": live.run.learner.episodes}


def restart(run: Path) -> dict[str, float]:
    """A new start, and one more episode."""
    live = started(run)
    assert not live.problems, live.problems
    assert live.resumed_at, "it was to go on from its checkpoint"
    assert not live.run.is_busy
    ready = {"ready_at": time.time(), "ready_cpu_s": time.process_time()}
    before = live.run.learner.episodes
    number = live.intake.numbers()[-1] + 1
    EpisodeStore(run / EPISODES).write(episode(number, shaped(run)))
    attempt = Attempt(Mode.TRAIN, 0)
    live.intake.recorded("", number, attempt)
    with LabelLedger(run / LEDGER) as ledger:
        ledger.append(label(number))
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        live.take()
        ingest_s, ingest_cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    assert live.run.learner.episodes == before + 1
    live.remember()
    return ready | {"episodes": before, "ingest_s": ingest_s, "ingest_cpu_s": ingest_cpu_s}


def started(run: Path) -> LiveRun:
    spec = shaped(run)
    digest = hashlib.sha256(spec.weights_path.read_bytes()).hexdigest()
    task = changed(Catalog.default().task("franka_pick_vision"), {"settings": SETTINGS})
    policy = load_policy(replace(spec, weights_sha256=digest))
    live = LiveRun(run, LearnedTask(task, policy), LiveSettings(0))
    live.take()
    return live


def timed(part: str, run: Path) -> dict[str, float]:
    """A part in a process of its own; `ready_s` counts from its start."""
    began = time.time()
    command = [sys.executable, __file__, "--part", part, "--run", str(run)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, float] = json.loads(told)
    if "ready_at" in found:
        found["ready_s"] = found.pop("ready_at") - began
    return found


def shaped(run: Path) -> PolicySpec:
    """The shipped policy with larger images; its weights are random and lie in the run."""
    torch.manual_seed(0)
    spec = Catalog.default().policy("franka_pick_vision_flow")
    return replace(spec, folder=run, cameras=CAMERAS)


def episode(number: int, spec: PolicySpec) -> Episode:
    """A random one; its pictures are smooth with some noise, as those of a camera are."""
    draw = np.random.default_rng(number)
    still = np.stack([scene(draw, camera) for camera in spec.cameras])

    def seen(stamp: int) -> Observation:
        grain = (draw.random(still.shape, dtype=np.float32) < 0.1).astype(np.uint8)
        values = draw.standard_normal(spec.observation_size, dtype=np.float32)
        return Observation(stamp, values, np.roll(still, stamp, axis=2) ^ grain)

    steps = []
    for sequence in range(DECISIONS):
        noise = draw.standard_normal(spec.noise_shape, dtype=np.float32)
        chunk = 0.1 * draw.standard_normal(spec.chunk_shape, dtype=np.float32)
        decision = Decision(number, sequence, seen(sequence), noise, noise, chunk, "base")
        steps.append(DecisionStep(decision, spec.horizon))
    last = DecisionStep(final_decision(number, DECISIONS, seen(DECISIONS)), 0)
    return Episode(number, Mode.TRAIN, number, (*steps, last), "deadline")


def scene(draw: np.random.Generator, camera: CameraSpec) -> UInt8Array:
    coarse = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    fine = cv2.resize(coarse, (camera.width, camera.height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine, dtype=np.uint8)


def label(number: int) -> Label:
    outcome = (Outcome.FAILURE, Outcome.SUCCESS)[number % 2]
    return Label(number, outcome, float(number % 2), "benchmark", 0)


def megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def report(found: dict[str, object]) -> str:
    """Print the table; the same as Markdown."""
    kept, again = found["kept"], found["encoded_again"]
    assert isinstance(kept, dict)
    assert isinstance(again, dict)
    rows = [
        (
            f"ready to learn, {found['episodes']} episodes",
            f"{kept['ready_s']:.1f} s",
            f"{kept['ready_cpu_s']:.1f} s",
            "20 s at most",
        ),
        (
            "the same where encodings have been lost",
            f"{again['ready_s']:.1f} s",
            f"{again['ready_cpu_s']:.1f} s",
            "",
        ),
        (
            "one more episode, after its label",
            f"{kept['ingest_s']:.3f} s",
            f"{kept['ingest_cpu_s']:.3f} s",
            "0.5 s at most",
        ),
        (
            "episodes on disk, encodings beside them",
            f"{found['megabytes_on_disk']:.0f} MB, {found['encodings_megabytes']:.1f} MB",
            "",
            "",
        ),
        ("load of the machine meanwhile", f"{found['load']:.1f}", "", ""),
    ]
    table = Table(title="a learner that is started again")
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for column in COLUMNS:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
        lines.append("| " + " | ".join(row) + " |")
    Console(width=120).print(table)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
