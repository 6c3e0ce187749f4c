"""One recorded episode as columns: each observation once, transitions as places among them.

`windows` says where transitions begin. per_decision: where the policy was asked. sliding: at every
action, for episodes that recorded what was seen between decisions; their chunks are then made of
the actions that were really played, and no noise is known that would give them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Episode, Float32Array, UInt8Array

Windows = Literal["per_decision", "sliding"]

PRIOR_SOURCES: Final = ("demonstration", "correction")
"""Sources of decisions that a person made: no noise is known for them."""
DEADLINE: Final = "deadline"


@dataclass(frozen=True)
class EpisodeRows:
    """n transitions between m observations; chains of them are contiguous, in order."""

    number: int
    is_valid: bool
    timed_out: bool
    observations: Float32Array
    """(m, observation_size)"""
    images: UInt8Array | None
    """(m, cameras, height, width, 3)"""
    before: npt.NDArray[np.int64]
    """(n,): which observation a transition begins in"""
    after: npt.NDArray[np.int64]
    """(n,): which it ends in; the true last one where an episode ends"""
    chunks: Float32Array
    """(n, horizon, action_dim), as decoded"""
    noises: Float32Array
    """(n, horizon, noise_dim) as executed; NaN where it is not known"""
    executed: npt.NDArray[np.int64]
    """(n,): actions that were really played"""
    rewards: Float32Array
    """(n,): the environment's own; NaN on a robot"""
    ends: npt.NDArray[np.bool_]
    """(n,): the last transition of a chain, and so of the episode"""
    prior: npt.NDArray[np.bool_]
    """(n,): a person's doing, not the policy's"""

    def __len__(self) -> int:
        return len(self.before)

    def require_rewards(self) -> None:
        """Refuse an episode whose environment gave no rewards."""
        missing = np.flatnonzero(~np.isfinite(self.rewards))
        if len(missing):
            raise InvalidValue(
                f"episode {self.number}, decision {missing[0]}: no reward, expected one of the "
                "environment for the reward rule 'environment'"
            )


def rows_of(episode: Episode, policy: PolicySpec, windows: Windows) -> EpisodeRows:
    """The episode's columns.

    Raises:
        InvalidValue: a value is not finite, or a shape is not the policy's.
    """
    if not episode.is_valid:
        # It is never trained on, and what it lacks is why it is invalid.
        return _per_decision(replace(episode, steps=()), policy, 0)
    decisions = [step.decision for step in episode.steps]
    for decision in decisions:
        place = f"episode {episode.number}, decision {decision.sequence}"
        _check(place, "observation", decision.observation.values, (policy.observation_size,))
        if policy.cameras:
            _check(place, "images", decision.observation.images, policy.images_shape)
        if not decision.is_final:
            _check(place, "chunk", decision.chunk, policy.chunk_shape)
            if decision.source not in PRIOR_SOURCES and decision.noise.size:
                _check(place, "noise", decision.noise, policy.noise_shape)
    count = max(0, len(decisions) - 1)
    for step in episode.steps[:count]:
        if not 0 <= step.steps_executed <= policy.horizon:
            raise InvalidValue(
                f"episode {episode.number}, decision {step.decision.sequence}: steps_executed is "
                f"{step.steps_executed}, expected 0 to {policy.horizon}"
            )
    if windows == "sliding" and count and _is_complete(episode):
        return _sliding(episode, policy)
    return _per_decision(episode, policy, count)


def _per_decision(episode: Episode, policy: PolicySpec, count: int) -> EpisodeRows:
    decisions = [step.decision for step in episode.steps]
    chunks = np.empty((count, *policy.chunk_shape), np.float32)
    noises = np.full((count, *policy.noise_shape), np.nan, np.float32)
    for row, decision in enumerate(decisions[:count]):
        chunks[row] = decision.chunk
        if decision.source not in PRIOR_SOURCES and decision.noise.size:
            noises[row] = decision.noise
    ends = np.zeros(count, dtype=bool)
    ends[-1:] = True
    seen = [decision.observation for decision in decisions]
    return EpisodeRows(
        episode.number,
        episode.is_valid,
        episode.end_reason == DEADLINE,
        _stack([o.values for o in seen], (policy.observation_size,)),
        _stack([o.images for o in seen if o.images is not None], policy.images_shape)
        if policy.images_shape
        else None,
        np.arange(count),
        np.arange(1, count + 1),
        chunks,
        noises,
        np.array([step.steps_executed for step in episode.steps[:count]], dtype=np.int64),
        np.array([step.reward for step in episode.steps[:count]], dtype=np.float32),
        ends,
        np.array([d.source in PRIOR_SOURCES for d in decisions[:count]], dtype=bool),
    )


def _is_complete(episode: Episode) -> bool:
    """Whether every action of the episode has its observation, and nothing but a vector."""
    return all(
        len(step.between) == step.steps_executed - 1 and step.decision.observation.images is None
        for step in episode.steps[:-1]
    )


def _sliding(episode: Episode, policy: PolicySpec) -> EpisodeRows:
    """One chain per place within a chunk where a window can begin."""
    steps, horizon = episode.steps[:-1], policy.horizon
    observations, actions, prior = [], [], []
    for step in steps:
        observations += [step.decision.observation.values, *step.between]
        actions.append(step.decision.chunk[: step.steps_executed])
        prior += [step.decision.source in PRIOR_SOURCES] * step.steps_executed
    played = sum(step.steps_executed for step in steps)
    observations.append(episode.steps[-1].decision.observation.values)
    # What was planned and not played closes the last windows.
    actions.append(steps[-1].decision.chunk[steps[-1].steps_executed :])
    flat = np.concatenate(actions)
    starts = [np.arange(offset, played, horizon) for offset in range(min(horizon, played))]
    before = np.concatenate(starts)
    after = np.minimum(before + horizon, played)
    within = np.minimum(before[:, None] + np.arange(horizon), len(flat) - 1)
    return EpisodeRows(
        episode.number,
        episode.is_valid,
        episode.end_reason == DEADLINE,
        _stack(observations, (policy.observation_size,)),
        None,
        before,
        after,
        flat[within],
        np.full((len(before), *policy.noise_shape), np.nan, np.float32),
        after - before,
        np.full(len(before), np.nan, np.float32),
        after == played,
        np.array(prior)[before],
    )


def _stack(values: list[Any], shape: tuple[int, ...]) -> Any:
    return np.stack(values) if values else np.zeros((0, *shape), np.float32)


def _check(place: str, name: str, values: Any, shape: tuple[int, ...] | None) -> None:
    if values is None or values.shape != shape:
        found = "nothing" if values is None else f"shape {values.shape}"
        raise InvalidValue(f"{place}: {name} has {found}, expected shape {shape}")
    if not np.isfinite(values).all():
        raise InvalidValue(f"{place}: {name} is not finite")
