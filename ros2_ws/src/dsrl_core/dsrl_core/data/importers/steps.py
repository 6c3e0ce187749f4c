"""A recorded episode action by action, as other formats store it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsrl_core.errors import DsrlError
from dsrl_core.specs import FieldSpec, PolicySpec
from dsrl_core.types import DecisionStep, Episode, Float32Array, Label, Outcome, UInt8Array


class LeftOut(DsrlError):
    """An episode that is not exported, and why."""


@dataclass(frozen=True)
class EpisodeSteps:
    """n actions that were really played."""

    task: str
    observations: Float32Array
    """Shape (n + 1, step_size), the true last one included; the past is in the rows before."""
    actions: Float32Array
    """Shape (n, action_dim)"""
    rewards: Float32Array
    """Shape (n,): the environment's, at the last action of each chunk; where there are none, the
    label's at the last action of all."""
    has_rewards: bool
    """Whether they are the environment's."""
    images: UInt8Array | None
    """Shape (n + 1, cameras, height, width, 3); None unless there is one at every action."""
    success: bool
    terminated: bool
    """Whether the episode ended by itself, rather than for lack of time."""


def steps_of(episode: Episode, label: Label | None, policy: PolicySpec, task: str) -> EpisodeSteps:
    """The episode action by action.

    Raises:
        LeftOut: it is invalid, has no outcome, or was not recorded at every action.
    """
    if not episode.is_valid:
        raise LeftOut("is invalid")
    if label is None or label.outcome not in (Outcome.SUCCESS, Outcome.FAILURE):
        raise LeftOut("is not labelled success or failure")
    played = [step for step in episode.steps if step.steps_executed > 0]
    if not played or not episode.steps[-1].decision.is_final:
        raise LeftOut("has no action that was played, or no last observation")
    rewards = np.array([step.reward for step in played], dtype=np.float64)
    has_rewards = bool(np.isfinite(rewards).all())
    if not has_rewards:
        rewards[:] = 0.0
        rewards[-1] = label.reward
    counts = np.array([step.steps_executed for step in played])
    per_action = np.zeros(counts.sum(), dtype=np.float32)
    per_action[np.cumsum(counts) - 1] = rewards
    last = episode.steps[-1].decision.observation.values[None]
    observations = np.concatenate([*(_observations(step, policy) for step in played), last])
    return EpisodeSteps(
        task,
        observations[:, : policy.step_size],
        np.concatenate([step.decision.chunk[: step.steps_executed] for step in played]),
        per_action,
        has_rewards,
        _images(played, episode.steps[-1], policy),
        label.outcome is Outcome.SUCCESS,
        episode.end_reason != "deadline",
    )


def _observations(step: DecisionStep, policy: PolicySpec) -> Float32Array:
    """What was seen at every played action of a chunk, shape (steps_executed, size)."""
    first = step.decision.observation.values
    size = policy.observation_size
    if first.shape != (size,) or step.decision.chunk.shape != policy.chunk_shape:
        raise LeftOut(
            f"is not of policy '{policy.name}': an observation has shape {first.shape} and a chunk "
            f"{step.decision.chunk.shape}, expected ({size},) and {policy.chunk_shape}"
        )
    if step.steps_executed == 1:
        return first[None]
    if step.between.shape != (step.steps_executed - 1, size):
        raise LeftOut(
            "was recorded without the observations between its decisions, which the format needs "
            "at every action"
        )
    return np.concatenate([first[None], step.between])


def _images(
    played: list[DecisionStep], closing: DecisionStep, policy: PolicySpec
) -> UInt8Array | None:
    if not policy.cameras or any(step.steps_executed != 1 for step in played):
        return None
    found = [step.decision.observation.images for step in (*played, closing)]
    whole = [images for images in found if images is not None]
    return np.stack(whole)[:, : len(policy.cameras)] if len(whole) == len(found) else None


def indexed(fields: tuple[FieldSpec, ...], source: str) -> dict[str, Any]:
    """The fields as consecutive components of one column, as a mapping file says it."""
    entries: dict[str, Any] = {}
    first = 0
    for spec in fields:
        indices = list(range(first, first + spec.size))
        entries[spec.name] = {"source": source, "indices": indices, "unit": spec.unit or "1"}
        first += spec.size
    return entries


def component_names(fields: tuple[FieldSpec, ...]) -> list[str]:
    """A name for every component of the fields."""
    return [
        spec.name if spec.size == 1 else f"{spec.name}_{index}"
        for spec in fields
        for index in range(spec.size)
    ]


def is_whole(rate: float) -> bool:
    """Whether a frame rate is an integer."""
    return math.isclose(rate, round(rate), rel_tol=1e-9)
