"""What an importer needs of a foreign dataset; one file per format fulfils it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from dsrl_core.errors import DsrlError
from dsrl_core.types import Float64Array, UInt8Array


class BadEpisode(DsrlError):
    """An episode of a dataset that cannot be taken; the others can."""


class SourceEpisode(Protocol):
    """One episode of a dataset; row i is an observation and the action that followed it.

    Every method raises BadEpisode where the dataset does not have what it is asked for.
    """

    @property
    def index(self) -> int:
        """In the dataset."""

    @property
    def task(self) -> str:
        """In words; empty if the dataset does not say."""

    @property
    def rows(self) -> int:
        """How many actions there are."""

    @property
    def observation_rows(self) -> int:
        """As many as rows, or one more: the observation after the last action."""

    def observations(self, source: str) -> Float64Array:
        """Shape (observation_rows, n), in the dataset's unit."""

    def values(self, source: str) -> Float64Array:
        """An action, a reward or a flag: shape (rows, n)."""

    def images(self, source: str, rows: Sequence[int]) -> list[UInt8Array]:
        """The images (height, width, 3), RGB, of some rows in rising order."""


class SourceDataset(Protocol):
    """An open dataset."""

    @property
    def name(self) -> str:
        """Of its folder or file: with the index of an episode it tells that episode for good."""

    @property
    def fps(self) -> float | None:
        """Rows per second; None if the dataset does not say."""

    def episodes(self) -> Iterator[SourceEpisode | BadEpisode]:
        """Every selected episode in order, or why it cannot be read."""

    def close(self) -> None:
        """Close its files; again has no effect."""


def two_dimensional(values: Float64Array, source: str) -> Float64Array:
    """A column as shape (rows, n), from (rows,) or (rows, n).

    Raises:
        BadEpisode: it has more dimensions.
    """
    if values.ndim == 1:
        return values[:, None]
    if values.ndim != 2:
        raise BadEpisode(f"'{source}' has shape {values.shape}, expected (rows, values)")
    return values
