"""A dataset's episode in a policy's fields, units and period, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dsrl_core.data.importers.mapping import DatasetMapping, FieldSource, SuccessSource
from dsrl_core.data.importers.source import BadEpisode, SourceEpisode
from dsrl_core.errors import InvalidFile
from dsrl_core.specs import FieldSpec, PolicySpec
from dsrl_core.types import Float32Array, Float64Array

_FAR_OUT: Final = 20.0
"""A field whose median magnitude is more than this many times its scale is in a wrong unit."""
_PERIOD_TOLERANCE: Final = 1e-3
"""Relative; frame rates are often given as integers."""


@dataclass(frozen=True)
class Trajectory:
    """One episode, an action per period of the policy; n actions."""

    observations: Float32Array
    """Shape (n + 1, step_size): the last one is what the last action led to."""
    actions: Float32Array
    """Shape (n, action_dim)"""
    rewards: Float64Array
    """Shape (n,), the environment's own; NaN if it is not known."""
    rows: tuple[int, ...]
    """Row of the dataset of every observation."""
    success: bool
    terminated: bool
    """Whether it ended by itself, in success or failure, rather than for lack of time."""


def stride_of(fps: float | None, mapping: DatasetMapping, policy: PolicySpec) -> int:
    """How many rows of the dataset one action of the policy takes.

    Raises:
        InvalidFile: the frame rate is not known, or no multiple of the policy's.
    """
    if fps is not None and mapping.fps is not None and not math.isclose(fps, mapping.fps):
        raise InvalidFile(f"the dataset says {fps:g} rows per second, the mapping {mapping.fps:g}")
    fps = fps or mapping.fps
    if fps is None:
        raise InvalidFile("the dataset does not say its rows per second: give `fps` in the mapping")
    ratio = fps * policy.action.period_s
    stride = round(ratio)
    if stride < 1 or abs(ratio - stride) > _PERIOD_TOLERANCE * stride:
        raise InvalidFile(
            f"the dataset has {fps:g} rows per second and policy '{policy.name}' acts "
            f"{1.0 / policy.action.period_s:g} times per second; expected the same or an integer "
            "multiple"
        )
    return stride


def read_trajectory(
    episode: SourceEpisode, mapping: DatasetMapping, policy: PolicySpec, stride: int
) -> Trajectory:
    """An episode of the dataset as the policy sees and acts.

    The last action of a format without a last observation is dropped, as nothing shows what it led
    to; its reward and success count for the one before. Of `stride` rows the first is observed,
    relative actions are summed, absolute ones are those of the last; the last action of an episode
    may be of fewer rows.

    Raises:
        BadEpisode: it lacks something, or its values cannot be right; says which field.
    """
    recorded = _recorded(episode, mapping)
    used = min(recorded, episode.observation_rows - 1)
    if used < 1:
        raise BadEpisode(
            f"it has {episode.rows} rows, expected at least an action and an observation after it"
        )
    starts = np.arange(0, used, stride)
    ends = np.append(starts[1:], used)
    rows = np.append(starts, used)
    observations = []
    for spec in policy.observation:
        entry, place = mapping.observation[spec.name], f"observation field '{spec.name}'"
        values = _observed(episode, entry, spec, place)[rows]
        observations.append(_checked(values, spec, place))
    actions = []
    for spec in policy.action.fields:
        entry, place = mapping.action[spec.name], f"action field '{spec.name}'"
        values = _acted(episode, entry, spec, place)[:used]
        _check_finite(values, place)
        values = np.add.reduceat(values, starts) if spec.relative else values[ends - 1]
        actions.append(_checked(values, spec, place))
    success = _success(episode, mapping, recorded)
    failed_by_itself = _flag(episode, mapping.terminated, "terminated", recorded)
    return Trajectory(
        np.concatenate(observations, axis=1),
        np.concatenate(actions, axis=1),
        _rewards(episode, mapping, recorded, starts),
        tuple(int(row) for row in rows),
        success,
        success or failed_by_itself,
    )


def _recorded(episode: SourceEpisode, mapping: DatasetMapping) -> int:
    """Number of rows up to the one that ends the episode."""
    if mapping.ends_at is None or episode.rows == 0:
        return episode.rows
    ended = np.flatnonzero(_column(episode, mapping.ends_at, "ends_at") > 0.5)
    return int(ended[0]) + 1 if ended.size else episode.rows


