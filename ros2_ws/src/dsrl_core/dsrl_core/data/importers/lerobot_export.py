"""Writes LeRobot datasets of format v3.0; see `lerobot` for the format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from dsrl_core.data.importers.lerobot_statistics import Statistics
from dsrl_core.data.importers.libraries import library
from dsrl_core.data.importers.steps import EpisodeSteps, component_names, indexed, is_whole
from dsrl_core.errors import InvalidValue
from dsrl_core.specs import FieldSpec, PolicySpec
from dsrl_core.types import UInt8Array

_FILE: Final = "chunk-{chunk_index:03d}/file-{file_index:03d}"
_FILES_PER_CHUNK: Final = 1000
_DATA_FILE_MB: Final = 100
_OUR_FLAGS: Final = ("next.done", "next.success", "next.terminated")
_COUNTERS: Final = ("frame_index", "episode_index", "index", "task_index")


class LeRobotWriter:
    """One folder; an episode at a time, then `finish`.

    The format pairs every observation with an action: the last one gets an action that does
    nothing, relative ones zero, absolute ones as before, which an import drops.
    """

    reward: Final = "next.reward"

    def __init__(self, root: Path, policy: PolicySpec, with_images: bool) -> None:
        """
        Raises:
            InvalidValue: the policy's rate is no integer, which the format cannot express.
        """
        rate = 1.0 / policy.action.period_s
        if not is_whole(rate):
            raise InvalidValue(
                f"policy '{policy.name}' acts {rate:g} times per second, a LeRobot dataset has an "
                "integer rate"
            )
        self._root, self._policy, self._fps = root, policy, round(rate)
        self._cameras = policy.cameras if with_images else ()
        self._features = self._describe()
        self._tasks: dict[str, int] = {}
        self._records: list[dict[str, Any]] = []
        self._whole = Statistics()
        self._frames = self._file = self._chunk = 0
        self._writer: Any = None

    def add(self, index: int, steps: EpisodeSteps) -> None:
        """Write an episode: one row group of the data file."""
        task = self._tasks.setdefault(steps.task, len(self._tasks))
        columns, own = self._columns(index, steps, task), Statistics()
        for name, values in columns.items():
            own.add(name, values)
            self._whole.add(name, values)
        count = len(steps.observations)
        path = self._data_file()
        table = self._table(columns)
        if self._writer is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = library("pyarrow.parquet").ParquetWriter(
                path, table.schema, compression="snappy", use_dictionary=True
            )
        self._writer.write_table(table)
        self._records.append(
            {
                "episode_index": index,
                "tasks": [steps.task],
                "length": count,
                "data/chunk_index": self._chunk,
                "data/file_index": self._file,
                "dataset_from_index": self._frames,
                "dataset_to_index": self._frames + count,
                **own.flat(),
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
        )
        self._frames += count
        if path.stat().st_size >= _DATA_FILE_MB * 1024**2:
            self._next_file()

    def finish(self) -> None:
        """Close the data, and write what is said of it."""
        self._close()
        pa, parquet = library("pyarrow"), library("pyarrow.parquet")
        meta = self._root / "meta"
        episodes = meta / "episodes" / f"{_FILE.format(chunk_index=0, file_index=0)}.parquet"
        episodes.parent.mkdir(parents=True)
        parquet.write_table(pa.Table.from_pylist(self._records), episodes)
        parquet.write_table(self._task_table(), meta / "tasks.parquet")
        _write_json(meta / "stats.json", self._whole.nested())
        _write_json(meta / "info.json", self._info())

    def mapping(self) -> dict[str, Any]:
        """What a mapping file has to say of it."""
        cameras = {camera.name: _image_key(camera.name) for camera in self._cameras}
        return {
            "observation": indexed(self._policy.observation, "observation.state"),
            "action": indexed(self._policy.action.fields, "action"),
            **({"cameras": cameras} if cameras else {}),
            "success": {"source": "next.success"},
            "terminated": "next.terminated",
        }

    def _describe(self) -> dict[str, dict[str, Any]]:
        """The features, as info.json tells them."""

        def vector(fields: tuple[FieldSpec, ...]) -> dict[str, Any]:
            names = component_names(fields)
            return {"dtype": "float32", "shape": [len(names)], "names": names}

        def scalar(dtype: str) -> dict[str, Any]:
            return {"dtype": dtype, "shape": [1], "names": None}

        features = {
            "observation.state": vector(self._policy.observation),
            "action": vector(self._policy.action.fields),
            self.reward: scalar("float32"),
            **{name: scalar("bool") for name in _OUR_FLAGS},
        }
        for camera in self._cameras:
            features[_image_key(camera.name)] = {
                "dtype": "image",
                "shape": [camera.height, camera.width, 3],
                "names": ["height", "width", "channels"],
            }
        features["timestamp"] = scalar("float32")
        return features | {name: scalar("int64") for name in _COUNTERS}

    def _columns(self, index: int, steps: EpisodeSteps, task: int) -> dict[str, Any]:
        """Every feature, shape (rows, ...)."""
        rows = len(steps.observations)
        relative = np.concatenate(
            [np.full(spec.size, spec.relative) for spec in self._policy.action.fields]
        )
        nothing = np.where(relative, np.float32(0.0), steps.actions[-1])
        last = np.arange(rows) == rows - 1
        columns = {
            "observation.state": steps.observations,
            "action": np.concatenate([steps.actions, nothing[None]]),
            self.reward: np.append(steps.rewards, np.float32(0.0)),
            "next.done": last,
            "next.success": last & steps.success,
            "next.terminated": last & steps.terminated,
        }
        if steps.images is not None:
            for place, camera in enumerate(self._cameras):
                columns[_image_key(camera.name)] = steps.images[:, place]
        frames = np.arange(rows)
        return columns | {
            "timestamp": (frames / self._fps).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(rows, index),
            "index": self._frames + frames,
            "task_index": np.full(rows, task),
        }

    def _table(self, columns: dict[str, Any]) -> Any:
        """A table of pyarrow, typed and described as the `datasets` library does it."""
        pa = library("pyarrow")
        arrays: dict[str, Any] = {}
        types: dict[str, Any] = {}
        for name, feature in self._features.items():
            values = columns[name]
            if feature["dtype"] == "image":
                kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
                cells = [
                    {"bytes": _png(image), "path": f"frame-{row:06d}.png"}
                    for row, image in enumerate(values)
                ]
                arrays[name] = pa.array(cells, kind)
                types[name] = {"_type": "Image"}
                continue
            value: dict[str, Any] = {"dtype": feature["dtype"], "_type": "Value"}
            kind = pa.type_for_alias(feature["dtype"])
            if values.ndim == 1:
                arrays[name], types[name] = pa.array(values, kind), value
            else:
                flat = pa.array(np.ascontiguousarray(values).reshape(-1), kind)
                arrays[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
                types[name] = {"feature": value, "length": values.shape[1], "_type": "Sequence"}
        about = json.dumps({"info": {"features": types}})
        return pa.table(arrays).replace_schema_metadata({"huggingface": about})

    def _task_table(self) -> Any:
        """Numbers of the tasks, indexed by their words as pandas writes it."""
        pa = library("pyarrow")

        def column(name: str, kind: str, numpy_kind: str) -> dict[str, Any]:
            return {
                "name": name,
                "field_name": name,
                "pandas_type": kind,
                "numpy_type": numpy_kind,
                "metadata": None,
            }

        about = {
            "index_columns": ["task"],
            "column_indexes": [column("", "unicode", "object") | {"name": None}],
            "columns": [
                column("task_index", "int64", "int64"),
                column("task", "unicode", "object"),
            ],
            "creator": {"library": "pyarrow", "version": pa.__version__},
            "pandas_version": "2.2.0",
        }
        table = pa.table(
            {
                "task_index": pa.array(self._tasks.values(), pa.int64()),
                "task": pa.array(self._tasks, pa.string()),
            }
        )
        return table.replace_schema_metadata({"pandas": json.dumps(about)})

    def _info(self) -> dict[str, Any]:
        return {
            "codebase_version": "v3.0",
            "fps": self._fps,
            "features": self._features,
            "total_episodes": len(self._records),
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": _FILES_PER_CHUNK,
            "data_files_size_in_mb": _DATA_FILE_MB,
            "video_files_size_in_mb": 200,
            "data_path": f"data/{_FILE}.parquet",
            "video_path": None,
            "robot_type": None,
            "splits": {"train": f"0:{len(self._records)}"},
        }

    def _data_file(self) -> Path:
        name = _FILE.format(chunk_index=self._chunk, file_index=self._file)
        return self._root / "data" / f"{name}.parquet"

    def _next_file(self) -> None:
        self._close()
        self._file += 1
        if self._file == _FILES_PER_CHUNK:
            self._chunk, self._file = self._chunk + 1, 0

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _image_key(name: str) -> str:
    return f"observation.images.{name}"


def _png(image: UInt8Array) -> bytes:
    return bytes(cv2.imencode(".png", image[..., ::-1])[1])


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4, ensure_ascii=False))
