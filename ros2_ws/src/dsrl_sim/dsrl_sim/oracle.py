"""Is a frozen policy steerable at all? Best of many noises, chosen by the simulator's truth.

    python -m dsrl_sim.oracle --task franka_pick --seed 0 --count 100

One line of JSON per episode on stdout: {"index": 0, "outcome": "success", "sim_s": 2.3}.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.catalog import Catalog
from dsrl_core.errors import DsrlError
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.seeding import Purpose, reset_seed, stream
from dsrl_core.specs import TaskSpec
from dsrl_core.types import (
    NANOSECONDS_PER_SECOND,
    Decision,
    Mode,
    Observation,
    Outcome,
)
from dsrl_sim.assembly import make_rollout, with_truth
from dsrl_sim.chunk_costs import COSTS

CANDIDATES: Final = 64


class OracleDecider:
    """`dsrl_core.rollout.Decider`: decodes N(0, I) noises and plays the truly best chunk.

    It knows where things are and what a grasp or a release needs; the policy's weights are not
    touched. Its success is what perfect steering could reach, or nearly: it looks one chunk ahead.
    """

    def __init__(
        self, task: TaskSpec, policy: PolicyBackend, run_seed: int, candidates: int = CANDIDATES
    ) -> None:
        self._policy, self._run_seed, self._candidates = policy, run_seed, candidates
        self._costs = COSTS[task.scene.kind]

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        """The decision with the least cost among `candidates` noises.

        `observation` is one of `assembly.with_truth`; the policy is shown its own part of it.
        """
        spec = self._policy.spec
        generator = stream(self._run_seed, Purpose.ORACLE, episode_seed, sequence)
        noises = generator.standard_normal((self._candidates, *spec.noise_shape), np.float32)
        # Each of the moments that it sees has the truth behind it.
        moments = observation.values.reshape(spec.observation_steps, -1)
        seen, images = moments[:, : spec.step_size].ravel(), observation.images
        encoded = self._policy.encode(seen[None], None if images is None else images[None])
        chunks = self._policy.decode(encoded, noises)
        best = int(self._costs(observation.values, chunks).argmin())
        noise, chunk = noises[best], chunks[best]
        return Decision(
            episode, sequence, observation, noise, noise, chunk, "oracle", seed=episode_seed
        )


@dataclass(frozen=True)
class OracleResult:
    """One episode of the oracle."""

    index: int
    outcome: Outcome
    sim_s: float


def measure(
    task_name: str,
    run_seed: int,
    first_index: int,
    count: int,
    candidates: int = CANDIDATES,
    catalog: Catalog | None = None,
) -> Iterator[OracleResult]:
    """Episodes over the evaluation resets, the same that base and steered runs face.

    Raises:
        DsrlError: the task or its policy is unknown or not valid.
    """
    catalog = catalog or Catalog.default()
    task = catalog.task(task_name)
    policy = load_policy(catalog.policy_of(task))
    try:
        decider = OracleDecider(task, policy, run_seed, candidates)
        rollout = make_rollout(task, catalog, with_truth(policy.spec), decider)
        for index in range(first_index, first_index + count):
            episode, success = rollout.run(index, Mode.EVAL, reset_seed(run_seed, Mode.EVAL, index))
            stamps = [step.decision.observation.stamp_ns for step in episode.steps]
            sim_s = (stamps[-1] - stamps[0]) / NANOSECONDS_PER_SECOND
            yield OracleResult(index, Outcome.SUCCESS if success else Outcome.FAILURE, sim_s)
    finally:
        policy.close()


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module."""
    parser = argparse.ArgumentParser(prog="python -m dsrl_sim.oracle", description=__doc__)
    parser.add_argument("--task", default="franka_pick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first-index", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    asked = parser.parse_args(arguments)
    try:
        for result in measure(
            asked.task, asked.seed, asked.first_index, asked.count, asked.candidates
        ):
            line = {"index": result.index, "outcome": result.outcome, "sim_s": result.sim_s}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
    except DsrlError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
