"""What a replay costs: memory of image and state episodes, and updates as it grows.

./dsrl bench memory

500 episodes of 20 decisions with two 128x128 cameras; 50,000 transitions of a state vector; the
time of an update with 1,000 to 100,000 transitions in the replay.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.policies.native import NativePolicy
from dsrl_core.specs import CameraSpec, TaskSpec
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Float32Array,
    Label,
    Mode,
    Observation,
    Outcome,
    UInt8Array,
    final_decision,
)

RESULTS = Path(__file__).parent / "results" / "memory.json"
DECISIONS = 20
SIZES = (1_000, 10_000, 100_000)
UPDATES = 400
CAMERAS = (CameraSpec("scene", 128, 128), CameraSpec("wrist", 128, 128))


class SeeingPolicy(NativePolicy):
    """The state policy; images are kept for actor and critics, it does not look at them itself."""

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        return Encoded(observations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS, help="only this part; one process each by default")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.part:
        print(json.dumps(PARTS[asked.part]()))
        return
    found = {}
    for part in PARTS:
        command = [sys.executable, __file__, "--part", part]
        found |= json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    table = Table(title="what a replay costs")
    for column in ("figure", "measured", "asked for"):
        table.add_column(column)
    images = f"{found['image_episodes_gb']:.2f} GB"
    table.add_row("500 image episodes, growth of the process", images, "1.5 GB at most")
    states = f"{found['state_transitions_mb']:.0f} MB"
    table.add_row("50,000 state transitions, growth of the process", states, "100 MB at most")
    for size in SIZES:
        name = f"update with {size:,} transitions [ms]"
        table.add_row(name, f"{found['update_ms'][str(size)]:.2f}", "flat")
    Console(width=110).print(table)


def image_episodes() -> dict[str, object]:
    """Growth of this process by 500 episodes with images [GB]."""
    task, policy = shipped()
    seeing = SeeingPolicy(policy.spec)
    seeing.spec = replace(policy.spec, cameras=CAMERAS)
    learner = Learner([LearnedTask(replace(task, image_encoder=True), seeing)], 0)
    before = memory_bytes()
    for number in range(500):
        teach(learner, number, images=True)
    return {"image_episodes_gb": (memory_bytes() - before) / 1e9}


def state_transitions() -> dict[str, object]:
    """Growth of this process by 50,000 transitions [MB], after the first ones."""
    learner = Learner([LearnedTask(*shipped())], 0)
    teach(learner, 0)
    before = memory_bytes()
    for number in range(1, 50_000 // DECISIONS):
        teach(learner, number)
    return {"state_transitions_mb": (memory_bytes() - before) / 1e6}


def update_times() -> dict[str, object]:
    """Mean time of an update [ms], refreshing included, by transitions in the replay."""
    task, policy = shipped()
    settings = {"updates_first": 10**9}
    task = replace(task, steering=replace(task.steering, settings=settings))
    learner, number, times = Learner([LearnedTask(task, policy)], 0), 0, {}
    for size in SIZES:
        while len(learner._data) < size:
            teach(learner, number)
            number += 1
        learner.update(UPDATES // 2)
        began = time.process_time()
        learner.update(UPDATES)
        times[size] = 1000 * (time.process_time() - began) / UPDATES
    return {"update_ms": times}


PARTS: dict[str, Callable[[], dict[str, object]]] = {
    "images": image_episodes,
    "states": state_transitions,
    "updates": update_times,
}


def shipped() -> tuple[TaskSpec, PolicyBackend]:
    catalog = Catalog.default()
    task = catalog.task("franka_pick")
    return task, load_policy(catalog.policy(task.policy))


def teach(learner: Learner, number: int, images: bool = False) -> None:
    """A random episode and its label."""
    draw = np.random.default_rng(number)
    shape = (2, 128, 128, 3)

    def observation(stamp: int) -> Observation:
        values = draw.standard_normal(9, dtype=np.float32)
        return Observation(
            stamp, values, draw.integers(0, 256, shape, dtype=np.uint8) if images else None
        )

    steps = []
    for sequence in range(DECISIONS):
        noise, chunk = (draw.standard_normal((4, 5), dtype=np.float32) for _ in range(2))
        seen = observation(sequence)
        decision = Decision(number, sequence, seen, noise, noise, 0.01 * chunk, "base")
        steps.append(DecisionStep(decision, 4))
    last = final_decision(number, DECISIONS, observation(DECISIONS))
    record = (*steps, DecisionStep(last, 0))
    learner.add_episode(Episode(number, Mode.TRAIN, number, record, "deadline"))
    outcome = (Outcome.FAILURE, Outcome.SUCCESS)[number % 2]
    learner.set_label(Label(number, outcome, float(number % 2), "benchmark", 0))


def memory_bytes() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


if __name__ == "__main__":
    main()
