"""One run in this process: learn online, stop at some points, count successes over fresh starts.

What a sweep runs for each of its cells, and what the benchmarks of learning are made of. The seed
decides everything but the times.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.rollout import Rollout
from dsrl_core.seeding import reset_seed
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.sweeps.plan import Cell
from dsrl_core.sweeps.results import Outcome
from dsrl_core.types import Episode, Label, Mode
from dsrl_core.types import Outcome as Said
from dsrl_sim.assembly import make_rollout

_AUTHOR = "simulator"


@dataclass
class OnlineLearning:
    """A learner, and the rollouts that it learns from, one episode after the other."""

    learner: Learner
    loop: DecisionLoop
    trained: Rollout
    seed: int
    warm_up: int
    outcomes: list[int] = field(default_factory=list)
    """Of the training episodes, in order, the warm-up first."""
    update_s: float = 0.0

    def until(self, points: Sequence[int]) -> Iterator[int]:
        """Episode by episode, as the graph does it; yields each of `points` when so many online
        episodes have been learned from."""
        while True:
            began = time.monotonic()
            self.learner.update(self.learner.updates_pending)
            self.update_s += time.monotonic() - began
            if self.learner.updates:
                self.loop.set_weights(*self.learner.weights())
            number = len(self.outcomes)
            online = number - self.warm_up
            if online in points:
                yield online
            if online >= max(points):
                return
            seed = reset_seed(self.seed, Mode.TRAIN, number)
            episode, success = self.trained.run(number, Mode.TRAIN, seed)
            self.outcomes.append(int(success))
            teach(self.learner, episode, success)


def teach(learner: Learner, episode: Episode, success: bool) -> None:
    """Give a learner an episode with its label."""
    learner.add_episode(episode)
    outcome = Said.SUCCESS if success else Said.FAILURE
    learner.set_label(Label(episode.number, outcome, float(success), _AUTHOR, 0))


def count(rollout: Rollout, mode: Mode, seed: int, resets: int) -> int:
    """Successes over the evaluation starts of a seed."""
    return sum(rollout.run(i, mode, reset_seed(seed, mode, i))[1] for i in range(resets))


def measure(cell: Cell) -> dict[str, Any]:
    """The figures of one run of a sweep, as `dsrl_core.sweeps.results.Outcome` has them.

    Raises:
        DsrlError: a task, policy or setting does not exist or does not hold.
    """
    torch.set_num_threads(1)
    began = time.monotonic()
    catalog = Catalog.default()
    task = cell.of_task(catalog.task(cell.task))
    policy = load_policy(catalog.policy_of(task, cell.policy))
    learner = Learner([LearnedTask(task, policy)], cell.seed)
    loop = DecisionLoop(task, policy, cell.seed)
    rollout = make_rollout(task, catalog, policy.spec, loop)
    learning = OnlineLearning(learner, loop, rollout, cell.seed, task.steering.warm_up_episodes)
    greedy, actor = {}, {}
    for online in learning.until(cell.points):
        greedy[str(online)] = count(rollout, Mode.EVAL, cell.seed, cell.resets)
        if online == max(cell.points):
            actor[str(online)] = count(rollout, Mode.ACTOR, cell.seed, cell.resets)
    took_s = time.monotonic() - began
    return asdict(Outcome(greedy, actor, learning.outcomes, learner.updates, took_s))
