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
    """Every demonstration, with what was seen at every action, and whether it succeeded.

    They hold no noise: it is unknown which would have given a demonstration.
    """
    stored = load_file(policy.folder / "demonstrations.safetensors")
    ends = np.cumsum(stored["lengths"])
    for number, (end, length, success) in enumerate(
        zip(ends, stored["lengths"], stored["successes"], strict=True)
    ):
        rows = slice(int(end - length), int(end))
        observations, actions = stored["observations"][rows], stored["actions"][rows]
        steps = tuple(_steps(number, observations, actions, policy.horizon))
        yield (
            Episode(number, Mode.TRAIN, 0, steps, "ended" if success else "deadline"),
            bool(success),
        )


def _steps(
    number: int, observations: Float32Array, actions: Float32Array, horizon: int
) -> Iterator[DecisionStep]:
    unknown = np.zeros((0, 0), dtype=np.float32)
    # The last observation is where the last action but one has led.
    played = len(actions) - 1
    for sequence, row in enumerate(range(0, played, horizon)):
        executed = min(horizon, played - row)
        chunk = actions[np.minimum(np.arange(row, row + horizon), len(actions) - 1)]
        decision = Decision(
            number,
            sequence,
            Observation(0, observations[row]),
            unknown,
            unknown,
            chunk,
            "demonstration",
        )
        yield DecisionStep(decision, executed, observations[row + 1 : row + executed])
    last = Observation(0, observations[played])
    yield DecisionStep(final_decision(number, -(-played // horizon), last), 0)
