"""How long a decision takes, against what a chunk gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dsrl_core.evaluation.statistics import Latency
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.decoding_time import time_decoding
from dsrl_core.specs import SteeringSpec
from dsrl_core.steering.noise_map import NoiseMap
from dsrl_core.steering.preflight.views import View


@dataclass(frozen=True)
class DecisionTime:
    """Percentiles [ms] of the policy's part of a decision."""

    encode: Latency
    decode_one: Latency
    decode_many: Latency
    candidates: int
    """Noises of `decode_many`."""
    decision: Latency
    """All of it as the task's search asks: one encoding, all candidates, all refinements."""
    chunk_ms: float
    """How long a chunk is played: what there is for a decision."""


def measure_decision_time(
    policy: PolicyBackend,
    steering: SteeringSpec,
    views: Sequence[View],
    generator: np.random.Generator,
    count: int,
    clock: Callable[[], float],
) -> DecisionTime:
    """`count` decisions; `clock` gives seconds."""
    spec, noise_map = policy.spec, NoiseMap(steering, policy.spec)
    many = noise_map.to_noise(noise_map.sample(generator, min(steering.candidates, spec.max_batch)))
    again = many[: steering.refinement_candidates]
    rounds = steering.refinements if steering.selection == "cem" else 0
    inputs = [(v.observation.values, v.observation.images) for v in views]
    took = time_decoding(policy, inputs, many, count, clock, [again] * rounds)
    parts = np.column_stack([took[:, :3], took[:, [0, 2, 3]].sum(axis=1)])
    columns = parts.T
    latencies = [Latency.of_seconds([float(value) for value in column]) for column in columns]
    one, two, three, four = (latency for latency in latencies if latency is not None)
    chunk_ms = 1e3 * spec.horizon * spec.action.period_s
    return DecisionTime(one, two, three, len(many), four, chunk_ms)
