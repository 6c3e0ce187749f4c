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
from dsrl_core.types import (
    NANOSECONDS_PER_SECOND,
    Decision,
    Float32Array,
    Float64Array,
    Mode,
    Observation,
    Outcome,
)
from dsrl_sim.assembly import make_rollout
from dsrl_sim.expert import UNTOUCHED_M, PickView, approach_height

CANDIDATES: Final = 64

_CLOSES_BELOW_M: Final = 0.04
"""A narrower width in a chunk is a command to close."""
_GRASP_LATERAL_M: Final = 0.017
_GRASP_HEIGHT_M: Final = 0.015
"""Distances of the tool from the cube's centre within which closing nearly always grasps."""
_HEIGHT_WEIGHT: Final = 0.3
_YAW_WEIGHT_M_RAD: Final = 0.03


class OracleDecider:
    """`dsrl_core.rollout.Decider`: decodes N(0, I) noises and plays the truly best chunk.

    It knows where the cube is and what a grasp needs; the policy's weights are not touched. Its
    success is what perfect steering could reach, or nearly: it looks one chunk ahead.
    """

    def __init__(self, policy: PolicyBackend, run_seed: int, candidates: int = CANDIDATES) -> None:
        self._policy, self._run_seed, self._candidates = policy, run_seed, candidates

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        """The decision with the least cost among `candidates` noises."""
        spec = self._policy.spec
        generator = stream(self._run_seed, Purpose.ORACLE, episode_seed, sequence)
        noises = generator.standard_normal((self._candidates, *spec.noise_shape), np.float32)
        chunks = self._policy.decode(self._policy.encode(observation.values[None]), noises)
        best = int(chunk_costs(PickView.of(observation.values), chunks).argmin())
        noise, chunk = noises[best], chunks[best]
        return Decision(
            episode, sequence, observation, noise, noise, chunk, "oracle", seed=episode_seed
        )


def chunk_costs(view: PickView, chunks: Float32Array) -> Float64Array:
    """How far each of the chunks (n, horizon, 5) stays from a perfect pick, shape (n,).

    Open gripper: the distance, after the chunk, to the way of the error-free expert; a chunk that
    closes beats all others where it would grasp, and loses to all where it would not. Closed
    gripper: it is to stay closed and to rise.
    """
    displacements, turns, widths = chunks[:, :, :3], chunks[:, :, 3], chunks[:, :, 4]
    closes = widths < _CLOSES_BELOW_M
    if view.gripper_width < UNTOUCHED_M:
        return np.asarray((~closes).sum(axis=1) - displacements[:, :, 2].sum(axis=1))
    tool = view.tool_position + np.cumsum(displacements, axis=1)
    yaw = view.tool_yaw + np.cumsum(turns, axis=1)
    some_close = closes.any(axis=1)
    chosen = np.arange(len(chunks)), np.where(some_close, closes.argmax(axis=1), -1)
    error = tool[chosen] - view.object_position
    lateral = np.hypot(error[:, 0], error[:, 1])
    height = np.abs(error[:, 2] - approach_height(lateral))
    turned = np.abs(yaw[chosen] - view.object_yaw)
    grasps = (lateral < _GRASP_LATERAL_M) & (np.abs(error[:, 2]) < _GRASP_HEIGHT_M)
    closing = np.where(some_close, np.where(grasps, -1.0, 1.0), 0.0)
    return np.asarray(closing + lateral + _HEIGHT_WEIGHT * height + _YAW_WEIGHT_M_RAD * turned)


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
    policy = load_policy(catalog.policy(task.policy))
    try:
        decider = OracleDecider(policy, run_seed, candidates)
        rollout = make_rollout(task, catalog, policy.spec, decider)
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
