"""The demonstrations that a frozen policy was trained on, as labelled episodes of chunks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from safetensors.numpy import load_file

from dsrl_core.specs import PolicySpec
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Float32Array,
    Mode,
    Observation,
    final_decision,
)


def demonstration_episodes(policy: PolicySpec) -> Iterator[tuple[Episode, bool]]:
    """Every demonstration once per offset within a chunk: chunks may begin at any step.

    They hold no noise: it is unknown which would have given a demonstration.
    """
    stored = load_file(policy.folder / "demonstrations.safetensors")
    ends = np.cumsum(stored["lengths"])
    number = 0
    for end, length, success in zip(ends, stored["lengths"], stored["successes"], strict=True):
        rows = slice(int(end - length), int(end))
        observations, actions = stored["observations"][rows], stored["actions"][rows]
        for offset in range(policy.horizon):
            steps = tuple(_steps(number, observations[offset:], actions[offset:], policy.horizon))
            reason = "ended" if success else "deadline"
            yield Episode(number, Mode.TRAIN, 0, steps, reason), bool(success)
            number += 1


def _steps(
    number: int, observations: Float32Array, actions: Float32Array, horizon: int
) -> Iterator[DecisionStep]:
    unknown = np.zeros((0, 0), dtype=np.float32)
    whole = (len(actions) - 1) // horizon
    for sequence in range(whole):
        row = sequence * horizon
        observation = Observation(0, observations[row])
        chunk = actions[row : row + horizon]
        decision = Decision(number, sequence, observation, unknown, unknown, chunk, "demonstration")
        yield DecisionStep(decision, horizon)
    last = Observation(0, observations[whole * horizon])
    yield DecisionStep(final_decision(number, whole, last), 0)
