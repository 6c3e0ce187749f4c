"""The statistics that a LeRobot dataset keeps of every feature, for its users' normalisation."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dsrl_core.types import Float64Array

_QUANTILES: Final = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_LEVELS: Final = 256


class Statistics:
    """Of one episode, or of all: `add` what there is, then ask.

    A vector's are per component, shape (n,); a scalar's (1,); an image's per colour, from 0 to 1,
    shape (3, 1, 1). `count`, shape (1,), is the number of rows.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[Float64Array]] = {}
        self._levels: dict[str, npt.NDArray[np.int64]] = {}
        """Of images (3, 256): how often each level occurs, as the pixels would fill the memory."""
        self._images: dict[str, int] = {}

    def add(self, name: str, values: npt.NDArray[Any]) -> None:
        """More rows of a feature: shape (rows,), (rows, n), or images (rows, height, width, 3)."""
        if values.ndim < 4:
            self._rows.setdefault(name, []).append(values.reshape(len(values), -1))
            return
        counts = [np.bincount(values[..., c].reshape(-1), minlength=_LEVELS) for c in range(3)]
        self._levels[name] = self._levels.get(name, np.zeros((3, _LEVELS), np.int64)) + counts
        self._images[name] = self._images.get(name, 0) + len(values)

    def nested(self) -> dict[str, dict[str, Any]]:
        """By feature and statistic, as lists."""
        found = {name: _of_rows(np.concatenate(rows)) for name, rows in self._rows.items()}
        for name, levels in self._levels.items():
            found[name] = _of_levels(levels, self._images[name])
        return {
            name: {key: value.tolist() for key, value in one.items()} for name, one in found.items()
        }

    def flat(self) -> dict[str, Any]:
        """By `stats/feature/statistic`, as a row of meta/episodes has it."""
        return {
            f"stats/{name}/{key}": value
            for name, one in self.nested().items()
            for key, value in one.items()
        }


def _of_rows(rows: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    values = rows.astype(np.float64)
    return {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([len(values)]),
        **{key: np.quantile(values, share, axis=0) for key, share in _QUANTILES.items()},
    }


def _of_levels(levels: npt.NDArray[np.int64], images: int) -> dict[str, npt.NDArray[Any]]:
    scale = np.arange(_LEVELS) / (_LEVELS - 1)
    shares = levels / levels.sum(axis=1, keepdims=True)
    mean = shares @ scale
    below = np.cumsum(shares, axis=1)
    seen = levels > 0
    found = {
        "min": scale[seen.argmax(axis=1)],
        "max": scale[_LEVELS - 1 - seen[:, ::-1].argmax(axis=1)],
        "mean": mean,
        "std": np.sqrt(np.maximum(0.0, shares @ scale**2 - mean**2)),
        **{key: scale[(below >= share).argmax(axis=1)] for key, share in _QUANTILES.items()},
    }
    shaped = {key: value.reshape(3, 1, 1) for key, value in found.items()}
    return shaped | {"count": np.array([images])}
