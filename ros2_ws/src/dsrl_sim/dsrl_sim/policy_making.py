"""Makes a deliberately imperfect frozen policy from nothing: what every `make.py` here shares.

Scripted demonstrations with errors, failures kept; windows of them as chunks; flow matching or
denoising; the gate (base, zero noise, oracle over fresh resets); the card. A policy's own `make.py`
says which expert errs how, and how much; its folder holds `policy.yaml`, whose hash is brought up
to date, and `CARD.md.in`.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from dsrl_core.catalog import Catalog
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.policies import load_policy
from dsrl_core.policies.native import decoding_network_of, sampler_of
from dsrl_core.policies.networks import Network
from dsrl_core.policies.weights import save
from dsrl_core.rollout import Decider
from dsrl_core.seeding import reset_seed
from dsrl_core.specs import PolicySpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Decision, Episode, Float32Array, Mode, Observation, UInt8Array
from dsrl_sim.assembly import make_rollout, with_truth
from dsrl_sim.oracle import OracleDecider

BATCH = 256
LEARNING_RATE = 1e-3
MEASUREMENT_SEED = 20261122
"""Of the resets of the gate, and of nothing else: policies are chosen on others."""
RESETS = 300


@dataclass(frozen=True)
class Recipe:
    """What one policy's making differs in from another's."""

    task: str
    seed: int
    """Of the demonstrations and the training."""
    demonstrations: int
    demonstrator: Callable[[np.random.Generator], Callable[[Float32Array], Float32Array]]
    """Draws one demonstration's errors; gives its action (action_dim,) for an observation."""
    is_over: Callable[[Float32Array], bool]
    """Whether an observation is one of a demonstration's idle end."""
    steps_after_end: int = 4
    """A demonstration is cut off so many actions after its end began."""
    training_steps: int = 6000


@dataclass(frozen=True)
class Demonstrator:
    """`dsrl_core.rollout.Decider` whose chunks are single actions."""

    action: Callable[[Float32Array], Float32Array]

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        chunk = self.action(observation.values)[None]
        return Decision(episode, sequence, observation, chunk, chunk, chunk, "expert")


@dataclass(frozen=True)
class Demonstrations:
    """Steps of every demonstration, idle ends cut off, and how it ended."""

    observations: list[Float32Array]
    """Each (n, observation_size)."""
    actions: list[Float32Array]
    """Each (n, action_dim)."""
    successes: list[bool]
    images: list[UInt8Array] = field(default_factory=list)
    """Each (n, cameras, height, width, 3); none of a policy without cameras. They are not written:
    the same seed draws them again."""

    def write(self, path: Path) -> None:
        """Store them as safetensors, one after another."""
        arrays = {
            "observations": np.concatenate(self.observations),
            "actions": np.concatenate(self.actions),
            "lengths": np.array([len(actions) for actions in self.actions], dtype=np.int64),
            "successes": np.array(self.successes, dtype=np.int64),
        }
        save_file(arrays, path)

    def windows(self, horizon: int) -> tuple[Float32Array, Float32Array]:
        """Observations (n, observation_size) and the chunks (n, horizon, action_dim) from there on.

        Chunks start at every step; the last action is held.
        """
        chunks = []
        for actions in self.actions:
            rows = np.arange(len(actions))[:, None] + np.arange(horizon)
            chunks.append(actions[np.minimum(rows, len(actions) - 1)])
        return np.concatenate(self.observations), np.concatenate(chunks)


def demonstrate(recipe: Recipe, catalog: Catalog, policy: PolicySpec) -> Demonstrations:
    """Episodes of single actions, from resets drawn with the errors."""
    generator = np.random.default_rng(recipe.seed)
    single, task = replace(policy, horizon=1), catalog.task(recipe.task)
    found = Demonstrations([], [], [])
    for number in range(recipe.demonstrations):
        expert = Demonstrator(recipe.demonstrator(generator))
        rollout = make_rollout(task, catalog, single, expert)
        episode, success = rollout.run(number, Mode.TRAIN, int(generator.integers(2**62)))
        decisions = _steps(recipe, episode)
        found.observations.append(np.stack([d.observation.values for d in decisions]))
        found.actions.append(np.stack([d.chunk[0] for d in decisions]))
        found.successes.append(success)
        if policy.cameras:
            images = [d.observation.images for d in decisions if d.observation.images is not None]
            found.images.append(np.stack(images))
    return found


def _steps(recipe: Recipe, episode: Episode) -> list[Decision]:
    """The decisions of a demonstration up to its end."""
    decisions = [step.decision for step in episode.steps[:-1]]
    over = np.cumsum([recipe.is_over(decision.observation.values) for decision in decisions])
    return decisions[: int(np.searchsorted(over, recipe.steps_after_end, side="right"))]


