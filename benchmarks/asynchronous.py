"""What a slow policy costs, and what asking for the next chunk ahead gives back.

./dsrl bench asynchronous

`franka_pick` with answers that take 150 ms of simulated time: the arm waits for each (the paper's
mode), the next chunk is asked for while the present one plays, with the observation rolled forward
over what is committed (ours), or asked for as early and played as if nothing had happened since
(naive); and with answers of 320 ms, asked ahead. The base policy, and noise learned in either mode;
greedy success over fresh resets. Then the share of time in which the arm waits, for answers of up
to 80 % of a chunk.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.rollout import Rollout
from dsrl_core.seeding import reset_seed
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Label, Mode, Observation, Outcome, to_nanoseconds
from dsrl_sim.assembly import make_rollout

RESULTS = Path(__file__).parent / "results"
TASK = "franka_pick"
LATENCY_S = 0.15
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True)
class Way:
    """How chunks are asked for, and how long answers take."""

    name: str
    ahead: int = 0
    latency_s: float = 0.0
    rolls: bool = True


AHEAD = math.ceil(LATENCY_S / 0.1)
WAYS = (
    Way("answers at once"),
    Way("150 ms, the arm waits", latency_s=LATENCY_S),
    Way("150 ms, asked ahead", AHEAD, LATENCY_S),
    Way("150 ms, asked ahead, naive", AHEAD, LATENCY_S, rolls=False),
    Way("320 ms (80 % of a chunk), asked ahead", 4, 0.32),
)


def rollout_of(way: Way, loop: DecisionLoop) -> Rollout:
    known = Catalog.default()
    task = known.task(TASK)
    rollout = make_rollout(task, known, known.policy(task.policy), loop, way.ahead)
    rollout.latency_ns = to_nanoseconds(way.latency_s)
    if not way.rolls:
        rollout.roll_forward = as_seen  # type: ignore[assignment]
    return rollout


def as_seen(observation: Observation, _: Sequence[Sequence[float]]) -> Observation:
    return observation


def count(way: Way, loop: DecisionLoop, mode: Mode, seed: int, resets: int) -> int:
    rollout = rollout_of(way, loop)
    return sum(rollout.run(i, mode, reset_seed(seed, mode, i))[1] for i in range(resets))


def measure(seed: int, resets: int, online: int) -> dict[str, Any]:
    """Learn in either mode; count successes of every way."""
    torch.set_num_threads(1)
    known = Catalog.default()
    task = known.task(TASK)
    policy = load_policy(known.policy(task.policy))
    base = DecisionLoop(task, policy, seed)
    found: dict[str, Any] = {"seed": seed, "base": {}}
    for way in WAYS:
        found["base"][way.name] = count(way, base, Mode.BASE, seed, resets)
    for learned_in in (WAYS[0], WAYS[2]):
        loop = learn(learned_in, seed, online)
        found[f"learned with: {learned_in.name}"] = {
            way.name: count(way, loop, Mode.EVAL, seed, resets) for way in WAYS
        }
    return found


def learn(way: Way, seed: int, online: int) -> DecisionLoop:
    """The decision loop after the warm-up and so many online episodes."""
    known = Catalog.default()
    task = known.task(TASK)
    policy = load_policy(known.policy(task.policy))
    learner, loop = Learner([LearnedTask(task, policy)], seed), DecisionLoop(task, policy, seed)
    rollout = rollout_of(way, loop)
    for number in range(task.steering.warm_up_episodes + online):
        episode, success = rollout.run(number, Mode.TRAIN, reset_seed(seed, Mode.TRAIN, number))
        learner.add_episode(episode)
        outcome = Outcome.SUCCESS if success else Outcome.FAILURE
        learner.set_label(Label(number, outcome, float(success), "benchmark", 0))
        learner.update(learner.updates_pending)
        if learner.updates:
            loop.set_weights(*learner.weights())
    return loop


def idle_shares(episodes: int) -> list[dict[str, float]]:
    """Of the time between chunks, for answers of several lengths, with and without asking ahead."""
    known = Catalog.default()
    task = known.task(TASK)
    policy = load_policy(known.policy(task.policy))
    chunk_s = policy.spec.horizon * policy.spec.action.period_s
    found = []
    for share in SHARES:
        latency_s = share * chunk_s
        needed = math.ceil(round(latency_s / policy.spec.action.period_s, 9))
        row = {"share": share, "latency_ms": 1e3 * latency_s, "asked_ahead": needed}
        for name, ahead in (("waits", 0), ("ahead", needed)):
            rollout = rollout_of(Way(name, ahead, latency_s), DecisionLoop(task, policy, 0))
            for number in range(episodes):
                rollout.run(number, Mode.BASE, reset_seed(0, Mode.BASE, number))
            row[f"idle_{name}"] = rollout.player.idleness.share
        found.append(row)
    return found


def report(found: dict[str, Any]) -> str:
    runs = found["runs"]
    lines = [
        f"`{found['command']}`; greedy success over {found['resets']} fresh resets, "
        f"median (worst) of {len(runs)} seeds; noise learned from ten base rollouts and "
        f"{found['online']} episodes.",
        "",
        "| answers | " + " | ".join(_columns(runs)) + " |",
        "|---|" + "---|" * len(_columns(runs)),
    ]
    for way in WAYS:
        cells = []
        for column in _columns(runs):
            values = [run[column][way.name] for run in runs]
            cells.append(f"{np.median(values):g} ({min(values)})")
        lines.append(f"| {way.name} | " + " | ".join(cells) + " |")
    lines += ["", "| answer, share of a chunk | ms | idle, the arm waits | idle, asked ahead |"]
    lines.append("|---|---|---|---|")
    lines += [
        f"| {row['share']:.0%} | {row['latency_ms']:g} | {row['idle_waits']:.1%} | "
        f"{row['idle_ahead']:.1%} |"
        for row in found["idle"]
    ]
    return "\n".join(lines) + "\n"


def _columns(runs: list[dict[str, Any]]) -> list[str]:
    return [name for name in runs[0] if name != "seed"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--resets", type=int, default=100)
    parser.add_argument("--online", type=int, default=20, help="episodes after the warm-up")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.workers) as pool:
        jobs = [pool.submit(measure, s, asked.resets, asked.online) for s in asked.seeds]
        runs = [job.result() for job in jobs]
    found = {
        "command": "./dsrl bench asynchronous",
        "resets": asked.resets,
        "online": asked.online,
        "runs": runs,
        "idle": idle_shares(20),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "asynchronous.json").write_text(json.dumps(found, indent=1) + "\n")
    text = report(found)
    (RESULTS / "asynchronous.md").write_text(text)
    table = Table(title="greedy success")
    for name in ("answers", *_columns(runs)):
        table.add_column(name)
    for way in WAYS:
        rows = [sorted(run[c][way.name] for run in runs) for c in _columns(runs)]
        table.add_row(way.name, *(f"{np.median(r):g} {r}" for r in rows))
    Console().print(table)
    print(text)


if __name__ == "__main__":
    main()
