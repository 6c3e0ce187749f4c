"""How many robot episodes does steering need? Seeds 0-4, in one process each, on simulated picks.

    ./dsrl bench learning            # about four minutes on two cores
    ./dsrl bench learning --seeds 0 1 --resets 50

For every seed: ten base rollouts, then online episodes with the updates that they are worth; after
10, 20 and 40 of them the greedy search and the distilled actor alone face `--resets` fresh starts.
Nothing was tuned on these seeds or starts (tuning used seeds 100 and above). Beside it, disclosed:
the same with raw critic inputs, and offline from the policy's own labelled demonstrations.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from demonstrations import demonstration_episodes
from rich.console import Console
from rich.table import Table

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import Learner
from dsrl_core.policies import load_policy
from dsrl_core.rollout import Rollout
from dsrl_core.seeding import reset_seed
from dsrl_core.specs import TaskSpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.steering.features import raw_features
from dsrl_core.types import Label, Mode, Outcome
from dsrl_sim.assembly import make_rollout

TASK = "franka_pick"
EVALUATED_AT = (10, 20, 40)
OFFLINE_UPDATES = 3000
RESULTS = Path(__file__).parent / "results" / "learning.json"
VARIANTS = ("task features", "raw inputs", "offline")

PROTOTYPE = """Beside it, as measured before (100 starts, base .40, at 20 online episodes):
prototype NA .84 .68 .16 .04 | probe, lambda .7, inv, CEM .94 1 .94 1 (at 40: .97 .99 1 .98)
probe with raw inputs .30-.44 | released class: published settings .19 .01, best found .68 .52
probe + 30 labelled demonstrations at 0 episodes 1 .98 .99 .98"""


@dataclass(frozen=True)
class Run:
    """What one seed of one variant gave; successes by number of online episodes."""

    variant: str
    seed: int
    resets: int
    training: list[int]
    """Outcomes in order, the warm-up first."""
    search: dict[int, int]
    actor: dict[int, int]
    updates: int
    update_s: float
    wall_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--resets", type=int, default=100, help="fresh starts per figure")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    jobs = [(variant, seed, asked.resets) for variant in asked.variants for seed in asked.seeds]
    with ProcessPoolExecutor(asked.workers) as pool:
        runs = list(pool.map(measure, *zip(*jobs, strict=True)))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")
    report(runs)


def measure(variant: str, seed: int, resets: int) -> Run:
    """One seed of one variant."""
    torch.set_num_threads(1)
    started = time.monotonic()
    catalog = Catalog.default()
    task = catalog.task(TASK)
    policy = load_policy(catalog.policy(task.policy))
    if variant == "raw inputs":
        task = replace(task, features=raw_features(policy.spec), critic_sees_chunk=True)
    learner = Learner(task, policy, seed)
    decisions = DecisionLoop(task, policy, seed)
    rollout = make_rollout(task, catalog, policy.spec, decisions)
    search, actor, training, update_s = {}, {}, [], 0.0
    if variant == "offline":
        update_s = learn_offline(learner, catalog, task)
        points: Iterator[int] = iter((0,))
    else:
        points = learn_online(learner, decisions, rollout, task, seed, training)
    for online in points:
        decisions.set_weights(*learner.weights())
        search[online] = count(rollout, Mode.EVAL, seed, resets)
        actor[online] = count(rollout, Mode.ACTOR, seed, resets)
    wall_s = time.monotonic() - started
    return Run(variant, seed, resets, training, search, actor, learner.updates, update_s, wall_s)


def learn_offline(learner: Learner, catalog: Catalog, task: TaskSpec) -> float:
    """Updates from the policy's own demonstrations; their time [s]."""
    for episode, success in demonstration_episodes(catalog.policy(task.policy)):
        learner.add_episode(episode)
        learner.set_label(label(episode.number, success))
    started = time.monotonic()
    learner.update(OFFLINE_UPDATES)
    return time.monotonic() - started


def learn_online(
    learner: Learner,
    decisions: DecisionLoop,
    rollout: Rollout,
    task: TaskSpec,
    seed: int,
    training: list[int],
) -> Iterator[int]:
    """Episode by episode as the graph does it; yields where an evaluation is due."""
    warm_up = task.steering.warm_up_episodes
    for number in range(warm_up + max(EVALUATED_AT)):
        episode, success = rollout.run(number, Mode.TRAIN, reset_seed(seed, Mode.TRAIN, number))
        training.append(int(success))
        learner.add_episode(episode)
        learner.set_label(label(number, success))
        learner.update(learner.updates_pending)
        if learner.updates:
            decisions.set_weights(*learner.weights())
        if number + 1 - warm_up in EVALUATED_AT:
            yield number + 1 - warm_up


def label(episode: int, success: bool) -> Label:
    outcome = Outcome.SUCCESS if success else Outcome.FAILURE
    return Label(episode, outcome, float(success), "benchmark", 0)


def count(rollout: Rollout, mode: Mode, seed: int, resets: int) -> int:
    """Successes over the evaluation starts of a seed."""
    return sum(rollout.run(i, mode, reset_seed(seed, mode, i))[1] for i in range(resets))


def report(runs: list[Run]) -> None:
    """Median and worst over seeds, and every seed."""
    table = Table(title="greedy success [%] over fresh starts: median (worst) | each seed")
    for column in ("variant", "online episodes", "search by Q^A", "distilled actor alone"):
        table.add_column(column)
    for variant in dict.fromkeys(run.variant for run in runs):
        chosen = [run for run in runs if run.variant == variant]
        for online in chosen[0].search:
            cells = [
                summarise([100 * getattr(run, kind)[online] / run.resets for run in chosen])
                for kind in ("search", "actor")
            ]
            table.add_row(variant, str(online), *cells)
    console = Console(width=120)
    console.print(table)
    warm_up = Catalog.default().task(TASK).steering.warm_up_episodes
    for variant in ("task features", "raw inputs"):
        trained = [run.training for run in runs if run.variant == variant]
        if trained:
            base = np.mean([outcomes[:warm_up] for outcomes in trained])
            first = np.mean([outcomes[warm_up : warm_up + 10] for outcomes in trained])
            console.print(f"{variant}: first 10 online {first:.0%}, warm-up {base:.0%} (pooled)")
    console.print(PROTOTYPE, markup=False, highlight=False)


def summarise(rates: list[float]) -> str:
    each = " ".join(f"{rate:.0f}" for rate in rates)
    return f"{np.median(rates):.0f} ({min(rates):.0f}) | {each}"


if __name__ == "__main__":
    main()
