"""One seed of one variant: learn online, stop at some points, count successes over fresh starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from demonstrations import demonstration_episodes
from variants import VARIANTS

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Mode
from dsrl_sim.assembly import make_rollout
from dsrl_sim.corrections import CorrectedDecider
from dsrl_sim.online_run import OnlineLearning, count, teach

PRIOR_NUMBERS = 1_000_000
"""Demonstrations are numbered from here, so that online episodes begin at 0."""


@dataclass
class Run:
    """What one seed of one variant gave; successes by number of online episodes."""

    task: str
    variant: str
    seed: int
    resets: int
    warm_up: int
    training: list[int] = field(default_factory=list)
    """Outcomes in order, the warm-up first."""
    greedy: dict[str, int] = field(default_factory=dict)
    actor: dict[str, int] = field(default_factory=dict)
    """The distilled actor alone, at the last point."""
    updates: int = 0
    update_s: float = 0.0
    wall_s: float = 0.0


def measure(task_name: str, variant: str, seed: int, resets: int, points: Sequence[int]) -> Run:
    """Learn and evaluate; the seed decides everything but the times."""
    torch.set_num_threads(1)
    began = time.monotonic()
    catalog, chosen = Catalog.default(), VARIANTS[variant]
    task = catalog.task(task_name)
    spec = catalog.policy(task.policy)
    if chosen.raw:
        # This policy's encoding is its normalised observation; critics are to see it.
        spec = replace(spec, features_size=spec.observation_size)
    policy = load_policy(spec)
    task = chosen.of(task)
    learner = Learner([LearnedTask(task, policy)], seed)
    loop = DecisionLoop(task, policy, seed)
    rollout = make_rollout(task, catalog, policy.spec, loop)
    run = Run(task_name, variant, seed, resets, task.steering.warm_up_episodes)
    if chosen.demonstrations:
        for episode, success in demonstration_episodes(policy.spec):
            teach(learner, replace(episode, number=PRIOR_NUMBERS + episode.number), success)
    trained = rollout
    if chosen.corrections:
        trained = make_rollout(task, catalog, policy.spec, CorrectedDecider(loop, policy.spec))
    learning = OnlineLearning(learner, loop, trained, seed, run.warm_up, run.training)
    # What learns offline has learned all before its first episode.
    asked = points if chosen.online else [-run.warm_up]
    for online in learning.until(asked):
        run.greedy[str(max(0, online))] = count(rollout, Mode.EVAL, seed, resets)
        if online == max(asked):
            run.actor[str(max(0, online))] = count(rollout, Mode.ACTOR, seed, resets)
    run.updates, run.update_s = learner.updates, learning.update_s
    run.wall_s = time.monotonic() - began
    return run
