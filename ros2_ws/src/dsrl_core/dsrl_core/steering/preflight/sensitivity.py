"""How much, and how many things, does noise change?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dsrl_core.policies.chunk_effects import ChunkEffects
from dsrl_core.types import Float32Array, Float64Array


@dataclass(frozen=True)
class Sensitivity:
    """Spreads are standard deviations in typical magnitudes."""

    columns: tuple[str, ...]
    spread: tuple[tuple[float, ...], ...]
    """(horizon, action_dim): over noises, root mean square over observations."""
    observation_spread: tuple[tuple[float, ...], ...]
    """(horizon, action_dim): of the mean chunk, over observations."""
    reach: float
    """Spread over noises of what a chunk comes to, all columns together."""
    share: float
    """Of that variance in all there is, over noises and observations; 0 to 1."""
    behaviours: float
    """Distinct ones; see `mean_behaviours`."""
    behaviours_best: float
    """At the observation in ten where noise decides most."""
    dimensions: float
    """Participation ratio of what a chunk comes to: directions in which noise moves it."""
    pinned: float
    """Share of values (observation, step, column) that no noise changes."""
    piled: float
    """Share of values that equal the largest or smallest of their column, over everything."""


def measure_sensitivity(
    effects: ChunkEffects, chunks: Sequence[Float32Array], resolution: float, ignored: float
) -> Sensitivity:
    """Chunks (noises, horizon, action_dim) at each observation; behaviours are told apart at
    `resolution`, and a spread below `ignored` is none."""
    rows = np.stack([effects.typical(one) for one in chunks])
    ends = np.stack([effects.effect(one) for one in chunks])
    spread = rows.std(axis=1)
    of_ends = ends.var(axis=1).mean(axis=0)
    between = float(ends.mean(axis=1).var(axis=0).sum())
    counts = [count_behaviours(one, resolution) for one in ends]
    within = float(of_ends.sum())
    return Sensitivity(
        effects.names,
        _rounded(np.sqrt((spread**2).mean(axis=0))),
        _rounded(rows.mean(axis=1).std(axis=0)),
        float(np.sqrt(within)),
        within / (within + between) if within > 0 else 0.0,
        mean_behaviours(ends, resolution),
        float(np.quantile(counts, 0.9)),
        float(np.median([participation_ratio(one) for one in ends])),
        float((spread < ignored).mean()),
        _piled(rows, ignored),
    )


def count_behaviours(ends: Float64Array, resolution: float) -> float:
    """Effective number of distinct behaviours among ends (n, dim).

    One over the chance that two draws are taken for the same one: similarity falls with distance as
    a Gaussian of width `resolution` (the Vendi score of order 2, without its bias by n). One: noise
    changes nothing that could be told; at most n (n - 1), where no two are alike.
    """
    n = len(ends)
    squared = ((ends[:, None] - ends[None]) ** 2).sum(axis=2)
    alike = (np.exp(-squared / (2 * resolution**2)).sum() - n) / (n * (n - 1))
    return float(1 / max(alike, 1 / (n * (n - 1))))


def mean_behaviours(ends: Iterable[Float64Array], resolution: float) -> float:
    """Geometric mean over observations: as information, choices at several decisions multiply.

    The median would hang on how many of the observations are of moments where nothing is to be
    chosen.
    """
    counts = [count_behaviours(one, resolution) for one in ends]
    return float(np.exp(np.mean(np.log(counts))))


def participation_ratio(ends: Float64Array) -> float:
    """(sum of variances)^2 / sum of their squares along principal axes; 1 to dim, 0 for none."""
    values = np.linalg.eigvalsh(np.cov(ends.T))
    squares = float((values**2).sum())
    return float(values.sum()) ** 2 / squares if squares > 0 else 0.0


def _piled(rows: Float64Array, width: float) -> float:
    """The gripper's column is left out: it rests at its limits by design."""
    arm = rows[..., :-1].reshape(-1, rows.shape[-1] - 1)
    low, high = arm.min(axis=0), arm.max(axis=0)
    varied = high - low > 2 * width
    at_end = (arm <= low + width) | (arm >= high - width)
    return float(at_end[:, varied].mean()) if varied.any() else 0.0


def _rounded(values: Float64Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(value), 5) for value in row) for row in values)
