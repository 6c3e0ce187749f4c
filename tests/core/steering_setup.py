"""A small policy and task on disk, for tests of steering and learning."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dsrl_core.catalog import Catalog
from dsrl_core.policies.flow_mlp import FlowNetwork, save, shape_of
from dsrl_core.specs import PolicySpec, TaskSpec
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Mode,
    Observation,
    final_decision,
)

POLICIES = Path(__file__).parents[2] / "policies"
CATALOG = Catalog(policies=POLICIES)


def small_policy(folder: Path, seed: int = 0) -> PolicySpec:
    """The shipped policy's file with small random weights in `folder`."""
    torch.manual_seed(seed)
    spec = replace(
        CATALOG.policy("franka_pick_flow"),
        folder=folder,
        architecture={"width": 16, "layers": 2},
        denoising_steps=2,
    )
    save(FlowNetwork(shape_of(spec)), str(spec.weights_path))
    digest = hashlib.sha256(spec.weights_path.read_bytes()).hexdigest()
    return replace(spec, weights_sha256=digest)


def small_task(warm_up_episodes: int = 2) -> TaskSpec:
    """The shipped task with a short warm-up and a small search."""
    task = CATALOG.task("franka_pick")
    steering = replace(task.steering, warm_up_episodes=warm_up_episodes, candidates=8)
    return replace(task, steering=steering)


def random_episode(
    number: int, decisions: int = 3, end_reason: str = "ended", mode: Mode = Mode.TRAIN
) -> Episode:
    """An episode of random observations and chunks, its last chunk half executed."""
    generator = np.random.default_rng(number)

    def draw(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape, dtype=np.float32)

    steps = []
    for sequence in range(decisions):
        noise, observation = draw(4, 5), Observation(sequence, 0.1 * draw(9))
        decision = Decision(number, sequence, observation, noise, noise, 0.01 * draw(4, 5), "base")
        steps.append(DecisionStep(decision, 4 if sequence < decisions - 1 else 2))
    last = final_decision(number, decisions, Observation(decisions, 0.1 * draw(9)))
    steps.append(DecisionStep(last, 0))
    return Episode(number, mode, number, tuple(steps), end_reason)
