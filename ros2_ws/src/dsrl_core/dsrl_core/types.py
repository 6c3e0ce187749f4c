"""The values that travel from observation to set-point; every room speaks in these.

Nothing here imports another module of the project. Arrays are C-contiguous; the policy's side
(observations, noises, chunks) is float32 as the network sees it, the robot's side (joints, poses)
is float64 as the robot reports it. Times are integer nanoseconds of ROS time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
UInt8Array = npt.NDArray[np.uint8]

NANOSECONDS_PER_SECOND: Final = 1_000_000_000


def to_nanoseconds(seconds: float) -> int:
    """Duration [s] as integer nanoseconds."""
    return round(seconds * NANOSECONDS_PER_SECOND)


class Mode(StrEnum):
    """What picks the noise during an episode."""

    BASE = "base"
    """w ~ N(0, I): the frozen policy as its makers meant it."""
    ZERO = "zero"
    """w = 0: the baseline that a policy with discrete modes passes by itself."""
    TRAIN = "train"
    """Steered with exploration; base noise until the first weights arrive (warm-up)."""
    EVAL = "eval"
    """Steered greedily, as deployed."""
    ACTOR = "actor"
    """The distilled actor's mean alone, without the search."""
    SHAPED = "shaped"
    """N(0, I) in a shape and bound that are told: a trial of it, neither steered nor the policy as
    its makers meant it."""


class Outcome(StrEnum):
    """What a person says of an episode."""

    SUCCESS = "success"
    FAILURE = "failure"
    DISCARD = "discard"
    """Neither success nor failure: never trained on."""
    UNDO = "undo"
    """Takes the superseded entry back: the episode is unlabelled again."""
    MARK = "mark"
    """A remark on a moment of the episode; what holds for the episode stays."""


@dataclass(frozen=True)
class Pose:
    """A frame in the robot's base frame: position (3,) [m], unit quaternion (4,) (w, x, y, z)."""

    position: Float64Array
    quaternion_wxyz: Float64Array

    @property
    def yaw(self) -> float:
        """Rotation about the base frame's z axis [rad], in (-pi, pi]."""
        w, x, y, z = (float(value) for value in self.quaternion_wxyz)
        return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


@dataclass(frozen=True)
class Observation:
    """What the policy sees for one decision: `values` (observation_size,), laid out by its file."""

    stamp_ns: int
    values: Float32Array
    images: UInt8Array | None = None
    """Shape (views, height, width, 3), RGB: every camera now, then as it was before, as far as the
    policy looks back; None for a policy without cameras."""


@dataclass(frozen=True)
class Decision:
    """One choice of noise and the action chunk that the frozen policy made of it."""

    episode: int
    sequence: int
    """Number of the decision within its episode, from 0."""
    observation: Observation
    noise_requested: Float32Array
    """Shape of the noise map's latent: what the actor asked for."""
    noise: Float32Array
    """Shape (noise_horizon, noise_dim): what the policy was fed."""
    chunk: Float32Array
    """Shape (horizon, action_dim), in the units of the policy's file."""
    source: str
    """base, zero, actor, search, a kind of noise; `final` for the closing record of an episode."""
    weights_version: int = 0
    seed: int = 0
    value: float = math.nan
    """The critic's estimate of the chosen chunk; NaN without a critic."""
    latency_s: float = 0.0

    @property
    def is_final(self) -> bool:
        """Whether this is the closing record: the true last observation, no noise, no chunk."""
        return self.source == FINAL_SOURCE


FINAL_SOURCE: Final = "final"


def final_decision(episode: int, sequence: int, observation: Observation) -> Decision:
    """The closing record of an episode: its true last observation and nothing else."""
    empty = np.zeros((0, 0), dtype=np.float32)
    return Decision(episode, sequence, observation, empty, empty, empty, FINAL_SOURCE)


@dataclass(frozen=True)
class DecisionStep:
    """A decision and what became of it: the one record that is stored, trained on and reported."""

    decision: Decision
    steps_executed: int
    """Actions of the chunk that were really played; 0 for the closing record."""
    between: Float32Array = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    """Shape (steps_executed - 1, observation_size): what was seen at the actions after the first,
    where it was recorded; otherwise (0, 0)."""
    reward: float = math.nan
    """Of an environment that gives rewards itself, summed over the executed steps; NaN on a robot,
    where a person's label rules."""


@dataclass(frozen=True)
class ChunkRequest:
    """The chunk player's word that it wants a chunk (or, if final, that the episode is over)."""

    stamp_ns: int
    episode: int
    sequence: int
    previous_steps_executed: int
    reason: str
    """start, exhausted, ahead; and with final: deadline, ended, invalid."""
    final: bool = False
    committed: tuple[tuple[float, ...], ...] = ()
    """Actions of the last chunk that will be played before the wanted one begins."""


@dataclass(frozen=True)
class SetPoint:
    """What the robot shall reach one set-point period after `stamp_ns`."""

    stamp_ns: int
    joint_positions: Float64Array
    """Shape (joints,) [rad]."""
    joint_velocities: Float64Array
    """Shape (joints,) [rad/s]: how fast the set-point moves there; for feed-forward."""
    gripper_width_m: float | None = None
    """A new width to command, or None while it does not change."""


@dataclass(frozen=True)
class Label:
    """One entry of the label ledger."""

    episode: int
    outcome: Outcome
    reward: float
    """0..1; what it counts for as a return, by the task's reward rule."""
    author: str
    stamp_ns: int
    entry: int = 0
    """Number in the ledger, from 1; 0 before it is written."""
    supersedes: int = 0
    """Entry that this one replaces; 0 for none."""
    note: str = ""
    moment_ns: int = 0
    """ROS time within the episode that a mark is about; 0: the episode as a whole."""
    conflicts_with: int = 0
    """Entry of another author, with another outcome, that this one replaces although its author did
    not name it: they may not have seen it. 0: none."""

    @property
    def is_graded(self) -> bool:
        """Whether it is worth something between a failure and a success."""
        return 0.0 < self.reward < 1.0


@dataclass(frozen=True)
class Episode:
    """An episode as stored: its decisions in order, the closing record last."""

    number: int
    mode: Mode
    seed: int
    steps: tuple[DecisionStep, ...]
    end_reason: str
    """ended (labelled while running), deadline, or invalid (never trained on)."""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        return self.end_reason != "invalid"