def train(recipe: Recipe, policy: PolicySpec, demonstrations: Demonstrations) -> Network:
    """The policy's network for its sampler: flow matching, or a diffusion's denoising."""
    rows, _ = policy.noise_shape
    observations, chunks = demonstrations.windows(rows)
    torch.manual_seed(recipe.seed)
    network, sampler = decoding_network_of(policy), sampler_of(policy)
    state = torch.from_numpy(observations)
    target = torch.from_numpy(chunks.reshape(len(chunks), -1))
    network.observation_mean.copy_(state.mean(0))
    network.observation_std.copy_(state.std(0).clamp_min(1e-3))
    network.chunk_mean.copy_(target.mean(0))
    network.chunk_std.copy_(target.std(0).clamp_min(1e-4))
    features = network.normalise(state)
    target = (target - network.chunk_mean) / network.chunk_std
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.training_steps)
    for _ in range(recipe.training_steps):
        picked = torch.randint(0, len(target), (BATCH,))
        noise = torch.randn(BATCH, target.shape[1])
        x, time, wanted = sampler.example(target[picked], noise)
        loss = ((network(x, time, features[picked]) - wanted) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def make(recipe: Recipe, folder: Path) -> None:
    """Demonstrations and weights into the policy's folder, and the weights' hash into its file."""
    catalog = Catalog(policies=folder.parent)
    policy = catalog.policy(folder.name)
    demonstrations = demonstrate(recipe, catalog, policy)
    demonstrations.write(folder / "demonstrations.safetensors")
    save_weights(train(recipe, policy, demonstrations), policy)


def save_weights(network: nn.Module, policy: PolicySpec) -> None:
    """Store the weights, and bring the hash in the policy's file up to date."""
    save(network, str(policy.weights_path))
    digest = hashlib.sha256(policy.weights_path.read_bytes()).hexdigest()
    path = policy.folder / "policy.yaml"
    path.write_text(re.sub(r'"[0-9a-f]{64}"', f'"{digest}"', path.read_text()))


def measure(recipe: Recipe, folder: Path, seed: int, resets: int) -> dict[str, SuccessCount]:
    """Successes of base, zero noise and oracle over the same fresh resets."""
    catalog = Catalog(policies=folder.parent)
    task, policy = catalog.task(recipe.task), load_policy(catalog.policy(folder.name))
    own, loop = policy.spec, DecisionLoop(task, policy, seed)
    oracle = OracleDecider(task, policy, seed)
    deciders: dict[str, tuple[Mode, PolicySpec, Decider]] = {
        "base, w ~ N(0, I)": (Mode.BASE, own, loop),
        "zero noise": (Mode.ZERO, own, loop),
        "oracle, best of 64 noises": (Mode.EVAL, with_truth(own), oracle),
    }
    counts = {}
    for name, (mode, seen, decider) in deciders.items():
        rollout = make_rollout(task, catalog, seen, decider)
        seeds = [reset_seed(seed, mode, index) for index in range(resets)]
        successes = sum(rollout.run(i, mode, start)[1] for i, start in enumerate(seeds))
        counts[name] = SuccessCount.of(successes, resets)
        sys.stdout.write(f"{name}: {successes} of {resets}\n")
        sys.stdout.flush()
    return counts


def write_card(
    recipe: Recipe, folder: Path, counts: dict[str, SuccessCount], **facts: object
) -> None:
    """The policy's card: `CARD.md.in` with how it was made, `facts`, and its measured rates."""
    policy = Catalog(policies=folder.parent).policy(folder.name)
    successes = load_file(folder / "demonstrations.safetensors")["successes"]
    rows = [
        f"| {name} | {count.successes} / {count.trials} "
        f"| {count.wilson_low:.1%} to {count.wilson_high:.1%} |"
        for name, count in counts.items()
    ]
    card = (folder / "CARD.md.in").read_text()
    filled = card.format(
        sha256=policy.weights_sha256,
        demonstrations=len(successes),
        succeeded=int(successes.sum()),
        training_steps=recipe.training_steps,
        width=policy.architecture["width"],
        layers=policy.architecture["layers"],
        horizon=policy.horizon,
        denoising_steps=policy.denoising_steps,
        seed=recipe.seed,
        measurement_seed=MEASUREMENT_SEED,
        rows="\n".join(rows),
        **facts,
    )
    (folder / "CARD.md").write_text(filled)


def run(recipe: Recipe, folder: Path, description: str, **facts: object) -> None:
    """Command line of a policy's `make.py`; `facts` are what its card names beside the recipe."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="only measure, and write the card")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.measure:
        make(recipe, folder)
    counts = measure(recipe, folder, MEASUREMENT_SEED, RESETS)
    write_card(recipe, folder, counts, **facts)
