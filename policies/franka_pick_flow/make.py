"""Makes `franka_pick_flow` from nothing: demonstrations, training, measurement, card.

    python policies/franka_pick_flow/make.py            # everything; about two minutes on one core
    python policies/franka_pick_flow/make.py --measure  # only measure the weights that are here

Thirty scripted demonstrations pick the cube with a lateral error drawn once per demonstration
(`dsrl_sim.expert.draw_error`); failures are kept. A flow-matching MLP learns chunks of four actions
from them. The gate, over 300 fresh resets: base success 25-45 %, zero noise at most 50 %, best of
64 noises by an oracle at least 95 %.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from dsrl_core.catalog import Catalog, read_spec
from dsrl_core.policies.flow_mlp import FlowNetwork, save, shape_of
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Decision, Episode, Float32Array, Mode, Observation
from dsrl_sim.assembly import make_rollout
from dsrl_sim.expert import PickView, ScriptedExpert, draw_error

HERE = Path(__file__).parent
TASK = "franka_pick"
DEMONSTRATIONS = 30
UNTOUCHED_M, GRASPED_M, LIFTED_M = 0.078, 0.05, 0.212
"""Gripper widths above and below which it is open and closed, and the tool's height at the end."""
SEED = 4
"""Of the demonstrations and the training; the measurement's resets have another."""
TRAINING_STEPS = 6000
BATCH = 256
LEARNING_RATE = 1e-3


TREMOR_M = 0.006
"""Standard deviation of the hand's lateral tremor per action while it approaches: it makes every
stage of the approach, and not only the first chunk, something that noise can change."""
STEADY_HEIGHT_M = 0.02
"""Below this height above the cube the hand is steady."""
STEPS_AFTER_LIFT = 4
"""A demonstration ends so many actions after the cube is up, or after the empty hand is."""


class ImperfectExpert:
    """`Decider` whose chunks are single actions of a scripted expert with a bias and a tremor."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._expert = ScriptedExpert(draw_error(generator))

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        action = self._expert.action(observation.values)
        view = PickView.of(observation.values)
        height = view.tool_position[2] - view.object_position[2]
        if height > STEADY_HEIGHT_M and view.gripper_width > UNTOUCHED_M:
            action[:2] += TREMOR_M * self._generator.normal(size=2)
        chunk = action[None]
        return Decision(episode, sequence, observation, chunk, chunk, chunk, "expert")


def demonstrate(catalog: Catalog, policy: PolicySpec) -> tuple[list[Episode], list[bool]]:
    """Thirty episodes of single actions, and which of them picked the cube."""
    generator = np.random.default_rng(SEED)
    single = replace(policy, horizon=1)
    episodes, successes = [], []
    for number in range(DEMONSTRATIONS):
        rollout = make_rollout(catalog.task(TASK), catalog, single, ImperfectExpert(generator))
        episode, success = rollout.run(number, Mode.TRAIN, int(generator.integers(2**62)))
        episodes.append(episode)
        successes.append(success)
    return episodes, successes


def steps_of(episode: Episode) -> tuple[Float32Array, Float32Array]:
    """Observations (n, 9) and actions (n, 5) of a demonstration, its idle end cut off."""
    decisions = [step.decision for step in episode.steps[:-1]]
    observations = np.stack([decision.observation.values for decision in decisions])
    views = [PickView.of(values) for values in observations]
    up = np.cumsum([v.tool_position[2] > LIFTED_M and v.gripper_width < GRASPED_M for v in views])
    count = int(np.searchsorted(up, STEPS_AFTER_LIFT, side="right"))
    return observations[:count], np.stack([d.chunk[0] for d in decisions[:count]])


def windows(episodes: list[Episode], horizon: int) -> tuple[Float32Array, Float32Array]:
    """Observations (n, 9) and chunks (n, horizon, 5) that start at every step; ends are held."""
    observations, chunks = [], []
    for episode in episodes:
        states, actions = steps_of(episode)
        rows = np.minimum(np.arange(len(actions))[:, None] + np.arange(horizon), len(actions) - 1)
        observations.append(states)
        chunks.append(actions[rows])
    return np.concatenate(observations), np.concatenate(chunks)


def train(policy: PolicySpec, observations: Float32Array, chunks: Float32Array) -> FlowNetwork:
    """Flow matching on straight paths (Lipman et al. 2023)."""
    torch.manual_seed(SEED)
    network = FlowNetwork(shape_of(policy))
    state = torch.from_numpy(observations)
    target = torch.from_numpy(chunks.reshape(len(chunks), -1))
    network.observation_mean.copy_(state.mean(0))
    network.observation_std.copy_(state.std(0).clamp_min(1e-3))
    network.chunk_mean.copy_(target.mean(0))
    network.chunk_std.copy_(target.std(0).clamp_min(1e-4))
    features = network.normalise(state)
    target = (target - network.chunk_mean) / network.chunk_std
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, TRAINING_STEPS)
    for _ in range(TRAINING_STEPS):
        rows = torch.randint(0, len(target), (BATCH,))
        noise, time = torch.randn(BATCH, target.shape[1]), torch.rand(BATCH, 1)
        x = (1 - time) * noise + time * target[rows]
        wanted = target[rows] - noise
        loss = ((network.velocity(x, time, features[rows]) - wanted) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def write_policy(network: FlowNetwork) -> None:
    """Store the weights and pin their hash in the policy file."""
    save(network, str(HERE / "weights.safetensors"))
    digest = hashlib.sha256((HERE / "weights.safetensors").read_bytes()).hexdigest()
    path = HERE / "policy.yaml"
    path.write_text(re.sub(r'"[0-9a-f]{64}"', f'"{digest}"', path.read_text()))


def main() -> None:
    torch.set_num_threads(1)
    catalog = Catalog(policies=HERE.parent)
    policy = catalog.policy(HERE.name)
    episodes, successes = demonstrate(catalog, policy)
    network = train(policy, *windows(episodes, policy.horizon))
    write_policy(network)
    print(sum(successes), len(successes))


if __name__ == "__main__":
    main()
