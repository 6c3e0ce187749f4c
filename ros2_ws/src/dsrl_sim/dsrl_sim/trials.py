"""Trials for the steerability preflight, in simulation: labelled episodes with told noises.

    python -m dsrl_sim.trials --task franka_pick --resets 6 --draws 4 --replays 1 --out FOLDER

The folder is one of a run: episodes and a label ledger, labelled by the simulator. Called again, it
adds to what is there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from dsrl_core.catalog import Catalog
from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LabelLedger
from dsrl_core.errors import DsrlError
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.seeding import reset_seed
from dsrl_core.specs import TaskSpec
from dsrl_core.steering.preflight.noise_kinds import BASE, NoiseKind
from dsrl_core.steering.preflight.trials import DRAW_KEY, NOISE_KEY, TrialDecider
from dsrl_core.types import Episode, Label, Mode, Outcome
from dsrl_sim.assembly import make_rollout

_AUTHOR = "simulator"


def simulate_trials(
    task: TaskSpec,
    catalog: Catalog,
    policy: PolicyBackend,
    run_seed: int,
    resets: int,
    draws: int,
    replays: int = 0,
    kind: NoiseKind = BASE,
    is_held: bool = False,
    first_number: int = 0,
) -> Iterator[tuple[Episode, bool]]:
    """`draws` episodes at each of `resets` resets, the first `replays` of them played again."""
    decider = TrialDecider(policy, task.steering, run_seed, kind, is_held)
    rollout = make_rollout(task, catalog, policy.spec, decider)
    number = first_number
    for reset in range(resets):
        seed = reset_seed(run_seed, Mode.BASE, reset)
        for draw in (*range(draws), *range(replays)):
            decider.draw = draw
            episode, success = rollout.run(number, Mode.BASE, seed)
            told = {NOISE_KEY: decider.noise, DRAW_KEY: str(draw)}
            yield replace(episode, metadata=episode.metadata | told), success
            number += 1


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module."""
    parser = argparse.ArgumentParser(prog="python -m dsrl_sim.trials", description=__doc__)
    parser.add_argument("--task", default="franka_pick")
    parser.add_argument("--policy", default="", help="[default: the task's]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resets", type=int, default=6)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--replays", type=int, default=0)
    parser.add_argument("--shape", choices=("full", "repeated", "knots"), default="")
    parser.add_argument("--knots", type=int, default=2)
    parser.add_argument("--bound", type=float, default=2.5, help="of a shape")
    parser.add_argument("--held", action="store_true", help="one noise for a whole episode")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    kind = BASE
    if asked.shape:
        kind = NoiseKind(asked.shape, asked.bound, knots=asked.knots)
    try:
        catalog = Catalog.default()
        task = catalog.task(asked.task)
        policy = load_policy(catalog.policy_of(task, asked.policy))
        store = EpisodeStore(asked.out / EPISODES)
        with LabelLedger(asked.out / LEDGER) as ledger:
            trials = simulate_trials(
                task,
                catalog,
                policy,
                asked.seed,
                asked.resets,
                asked.draws,
                asked.replays,
                kind,
                asked.held,
                store.next_number(),
            )
            for episode, success in trials:
                store.write(episode)
                ledger.append(_label(episode, success))
                sys.stdout.write(".")
                sys.stdout.flush()
    except DsrlError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _label(episode: Episode, success: bool) -> Label:
    outcome = Outcome.SUCCESS if success else Outcome.FAILURE
    stamp_ns = episode.steps[-1].decision.observation.stamp_ns
    return Label(episode.number, outcome, float(success), _AUTHOR, stamp_ns)


if __name__ == "__main__":
    sys.exit(main())
