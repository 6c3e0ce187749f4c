"""Makes `franka_pick_flow` from nothing: demonstrations, training, measurement, card.

    python policies/franka_pick_flow/make.py            # everything, some two minutes on one core
    python policies/franka_pick_flow/make.py --measure  # only measure the weights that are here

Thirty scripted demonstrations pick the cube with a lateral error drawn once per demonstration and
a tremor; failures are kept. A flow-matching MLP learns chunks of four actions from them. The gate,
over 300 fresh resets: base success 25-45 %, zero noise at most 50 %, best of 64 noises by an oracle
that knows the simulator's truth at least 95 %.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from dsrl_core.catalog import Catalog
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.policies import load_policy
from dsrl_core.policies.flow_mlp import FlowNetwork, save, shape_of
from dsrl_core.rollout import Decider
from dsrl_core.seeding import reset_seed
from dsrl_core.specs import PolicySpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Decision, Episode, Float32Array, Mode, Observation
from dsrl_sim.assembly import make_rollout
from dsrl_sim.expert import UNTOUCHED_M, PickView, ScriptedExpert, draw_error
from dsrl_sim.oracle import OracleDecider

HERE = Path(__file__).parent
TASK = "franka_pick"
DEMONSTRATIONS = 30
CLOSED_M, LIFTED_M = 0.05, 0.212
"""Gripper width and tool height at which a demonstration is at its end."""
SEED = 4
"""Of the demonstrations and the training. Seed and error are one of some twenty pairs tried, on
other resets than those of the measurement, for a base rate in the middle of the gate."""
MEASUREMENT_SEED = 20261122
RESETS = 300
TRAINING_STEPS = 6000
BATCH = 256
LEARNING_RATE = 1e-3


ERROR_MEAN_M = (0.022, -0.018)
ERROR_SIGMA_M = 0.028
"""Of a demonstration's constant error in the gripper's frame; without the mean, zero noise would
already pick the cube."""
TREMOR_M = 0.005
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
        self._expert = ScriptedExpert(draw_error(generator, ERROR_MEAN_M, ERROR_SIGMA_M))

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
    up = np.cumsum([v.tool_position[2] > LIFTED_M and v.gripper_width < CLOSED_M for v in views])
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


def write_demonstrations(episodes: list[Episode], successes: list[bool]) -> None:
    """Store what the policy was trained on: steps of all demonstrations, and how each ended."""
    steps = [steps_of(episode) for episode in episodes]
    arrays = {
        "observations": np.concatenate([observations for observations, _ in steps]),
        "actions": np.concatenate([actions for _, actions in steps]),
        "lengths": np.array([len(actions) for _, actions in steps], dtype=np.int64),
        "successes": np.array(successes, dtype=np.int64),
    }
    save_file(arrays, HERE / "demonstrations.safetensors")


def measure(catalog: Catalog) -> dict[str, list[bool]]:
    """Successes of base, zero noise and oracle over the same fresh resets."""
    task = catalog.task(TASK)
    policy = load_policy(catalog.policy(HERE.name))
    deciders: dict[str, tuple[Mode, Decider]] = {
        "base, w ~ N(0, I)": (Mode.BASE, DecisionLoop(task, policy, MEASUREMENT_SEED)),
        "zero noise": (Mode.ZERO, DecisionLoop(task, policy, MEASUREMENT_SEED)),
        "oracle, best of 64 noises": (Mode.EVAL, OracleDecider(policy, MEASUREMENT_SEED)),
    }
    outcomes = {}
    for name, (mode, decider) in deciders.items():
        rollout = make_rollout(task, catalog, policy.spec, decider)
        seeds = [reset_seed(MEASUREMENT_SEED, mode, index) for index in range(RESETS)]
        outcomes[name] = [rollout.run(i, mode, seed)[1] for i, seed in enumerate(seeds)]
        print(name, sum(outcomes[name]), "of", RESETS, flush=True)
    return outcomes


def write_card(catalog: Catalog, outcomes: dict[str, list[bool]]) -> None:
    """The policy's card: how it was made, and its measured rates."""
    policy = catalog.policy(HERE.name)
    successes = load_file(HERE / "demonstrations.safetensors")["successes"]
    rows = []
    for name, results in outcomes.items():
        count = SuccessCount.of(sum(results), len(results))
        rows.append(
            f"| {name} | {count.successes} / {count.trials} "
            f"| {count.wilson_low:.1%} to {count.wilson_high:.1%} |"
        )
    card = (
        (HERE / "CARD.md.in")
        .read_text()
        .format(
            sha256=policy.weights_sha256,
            demonstrations=len(successes),
            picked=int(successes.sum()),
            tremor_mm=1000 * TREMOR_M,
            training_steps=TRAINING_STEPS,
            width=policy.architecture["width"],
            layers=policy.architecture["layers"],
            horizon=policy.horizon,
            denoising_steps=policy.denoising_steps,
            seed=SEED,
            measurement_seed=MEASUREMENT_SEED,
            rows="\n".join(rows),
        )
    )
    (HERE / "CARD.md").write_text(card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="only measure, and write the card")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    catalog = Catalog(policies=HERE.parent)
    if not arguments.measure:
        policy = catalog.policy(HERE.name)
        episodes, successes = demonstrate(catalog, policy)
        write_demonstrations(episodes, successes)
        write_policy(train(policy, *windows(episodes, policy.horizon)))
    write_card(catalog, measure(catalog))


if __name__ == "__main__":
    main()
