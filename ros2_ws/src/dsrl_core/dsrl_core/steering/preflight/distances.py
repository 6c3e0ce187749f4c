"""How far are the chunks of one kind of noise from those of another?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.types import Float64Array

_PERMUTATIONS: Final = 200
_QUANTILE: Final = 0.99


@dataclass(frozen=True)
class Distance:
    """Energy distance, normalised to 0 (the same) to 1."""

    energy: float
    floor: float
    """95 % of what two samples of one distribution give: below, it is chance."""
    p: float
    """Share of permutations that give as much."""


def energy_distance(
    pairs: Sequence[tuple[Float64Array, Float64Array]], generator: np.random.Generator
) -> Distance:
    """Of samples x (n, dim) and y (n, dim) of each pair, averaged over the pairs.

    Permutations stay within their pair, so that differences between observations cancel. The two
    samples of a pair have equal sizes.
    """
    found, chance = 0.0, np.zeros(_PERMUTATIONS)
    for x, y in pairs:
        n = len(x)
        between = _distances(np.concatenate([x, y]), np.concatenate([x, y]))
        signs = np.repeat([1.0, -1.0], n)
        all_signs = np.stack([signs, *(generator.permutation(signs) for _ in range(_PERMUTATIONS))])
        # 2 E|x - y| - E|x - x'| - E|y - y'| is minus a quadratic form in the signs.
        energies = -np.einsum("ki,ij,kj->k", all_signs, between, all_signs, optimize=True) / n**2
        across = (between.sum() / n**2 + energies) / 2
        scaled = energies / np.where(across > 0, across, 1.0)
        found, chance = found + scaled[0], chance + scaled[1:]
    count = len(pairs)
    p = (1 + int((chance >= found).sum())) / (_PERMUTATIONS + 1)
    return Distance(float(found / count), float(np.quantile(chance / count, 0.95)), p)


class Support:
    """Where the base policy's chunks lie at each observation."""

    def __init__(self, base: Sequence[Float64Array]) -> None:
        """`base`: (2 n, dim) per observation; half of them are the reference, half the measure."""
        self._reference = [one[: len(one) // 2] for one in base]
        held_out = [one[len(one) // 2 :] for one in base]
        nearest = [_nearest(y, x) for x, y in zip(self._reference, held_out, strict=True)]
        # A policy without any spread has no distances to compare with.
        self._unit = [max(float(np.median(one)), 1e-9) for one in nearest]
        ratios = [one / unit for one, unit in zip(nearest, self._unit, strict=True)]
        self._limit = float(np.quantile(np.concatenate(ratios), _QUANTILE))

    def outside(self, others: Sequence[Float64Array]) -> float:
        """Share of chunks (n, dim) per observation farther from all base chunks than 99 % of the
        base chunks are; 0.01 for the base noise itself."""
        ratios = [
            _nearest(y, x) / unit
            for x, y, unit in zip(self._reference, others, self._unit, strict=True)
        ]
        return float((np.concatenate(ratios) > max(self._limit, 1.0)).mean())


def _nearest(points: Float64Array, reference: Float64Array) -> Float64Array:
    return np.asarray(_distances(points, reference).min(axis=1))


def _distances(a: Float64Array, b: Float64Array) -> Float64Array:
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))
