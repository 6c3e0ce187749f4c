"""Rows of Parquet files, read by file, range and column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_core.data.importers.libraries import library
from dsrl_core.data.importers.source import BadEpisode
from dsrl_core.errors import InvalidFile
from dsrl_core.types import Float64Array


def read_rows(path: Path, without: str = "") -> tuple[list[str], list[dict[str, Any]]]:
    """Names of the columns and all rows of a small file; columns that begin so are left out.

    Raises:
        InvalidFile: it cannot be read.
    """
    with _told(InvalidFile, path):
        names: list[str] = library("pyarrow.parquet").read_schema(path).names
        wanted = [name for name in names if not (without and name.startswith(without))]
        table = library("pyarrow.parquet").read_table(path, columns=wanted)
        return wanted, table.to_pylist()


class RowReader:
    """Ranges of rows of large files; the last file stays open, as ranges follow each other."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: Any = None
        self._bounds = np.zeros(1, dtype=np.int64)

    def read(self, path: Path, first: int, length: int, columns: Sequence[str]) -> Any:
        """A table of pyarrow with the columns; rows `first` to `first + length` of the file.

        Raises:
            BadEpisode: the file is missing, damaged or too short, or has no such column.
        """
        if first < 0 or length < 1:
            raise BadEpisode(f"it has {length} rows from row {first} of {path}")
        with _told(BadEpisode, path):
            self._open(path)
            names = self._file.schema_arrow.names
            for column in columns:
                if column not in names:
                    raise BadEpisode(
                        f"there is no column '{column}' in {path}; available: {', '.join(names)}"
                    )
            end = first + length
            if end > self._bounds[-1]:
                raise BadEpisode(f"rows {first} to {end} are not in {path} of {self._bounds[-1]}")
            low = int(np.searchsorted(self._bounds, first, side="right")) - 1
            high = int(np.searchsorted(self._bounds, end, side="left"))
            groups = self._file.read_row_groups(list(range(low, high)), columns=list(columns))
            return groups.slice(first - int(self._bounds[low]), length)

    def close(self) -> None:
        """Close the file; again has no effect."""
        if self._file is not None:
            self._file.close()
        self._file = self._path = None

    def _open(self, path: Path) -> None:
        if path == self._path:
            return
        self.close()
        self._file = library("pyarrow.parquet").ParquetFile(path)
        self._path = path
        meta = self._file.metadata
        sizes = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
        self._bounds = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def numeric(column: Any) -> Float64Array:
    """A column of pyarrow as float64, shape (rows,), or (rows, n) for lists of equal length.

    Raises:
        BadEpisode: it holds no numbers, gaps, or lists of different lengths.
    """
    values = column.to_pylist()
    try:
        if any(value is None for value in values):
            raise ValueError(f"row {values.index(None)} is missing")
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadEpisode(f"expected numbers, as many in every row: {error}") from error


@contextmanager
def _told(kind: type[BadEpisode] | type[InvalidFile], path: Path) -> Iterator[None]:
    """Turn what a damaged or missing file raises into an error that names it."""
    damage = (OSError, library("pyarrow").lib.ArrowException)
    try:
        yield
    except damage as error:
        raise kind(f"{path} cannot be read: {error}") from error
