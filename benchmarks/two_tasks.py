"""One learner for two tasks: picking the cube, and placing it in a bowl.

    ./dsrl bench two_tasks

Episodes of `franka_pick` and `franka_place` take turns, each with its own frozen policy; one set of
critics and one actor learn from both, told apart by a column per task. Beside it: the same number
of episodes per task with a learner each.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import TASK_KEY, LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.rollout import Rollout
from dsrl_core.seeding import reset_seed
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Label, Mode, Outcome
from dsrl_sim.assembly import make_rollout
from dsrl_sim.online_run import count

TASKS = ("franka_pick", "franka_place")
EPISODES = 30
"""Per task, with the warm-up."""
RESULTS = Path(__file__).parent / "results" / "two_tasks.json"


@dataclass
class Result:
    """Greedy successes by task after the last episode."""

    seed: int
    shared: bool
    resets: int
    greedy: dict[str, int] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--resets", type=int, default=100, help="fresh starts per figure")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    jobs = [(seed, shared, asked.resets) for shared in (True, False) for seed in asked.seeds]
    with ProcessPoolExecutor(asked.workers) as pool:
        results = list(pool.map(learn, *zip(*jobs, strict=True)))
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    table = Table(title=f"greedy success [%] after {EPISODES} episodes per task: median (worst)")
    for column in ("learner", *TASKS):
        table.add_column(column)
    for shared, name in ((True, "one for both"), (False, "one each")):
        cells = []
        for task in TASKS:
            rates = [100 * r.greedy[task] / r.resets for r in results if r.shared is shared]
            each = " ".join(f"{rate:.0f}" for rate in rates)
            cells.append(f"{np.median(rates):.0f} ({min(rates):.0f}) | {each}")
        table.add_row(name, *cells)
    Console(width=120).print(table)


@dataclass(frozen=True)
class _Cell:
    """One task's loop, and the learner that it feeds."""

    name: str
    loop: DecisionLoop
    rollout: Rollout
    learner: Learner


def learn(seed: int, shared: bool, resets: int) -> Result:
    """Episodes of both tasks in turn, into one learner or into one each."""
    torch.set_num_threads(1)
    cells = _cells(seed, shared)
    for number in range(EPISODES):
        for cell in cells:
            start = reset_seed(seed, Mode.TRAIN, number)
            episode, success = cell.rollout.run(number, Mode.TRAIN, start)
            cell.learner.add_episode(replace(episode, metadata={TASK_KEY: cell.name}))
            outcome = Outcome.SUCCESS if success else Outcome.FAILURE
            label = Label(number, outcome, float(success), "benchmark", 0)
            cell.learner.set_label(label, cell.name)
        for cell in cells:
            cell.learner.update(cell.learner.updates_pending)
            if cell.learner.updates:
                cell.loop.set_weights(*cell.learner.weights())
    greedy = {cell.name: count(cell.rollout, Mode.EVAL, seed, resets) for cell in cells}
    return Result(seed, shared, resets, greedy)


def _cells(seed: int, shared: bool) -> list[_Cell]:
    catalog = Catalog.default()
    tasks = [catalog.task(name) for name in TASKS]
    learned = [LearnedTask(t, load_policy(catalog.policy(t.policy))) for t in tasks]
    both = Learner(learned, seed)
    cells = []
    for each in learned:
        loop = DecisionLoop(each.task, each.policy, seed)
        rollout = make_rollout(each.task, catalog, each.policy.spec, loop)
        learner = both if shared else Learner([each], seed)
        cells.append(_Cell(each.task.name, loop, rollout, learner))
    return cells


if __name__ == "__main__":
    main()
