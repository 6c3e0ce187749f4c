"""A small policy and task on disk, for tests of steering and learning."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import Encoded
from dsrl_core.policies.native import NativePolicy, network_of
from dsrl_core.policies.weights import save
from dsrl_core.specs import PolicySpec, TaskSpec
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
    save(network_of(spec), str(spec.weights_path))
    digest = hashlib.sha256(spec.weights_path.read_bytes()).hexdigest()
    return replace(spec, weights_sha256=digest)


class CountingPolicy(NativePolicy):
    """The policy, and how many observations it encoded and noises it decoded."""

    encoded = decoded = 0

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        self.encoded += len(observations)
        return super().encode(observations, images)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        self.decoded += len(noises)
        return super().decode(encoded, noises)


def small_task(warm_up_episodes: int = 2) -> TaskSpec:
    """The shipped task with a short warm-up and a small search."""
    task = CATALOG.task("franka_pick")
    steering = replace(task.steering, warm_up_episodes=warm_up_episodes, candidates=8)
    return replace(task, steering=steering)


def small_learner(
    folder: Path, seed: int = 0, warm_up_episodes: int = 2, **steering: Any
) -> Learner:
    """A learner of the small task and policy, its steering changed by these."""
    task = small_task(warm_up_episodes)
    task = replace(task, steering=replace(task.steering, **steering))
    return Learner([LearnedTask(task, load_policy(small_policy(folder)))], seed)


def feed(learner: Learner, episode: Episode, success: bool | None = None) -> None:
    """Add an episode with its label; by default odd ones succeed."""
    success = episode.number % 2 == 1 if success is None else success
    learner.add_episode(episode)
    outcome = Outcome.SUCCESS if success else Outcome.FAILURE
    learner.set_label(Label(episode.number, outcome, float(success), "test", 0))


SMALL_NETWORKS = {
    "critics": 2,
    "critic_width": 16,
    "critic_layers": 2,
    "actor_width": 16,
    "actor_layers": 2,
}
SMALL_SETTINGS: dict[str, dict[str, Any]] = {
    "dsrl_na": {
        "sizes": SMALL_NETWORKS,
        "batch": 16,
        "memory": 8,
        "proposals": 4,
        "value_candidates": 4,
        "refresh_interval": 10,
    },
    "dsrl_sac": {"sizes": SMALL_NETWORKS, "batch": 16},
    "rlpd": {"sizes": SMALL_NETWORKS, "batch": 16},
}
"""Settings by algorithm under which an update takes a moment."""


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
