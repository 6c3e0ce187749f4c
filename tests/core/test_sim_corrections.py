"""A scripted person takes over where a chunk goes wrong, and only in training."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.data.episode_rows import PRIOR_SOURCES
from dsrl_core.types import Decision, Float32Array, Mode, Observation
from dsrl_sim.corrections import CorrectedDecider, expert_chunk
from tests.core.steering_setup import CATALOG

POLICY = CATALOG.policy("franka_pick_flow")
OBSERVATION = Observation(0, np.array([0.45, 0, 0.2, 0, 0.08, 0.52, 0.03, 0.02, 0.1], np.float32))
PERFECT = expert_chunk(OBSERVATION.values, POLICY.horizon)
AWAY = PERFECT * np.array([-4, -4, 1, 1, 1], np.float32)


class Playing:
    """A decider that always plays one chunk."""

    def __init__(self, chunk: Float32Array) -> None:
        self._chunk = chunk

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        noise = np.zeros((4, 5), np.float32)
        return Decision(episode, sequence, observation, noise, noise, self._chunk, "actor")


def decided(chunk: Float32Array, mode: Mode = Mode.TRAIN) -> Decision:
    return CorrectedDecider(Playing(chunk), POLICY).decide(OBSERVATION, 0, 0, mode, 0)


def test_a_chunk_that_leads_away_is_replaced_by_the_persons() -> None:
    decision = decided(AWAY)
    assert decision.source in PRIOR_SOURCES
    assert decision.noise.size == 0
    np.testing.assert_array_equal(decision.chunk, PERFECT)


def test_a_chunk_that_is_good_enough_is_left_alone() -> None:
    decision = decided(PERFECT)
    assert decision.source == "actor"


@pytest.mark.parametrize("mode", [Mode.EVAL, Mode.ACTOR, Mode.BASE])
def test_nobody_interferes_with_a_measurement(mode: Mode) -> None:
    assert decided(AWAY, mode).source == "actor"


def test_the_persons_chunk_goes_towards_the_cube() -> None:
    way = OBSERVATION.values[5:7] - OBSERVATION.values[0:2]
    assert float(PERFECT[:, :2].sum(axis=0) @ way) > 0
