"""How well an arm follows its set-points: errors as they are, and the delay that explains most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import minimize_scalar

from dsrl_core.errors import InvalidValue
from dsrl_core.types import Float64Array, Pose

_LEAST_POINTS: Final = 8
"""Set-points of a motion; shorter ones are left out."""
_DELAY_MIN_S: Final = -0.05
"""Negative: the arm is there before it has to be."""
_DELAY_MAX_S: Final = 0.1
_DELAY_STEP_S: Final = 0.002


@dataclass(frozen=True)
class Motion:
    """Joints over time: `times_s` (n,), increasing, and `positions` (n, joints) [rad]."""

    times_s: Float64Array
    positions: Float64Array


@dataclass(frozen=True)
class Tracking:
    """Measured positions against set-points at the time at which each was to be reached."""

    samples: int
    rms_rad: Float64Array
    """Shape (joints,)."""
    max_rad: Float64Array
    """Shape (joints,)."""
    tool_median_m: float
    """An arm that presses on something is far from its set-points: this is what it does else."""
    tool_rms_m: float
    tool_max_m: float
    delay_s: float
    """By which set-points have to be late for the least squared errors of all joints."""
    rms_after_delay_rad: Float64Array
    """Shape (joints,): what that delay does not explain."""


class _Segment:
    """One motion without a gap, and what was measured while it went on."""

    def __init__(self, commanded: Motion, measured: Motion) -> None:
        # Bends no further than its points, also where two of them came at nearly the same time.
        self.curve = PchipInterpolator(commanded.times_s, commanded.positions)
        self.begin_s, self.end_s = commanded.times_s[0], commanded.times_s[-1]
        during = (measured.times_s >= self.begin_s) & (measured.times_s <= self.end_s)
        self.times_s, self.positions = measured.times_s[during], measured.positions[during]

    def errors(self) -> Float64Array:
        """Shape (n, joints) [rad]."""
        return np.asarray(self.positions - self.curve(self.times_s))

    def delayed_errors(self, delay_s: float) -> Float64Array:
        """Shape (n, joints) [rad], at those moments at which every delay that is tried has a
        set-point."""
        first_s, last_s = self.begin_s + _DELAY_MAX_S, self.end_s + _DELAY_MIN_S
        inside = (self.times_s >= first_s) & (self.times_s <= last_s)
        return np.asarray(self.positions[inside] - self.curve(self.times_s[inside] - delay_s))

    def pairs(self) -> tuple[Float64Array, Float64Array]:
        """Positions as commanded and as measured, both (n, joints) [rad]."""
        return np.asarray(self.curve(self.times_s)), self.positions


def tracking(
    commanded: Motion,
    measured: Motion,
    gap_s: float,
    tool_pose: Callable[[Float64Array], Pose],
) -> Tracking:
    """Compare what was measured with the smooth curve through the set-points.

    `commanded`: at the times at which they are to be reached. `gap_s`: set-points further apart
    belong to different motions; nothing is compared in between. `tool_pose`: of joints (joints,).

    Raises:
        InvalidValue: nothing was measured while set-points came.
    """
    found = [_Segment(part, measured) for part in _parts(commanded, gap_s)]
    segments = [segment for segment in found if len(segment.times_s)]
    if not segments:
        raise InvalidValue(
            f"no motion of {_LEAST_POINTS} set-points and more with a measurement beside it, in "
            f"{len(commanded.times_s)} set-points and {len(measured.times_s)} measurements"
        )
    errors = np.concatenate([segment.errors() for segment in segments])
    tool_m = np.array(
        [
            np.linalg.norm(tool_pose(one).position - tool_pose(other).position)
            for segment in segments
            for one, other in zip(*segment.pairs(), strict=True)
        ]
    )
    delay_s = _delay(segments)
    delayed = np.concatenate([segment.delayed_errors(delay_s) for segment in segments])
    return Tracking(
        len(errors),
        _rms(errors),
        np.abs(errors).max(axis=0),
        float(np.median(tool_m)),
        float(np.sqrt(np.mean(tool_m**2))),
        float(tool_m.max()),
        delay_s,
        _rms(delayed),
    )


def _parts(motion: Motion, gap_s: float) -> Iterator[Motion]:
    ends = np.flatnonzero(np.diff(motion.times_s) > gap_s) + 1
    for index in np.split(np.arange(len(motion.times_s)), ends):
        if len(index) >= _LEAST_POINTS:
            yield Motion(motion.times_s[index], motion.positions[index])


def _delay(segments: list[_Segment]) -> float:
    def squares(delay_s: float) -> float:
        errors = np.concatenate([segment.delayed_errors(delay_s) for segment in segments])
        return float(np.mean(errors**2)) if len(errors) else np.inf

    tried = np.arange(_DELAY_MIN_S, _DELAY_MAX_S, _DELAY_STEP_S)
    best = tried[np.argmin([squares(delay_s) for delay_s in tried])]
    bounds = (max(best - _DELAY_STEP_S, _DELAY_MIN_S), min(best + _DELAY_STEP_S, _DELAY_MAX_S))
    return float(minimize_scalar(squares, bounds=bounds, method="bounded").x)


def _rms(errors: Float64Array) -> Float64Array:
    return np.asarray(np.sqrt(np.mean(errors**2, axis=0)))
