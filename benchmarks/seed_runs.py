"""One seed of one variant: learn online, stop at some points, count successes over fresh starts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from demonstrations import demonstration_episodes
from variants import VARIANTS, Variant

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.rollout import Rollout
from dsrl_core.seeding import reset_seed
from dsrl_core.specs import PolicySpec, TaskSpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Episode, Label, Mode, Outcome
from dsrl_sim.assembly import make_rollout
from dsrl_sim.corrections import CorrectedDecider

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
            teach(learner, episode, success, PRIOR_NUMBERS)
    learners = _learn(learner, loop, rollout, chosen, task, policy.spec, run, points)
    for online in learners:
        run.greedy[str(online)] = count(rollout, Mode.EVAL, seed, resets)
        if online == max(points) or not chosen.online:
            run.actor[str(online)] = count(rollout, Mode.ACTOR, seed, resets)
    run.updates, run.wall_s = learner.updates, time.monotonic() - began
    return run


def _learn(
    learner: Learner,
    loop: DecisionLoop,
    rollout: Rollout,
    variant: Variant,
    task: TaskSpec,
    policy: PolicySpec,
    run: Run,
    points: Sequence[int],
) -> Iterator[int]:
    """Episode by episode as the graph does it; yields where an evaluation is due."""
    trained = rollout
    if variant.corrections:
        trained = make_rollout(task, Catalog.default(), policy, CorrectedDecider(loop, policy))
    number = 0
    while True:
        began = time.monotonic()
        learner.update(learner.updates_pending)
        run.update_s += time.monotonic() - began
        if learner.updates:
            loop.set_weights(*learner.weights())
        online = number - run.warm_up
        if online in points or not variant.online:
            yield max(0, online)
        if online >= max(points) or not variant.online:
            return
        episode, success = trained.run(number, Mode.TRAIN, reset_seed(run.seed, Mode.TRAIN, number))
        run.training.append(int(success))
        teach(learner, episode, success)
        number += 1


def teach(learner: Learner, episode: Episode, success: bool, offset: int = 0) -> None:
    """Give a learner an episode with its label, numbered `offset` higher."""
    if offset:
        episode = Episode(
            episode.number + offset, episode.mode, episode.seed, episode.steps, episode.end_reason
        )
    learner.add_episode(episode)
    outcome = Outcome.SUCCESS if success else Outcome.FAILURE
    learner.set_label(Label(episode.number, outcome, float(success), "benchmark", 0))


def count(rollout: Rollout, mode: Mode, seed: int, resets: int) -> int:
    """Successes over the evaluation starts of a seed."""
    return sum(rollout.run(i, mode, reset_seed(seed, mode, i))[1] for i in range(resets))
