"""LeRobot datasets, format v3.0: many episodes per Parquet file, images in it or in videos.

Facts: `src/lerobot/datasets` of github.com/huggingface/lerobot (Apache-2.0).

    meta/info.json, meta/tasks.parquet, meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet
    videos/<feature>/chunk-000/file-000.mp4
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from dsrl_core.data.importers.frames import VideoReader, decode_image, read_image
from dsrl_core.data.importers.mapping import DatasetMapping
from dsrl_core.data.importers.parquet import RowReader, numeric, read_rows
from dsrl_core.data.importers.source import BadEpisode, two_dimensional
from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.types import Float64Array, UInt8Array

_IMAGES: Final = ("image", "video")
_EPISODE_COLUMNS: Final = (
    "episode_index",
    "length",
    "dataset_from_index",
    "dataset_to_index",
    "data/chunk_index",
    "data/file_index",
)
_CONVERT: Final = (
    "python src/lerobot/scripts/convert_dataset_v21_to_v30.py --repo-id=NAME --root={root} "
    "--push-to-hub=false (of github.com/huggingface/lerobot)"
)


class LeRobotDataset:
    """An open dataset."""

    def __init__(self, root: Path, mapping: DatasetMapping) -> None:
        """
        Raises:
            InvalidFile: `root` holds no dataset of format v3.0, or a damaged one.
            UnknownName: the mapping names a feature or task that it does not have.
        """
        self.root, self.name = root, root.absolute().name
        self.info = _read_info(root)
        self.features: dict[str, dict[str, Any]] = self.info["features"]
        self.fps: float | None = float(self.info["fps"])
        self._check_features(mapping)
        self.columns = sorted({source for _, source in mapping.sources()})
        """Columns of numbers that the mapping names."""
        self._records = _read_records(root)
        self._starts: dict[tuple[int, int], int] = {}
        """Index in the dataset of the first row of every data file."""
        for record in self._records:
            file = record["data/chunk_index"], record["data/file_index"]
            first = record["dataset_from_index"]
            self._starts[file] = min(self._starts.get(file, first), first)
        if mapping.select is not None:
            tasks = _read_tasks(root)
            if mapping.select not in tasks:
                raise UnknownName(f"task (in {root})", mapping.select, tasks)
            self._records = [r for r in self._records if mapping.select in r["tasks"]]
        self._rows = RowReader()
        self._videos: dict[str, VideoReader] = {}

    def episodes(self) -> Iterator[LeRobotEpisode | BadEpisode]:
        """Every selected episode in order, or why it cannot be read."""
        for record in self._records:
            chunk, number = record["data/chunk_index"], record["data/file_index"]
            path = self.root / self.info["data_path"].format(chunk_index=chunk, file_index=number)
            yield LeRobotEpisode(self, record, path, self._starts[chunk, number])

    def table(self, path: Path, first: int, length: int, columns: Sequence[str]) -> Any:
        """Rows of a data file, as a table of pyarrow."""
        return self._rows.read(path, first, length, columns)

    def video(self, feature: str, chunk: int, file: int) -> VideoReader:
        """The video of a camera, kept open: episodes follow each other in it."""
        template = self.info.get("video_path")
        if not isinstance(template, str):
            raise BadEpisode(f"'{feature}': meta/info.json does not say where videos are")
        path = self.root / template.format(video_key=feature, chunk_index=chunk, file_index=file)
        reader = self._videos.get(feature)
        if reader is None or reader.path != path:
            if reader is not None:
                reader.close()
            assert self.fps is not None
            reader = self._videos[feature] = VideoReader(path, self.fps)
        return reader

    def close(self) -> None:
        """Close its files; again has no effect."""
        self._rows.close()
        for reader in self._videos.values():
            reader.close()
        self._videos.clear()

    def _check_features(self, mapping: DatasetMapping) -> None:
        plain = [key for key, one in self.features.items() if one["dtype"] not in _IMAGES]
        images = [key for key, one in self.features.items() if one["dtype"] in _IMAGES]
        for place, source in mapping.sources():
            if source not in plain:
                raise UnknownName(f"feature of numbers for {place} (in {self.root})", source, plain)
        for camera, source in mapping.cameras.items():
            if source not in images:
                raise UnknownName(
                    f"feature of images for camera '{camera}' (in {self.root})", source, images
                )


class LeRobotEpisode:
    """One episode; the observation after its last action is not in this format."""

    def __init__(
        self, dataset: LeRobotDataset, record: dict[str, Any], path: Path, file_start: int
    ) -> None:
        """`file_start`: index in the dataset of the first row of its data file."""
        self._dataset, self._record, self._path = dataset, record, path
        self._first = int(record["dataset_from_index"]) - file_start
        self.index = int(record["episode_index"])
        self.rows = self.observation_rows = int(record["length"])
        self.task = "; ".join(map(str, record["tasks"] or ()))

    def observations(self, source: str) -> Float64Array:
        """Shape (rows, n)"""
        return self.values(source)

    def values(self, source: str) -> Float64Array:
        """Shape (rows, n)"""
        try:
            return two_dimensional(numeric(self._table.column(source)), source)
        except BadEpisode as error:
            raise BadEpisode(f"feature '{source}': {error}") from error

    def images(self, source: str, rows: Sequence[int]) -> list[UInt8Array]:
        """The images (height, width, 3), RGB, of some rows in rising order."""
        if self._dataset.features[source]["dtype"] == "video":
            return self._frames(source, rows)
        table = self._dataset.table(self._path, self._first, self.rows, [source])
        images = []
        for row in rows:
            cell = table.column(source)[row].as_py()
            place = f"'{source}', row {row}"
            if cell is None:
                raise BadEpisode(f"{place} has no image")
            if cell.get("bytes") is not None:
                images.append(decode_image(cell["bytes"], place))
            else:
                images.append(read_image(self._dataset.root / (cell.get("path") or ""), place))
        return images

    def _frames(self, source: str, rows: Sequence[int]) -> list[UInt8Array]:
        try:
            chunk, file, start_s = (
                self._record[f"videos/{source}/{key}"]
                for key in ("chunk_index", "file_index", "from_timestamp")
            )
        except KeyError as error:
            raise BadEpisode(f"'{source}': meta/episodes has no column {error}") from error
        video = self._dataset.video(source, chunk, file)
        assert self._dataset.fps is not None
        first = round(start_s * self._dataset.fps)
        return video.frames([first + row for row in rows])

    @cached_property
    def _table(self) -> Any:
        if self._record["dataset_to_index"] - self._record["dataset_from_index"] != self.rows:
            raise BadEpisode(
                f"meta/episodes says {self.rows} rows, from {self._record['dataset_from_index']} "
                f"to {self._record['dataset_to_index']}"
            )
        columns = ["episode_index", *self._dataset.columns]
        table = self._dataset.table(self._path, self._first, self.rows, columns)
        found = np.unique(numeric(table.column("episode_index")))
        if found.tolist() != [self.index]:
            raise BadEpisode(
                f"its rows in {self._path} are of episodes {[int(index) for index in found]}"
            )
        return table


def _read_info(root: Path) -> dict[str, Any]:
    path = root / "meta" / "info.json"
    try:
        info = json.loads(path.read_text())
        version = str(info["codebase_version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidFile(
            f"{root} is not a LeRobot dataset: {path} cannot be read: {error!r}"
        ) from error
    if not version.startswith("v3."):
        raise InvalidFile(
            f"{root} is a LeRobot dataset of format {version}, expected v3.0; convert it by "
            + _CONVERT.format(root=root)
        )
    for key, kind in (("fps", (int, float)), ("features", dict), ("data_path", str)):
        if not isinstance(info.get(key), kind):
            raise InvalidFile(f"{path} has {key}: {info.get(key)!r}, as a LeRobot dataset cannot")
    return dict(info)


def _read_records(root: Path) -> list[dict[str, Any]]:
    """What meta/episodes says of every episode, in order; its statistics are not read."""
    records: list[dict[str, Any]] = []
    for path in sorted((root / "meta" / "episodes").glob("*/*.parquet")):
        names, rows = read_rows(path, without="stats/")
        missing = [name for name in (*_EPISODE_COLUMNS, "tasks") if name not in names]
        if missing:
            raise InvalidFile(f"{path} lacks {', '.join(missing)}; it has {', '.join(names)}")
        records += rows
    if not records:
        raise InvalidFile(f"{root} holds no episodes (in meta/episodes/*/*.parquet)")
    return sorted(records, key=lambda record: int(record["episode_index"]))


def _read_tasks(root: Path) -> list[str]:
    """The tasks in words; the name of their column depends on who wrote it."""
    path = root / "meta" / "tasks.parquet"
    if not path.exists():
        return []
    names, rows = read_rows(path)
    words = [name for name in names if name != "task_index"]
    return [str(row[words[0]]) for row in rows] if words else []
