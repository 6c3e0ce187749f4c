"""A mediocre frozen policy for a locomotion environment, from nothing and for this machine only.

Random search is stopped half-way; controllers that it passed through, with noise on their actions,
are what a flow-matching policy of action chunks imitates.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
import yaml
from environment_behaviour import SEARCHES, Controller, play, search
from environment_rows import Row

from dsrl_core.environments import StepEnvironment
from dsrl_core.environments.specs import policy_of
from dsrl_core.errors import UnknownName
from dsrl_core.specs import PolicySpec
from dsrl_sim.policy_making import Demonstrations, Recipe, save_weights, train


@dataclass(frozen=True)
class Making:
    """How a policy is made; the defaults take some ten minutes on one core."""

    seed: int = 0
    iterations: int = 240
    """Steps of the search."""
    kept: tuple[float, float] = (0.2, 0.6)
    """Returns of the controllers that are imitated, as shares of the best one's."""
    controllers: int = 8
    """How many of them at most, spread evenly over the search."""
    episodes: int = 12
    """Of each."""
    action_noise: float = 0.1
    training_steps: int = 8000
    width: int = 128
    layers: int = 3


LOOK: Final = 5
"""Steps of the search between two looks at how good its controller is."""
TRIALS: Final = 3
"""Episodes of such a look."""


def make_policy(environment: StepEnvironment, row: Row, making: Making, folder: Path) -> PolicySpec:
    """Search, gather, imitate; the policy's folder is `folder / <name>`.

    Raises:
        UnknownName: there is no search for this environment.
    """
    controllers = mediocre(environment, making)
    trajectories = [
        play(environment, controller, seed, making.action_noise)
        for number, controller in enumerate(controllers)
        for seed in range(making.episodes * number, making.episodes * (number + 1))
    ]
    returns = [float(trajectory.rewards.sum()) for trajectory in trajectories]
    print(f"{len(returns)} episodes of behaviour, returns {np.percentile(returns, [10, 50, 90])}")
    behaviour = Demonstrations(
        [trajectory.observations for trajectory in trajectories],
        [trajectory.actions for trajectory in trajectories],
        [False] * len(trajectories),
    )
    seen = np.concatenate(behaviour.observations)
    policy = policy_of(
        environment, seen, row.horizon, row.denoising_steps, making.width, making.layers
    )
    policy = dataclasses.replace(policy, folder=folder / policy.name)
    write_policy(policy)
    behaviour.write(policy.folder / "behaviour.safetensors")
    # Of a recipe only the seed and the number of steps are read here: the behaviour is there.
    recipe = Recipe(
        environment.name,
        making.seed,
        len(trajectories),
        demonstrator=lambda _: lambda observation: observation,
        is_over=lambda _: False,
        training_steps=making.training_steps,
    )
    torch.set_num_threads(1)
    save_weights(train(recipe, policy, behaviour), policy)
    return policy


def mediocre(environment: StepEnvironment, making: Making) -> list[Controller]:
    """Controllers on the way whose return is neither nothing nor the best."""
    if environment.name not in SEARCHES:
        raise UnknownName("search for a behaviour in environment", environment.name, SEARCHES)
    found: list[tuple[float, Controller]] = []
    for step, controller in enumerate(search(environment, SEARCHES[environment.name], making.seed)):
        if step % LOOK == 0:
            trials = [play(environment, controller, seed) for seed in range(TRIALS)]
            value = float(np.mean([trial.rewards.sum() for trial in trials]))
            found.append((value, controller))
            print(f"search {step}: {value:.0f}", flush=True)
        if step >= making.iterations:
            break
    best = max(value for value, _ in found)
    low, high = (share * best for share in making.kept)
    chosen = [controller for value, controller in found if low <= value <= high]
    places = np.linspace(0, len(chosen) - 1, min(making.controllers, len(chosen)))
    return [chosen[round(place)] for place in places]


def write_policy(policy: PolicySpec) -> None:
    """The policy's file, as the catalog reads it."""
    policy.folder.mkdir(parents=True, exist_ok=True)
    content = dataclasses.asdict(policy)
    # Quoted, because it is looked for so when weights are saved.
    digest = f'weights_sha256: "{content.pop("weights_sha256")}"\n'
    del content["folder"]
    text = yaml.safe_dump(_plain(content), sort_keys=False, default_flow_style=None)
    (policy.folder / "policy.yaml").write_text(text + digest)


def _plain(value: object) -> object:
    """The value without tuples, which YAML does not have."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