def _observed(
    episode: SourceEpisode, entry: FieldSource, spec: FieldSpec, place: str
) -> Float64Array:
    if entry.source is None:
        return _constant(entry, spec, episode.observation_rows)
    return _converted(episode.observations(entry.source), entry, spec, place)


def _acted(episode: SourceEpisode, entry: FieldSource, spec: FieldSpec, place: str) -> Float64Array:
    if entry.source is None:
        return _constant(entry, spec, episode.rows)
    return _converted(episode.values(entry.source), entry, spec, place)


def _constant(entry: FieldSource, spec: FieldSpec, rows: int) -> Float64Array:
    values = np.asarray(entry.constant, dtype=np.float64).reshape(-1)
    return np.broadcast_to(values, (rows, spec.size))


def _converted(
    values: Float64Array, entry: FieldSource, spec: FieldSpec, place: str
) -> Float64Array:
    """The column (rows, n) as the field (rows, size) in the policy's unit."""
    width = values.shape[1]
    if entry.indices is not None:
        if max(entry.indices) >= width:
            raise BadEpisode(
                f"{place}: '{entry.source}' has {width} values per row, the mapping asks for "
                f"indices {list(entry.indices)}"
            )
        values = values[:, entry.indices]
    if entry.quaternion is not None:
        values = _yaw(values, entry.quaternion, place)
    if values.shape[1] != spec.size:
        raise BadEpisode(
            f"{place}: '{entry.source}' gives {values.shape[1]} values per row, the policy has "
            f"{spec.size}; choose among {width} by `indices`"
        )
    return entry.conversion(place, spec)(values * entry.factor + entry.offset)


def _yaw(quaternions: Float64Array, order: str, place: str) -> Float64Array:
    """Rotation about z [rad], shape (rows, 1), of unit quaternions (rows, 4)."""
    if quaternions.shape[1] != 4:
        raise BadEpisode(f"{place}: a quaternion has 4 values, found {quaternions.shape[1]}")
    norms = np.linalg.norm(quaternions, axis=1)
    # Not-a-number is found later, and named as such.
    if np.any(np.abs(norms - 1.0) > 1e-2):
        raise BadEpisode(
            f"{place}: quaternions have norms from {norms.min():g} to {norms.max():g}, expected 1"
        )
    w, x, y, z = np.roll(quaternions, 1 if order == "xyzw" else 0, axis=1).T
    yaw = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return np.asarray(yaw, dtype=np.float64)[:, None]


def _checked(values: Float64Array, spec: FieldSpec, place: str) -> Float32Array:
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    _check_finite(narrow, place)
    medians = np.median(np.abs(values - spec.center), axis=0)
    worst = int(np.argmax(medians))
    if medians[worst] > _FAR_OUT * spec.scale:
        raise BadEpisode(
            f"{place}: component {worst} is typically {medians[worst]:.4g} [{spec.unit}], the "
            f"policy's scale is {spec.scale:g}: more than {_FAR_OUT:g} times as much. Is the unit "
            "in the mapping right?"
        )
    return narrow


def _check_finite(values: Float32Array | Float64Array, place: str) -> None:
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        raise BadEpisode(f"{place}: row {bad[0]} is not a number or infinite")


def _success(episode: SourceEpisode, mapping: DatasetMapping, recorded: int) -> bool:
    if not isinstance(mapping.success, SuccessSource):
        return mapping.success == "all"
    column = _column(episode, mapping.success.source, "success")
    return bool(column[recorded - 1] > mapping.success.above)


def _flag(episode: SourceEpisode, source: str | None, place: str, recorded: int) -> bool:
    return source is not None and bool(_column(episode, source, place)[recorded - 1] > 0.5)


def _rewards(
    episode: SourceEpisode, mapping: DatasetMapping, recorded: int, starts: npt.NDArray[np.int64]
) -> Float64Array:
    if mapping.reward is None:
        return np.full(len(starts), math.nan)
    return np.add.reduceat(_column(episode, mapping.reward, "reward")[:recorded], starts)


def _column(episode: SourceEpisode, source: str, place: str) -> Float64Array:
    """One value per row, shape (rows,)."""
    values = episode.values(source)
    if values.shape[1] != 1:
        raise BadEpisode(f"{place}: '{source}' has {values.shape[1]} values per row, expected 1")
    _check_finite(values, place)
    return values[:, 0]
