"""Where every random number of a run comes from: the run's seed, a purpose and an index.

Streams never depend on the clock or on the order in which processes act, so that a run in one
process and the same run over ROS draw equal numbers. Evaluation never reuses a training reset.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from dsrl_core.types import Mode


class Purpose(IntEnum):
    """What a stream is for; the numbers are part of every recorded run and never change."""

    TRAINING_RESET = 1
    EVALUATION_RESET = 2
    DECISION = 3
    LEARNER = 4
    ORACLE = 5
    SAMPLING = 6
    CORRECTION = 7
    PREFLIGHT = 8
    ROBOT = 9


def stream(run_seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """An independent generator for one purpose and index of a run."""
    return np.random.default_rng([run_seed, int(purpose), *index])


def reset_seed(run_seed: int, mode: Mode, index: int) -> int:
    """Seed of the `index`-th reset of a mode.

    All modes but training share their resets, so that base, zero and steered face the same starts.
    """
    purpose = Purpose.TRAINING_RESET if mode is Mode.TRAIN else Purpose.EVALUATION_RESET
    return int(stream(run_seed, purpose, index).integers(2**63))


def robot_seed(run_seed: int, index: int) -> int:
    """Seed of the `index`-th of several robots that share a run, 0 to 2^31 - 1.

    The first has the run's own, so that it sees the resets that it would see alone.
    """
    return int(stream(run_seed, Purpose.ROBOT, index).integers(2**31)) if index else run_seed
