"""One seed: the frozen policy's return, then steering online, measured now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from environment_rows import Row

from dsrl_core.environments import ChunkedRollout, StepEnvironment, label_of
from dsrl_core.environments.chunked_rollout import return_of, steps_of
from dsrl_core.environments.specs import task_of
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.seeding import reset_seed
from dsrl_core.specs import SteeringSpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Mode


@dataclass
class Point:
    """What a measurement gave, and when."""

    decisions: int
    """Of all training episodes so far, the warm-up among them."""
    steps: int
    """Actions that were played in them."""
    episodes: int
    updates: int
    returns: list[float]
    lengths: list[int]
    successes: int
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass
class Run:
    """What one seed gave."""

    environment: str
    algorithm: str
    preset: str
    settings: dict[str, Any]
    seed: int
    policy_sha256: str
    base: Point
    zero: Point
    curve: list[Point] = field(default_factory=list)
    wall_s: float = 0.0
    update_s: float = 0.0
    policy_unchanged: bool = False
    row: dict[str, Any] = field(default_factory=dict)
    """Of the table, as it was used."""


@dataclass(frozen=True)
class Length:
    """How long a run is, and how closely it is watched."""

    decisions: int
    """Training decisions in all."""
    every: int
    """Decisions between two measurements."""
    resets: int
    """Episodes of a measurement."""
    final_resets: int
    """Episodes of the base policy's measurement and of the last one."""


def measure_run(
    environment: StepEnvironment,
    policy: PolicyBackend,
    row: Row,
    steering: SteeringSpec,
    seed: int,
    length: Length,
) -> Iterator[Run]:
    """Learn and evaluate; the seed decides everything but the times.

    Gives the run as far as it is after every measurement. Measurements are greedy (the paper's draw
    from the actor), all from the same starts.
    """
    torch.set_num_threads(1)
    began, digest = time.monotonic(), policy.digest()
    task = task_of(environment, policy.spec, steering, row.discount)
    learner = Learner([LearnedTask(task, policy)], seed)
    loop = DecisionLoop(task, policy, seed)
    rollout = ChunkedRollout(environment, loop, policy.spec.observation_steps)
    done = Point(0, 0, 0, 0, [], [], 0)

    def measured(mode: Mode, resets: int, metrics: dict[str, float]) -> Point:
        runs = [rollout.run(i, mode, reset_seed(seed, mode, i)) for i in range(resets)]
        return Point(
            done.decisions,
            done.steps,
            done.episodes,
            learner.updates,
            [round(return_of(episode), 2) for episode, _ in runs],
            [steps_of(episode) for episode, _ in runs],
            sum(success for _, success in runs),
            {name: round(value, 4) for name, value in metrics.items()},
        )

    run = Run(
        environment.name,
        steering.algorithm,
        steering.preset,
        steering.settings,
        seed,
        policy.spec.weights_sha256,
        base=measured(Mode.BASE, length.final_resets, {}),
        zero=measured(Mode.ZERO, length.resets, {}),
        row=asdict(row),
    )
    told(run.base, "base")
    told(run.zero, "zero noise")
    due = row.warm_up + length.every
    metrics: dict[str, float] = {}
    while done.decisions < length.decisions:
        number = done.episodes
        seed_of_reset = reset_seed(seed, Mode.TRAIN, number)
        episode, success = rollout.run(number, Mode.TRAIN, seed_of_reset)
        learner.add_episode(episode)
        learner.set_label(label_of(episode, success))
        done.episodes += 1
        done.decisions += len(episode.steps) - 1
        done.steps += steps_of(episode)
        learner.owe(updates_owed(row, done.decisions))
        started = time.monotonic()
        metrics = learner.update(learner.updates_pending) or metrics
        run.update_s += time.monotonic() - started
        if learner.updates:
            loop.set_weights(*learner.weights())
        if done.decisions >= min(due, length.decisions):
            due = done.decisions + length.every
            is_last = done.decisions >= length.decisions
            resets = length.final_resets if is_last else length.resets
            run.curve.append(measured(Mode.EVAL, resets, metrics))
            told(run.curve[-1], "steered")
            run.wall_s = time.monotonic() - began
            run.policy_unchanged = policy.digest() == digest
            yield run


def updates_owed(row: Row, decisions: int) -> int:
    """Rounds of updates that so many decisions are worth, as the row says."""
    return max(0, decisions - row.warm_up) * row.updates // row.per_decisions


def told(point: Point, name: str) -> None:
    print(
        f"{name}: return {np.mean(point.returns):.0f} +- {np.std(point.returns):.0f}, length "
        f"{np.mean(point.lengths):.0f}, after {point.decisions} decisions, {point.steps} steps, "
        f"{point.updates} updates {point.metrics}",
        flush=True,
    )
