"""robomimic datasets: one HDF5 file.

Facts: `docs/datasets/overview.md` of github.com/ARISE-Initiative/robomimic (MIT).

    data                        attributes total, env_args (JSON)
    data/demo_0                 attribute num_samples
    data/demo_0/obs/<key>       (n, ...), at every action
    data/demo_0/next_obs/<key>  (n, ...), after every action; may be missing
    data/demo_0/actions, rewards, dones, states, action_dict/<key>
    mask/<filter key>           names of demos
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_core.data.importers.libraries import library
from dsrl_core.data.importers.mapping import DatasetMapping
from dsrl_core.data.importers.source import BadEpisode, two_dimensional
from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.types import Float64Array, UInt8Array

_NAME = "demo_"


class RobomimicDataset:
    """An open dataset."""

    def __init__(self, path: Path, mapping: DatasetMapping) -> None:
        """
        Raises:
            InvalidFile: it is no HDF5 file with demos.
            UnknownName: the mapping selects a filter key that it does not have.
        """
        self.name = path.name
        h5py = library("h5py")
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise InvalidFile(f"{path} cannot be read as HDF5: {error}") from error
        try:
            self._data, self._demos = self._open(h5py, path, mapping.select)
            self.fps = _control_frequency(self._data)
        except BaseException:
            self._file.close()
            raise

    def episodes(self) -> Iterator[RobomimicEpisode | BadEpisode]:
        """Every selected episode in order, or why it cannot be read."""
        for name in self._demos:
            try:
                yield RobomimicEpisode(name, self._data)
            except BadEpisode as error:
                yield BadEpisode(f"{name}: {error}")

    def close(self) -> None:
        """Close the file; again has no effect."""
        self._file.close()

    def _open(self, h5py: Any, path: Path, select: str | None) -> tuple[Any, list[str]]:
        data = self._file.get("data")
        demos = [name for name in data or () if _number(name) is not None]
        if not demos:
            raise InvalidFile(f"{path} holds no group data/{_NAME}0: not a robomimic dataset")
        if select is not None:
            mask = self._file.get("mask", {})
            if not isinstance(mask.get(select), h5py.Dataset):
                raise UnknownName(f"filter key (mask, in {path})", select, mask)
            demos = [bytes(name).decode() for name in mask[select][()]]
        return data, sorted(demos, key=lambda name: _number(name) or 0)


class RobomimicEpisode:
    """One demo; the observation after its last action is known if it has `next_obs`."""

    def __init__(self, name: str, data: Any) -> None:
        """
        Raises:
            BadEpisode: there is no such demo, or it lacks actions or observations.
        """
        if name not in data:
            raise BadEpisode("the filter key names it, but it is not in the file")
        self._demo = data[name]
        for part in ("obs", "actions"):
            if part not in self._demo:
                raise BadEpisode(f"it has no '{part}'; available: {', '.join(self._demo)}")
        self.index = _number(name) or 0
        self.task = str(_environment(data).get("env_name", ""))
        self.rows = len(self._demo["actions"])
        said = self._demo.attrs.get("num_samples", self.rows)
        if said != self.rows:
            raise BadEpisode(f"it has {self.rows} actions, but says num_samples {said}")
        self._has_last = "next_obs" in self._demo
        self.observation_rows = self.rows + int(self._has_last and self.rows > 0)

    def observations(self, source: str) -> Float64Array:
        """Shape (observation_rows, n)"""
        values = self._read("obs", source)
        if self._has_last:
            values = np.concatenate([values, self._read("next_obs", source)[-1:]])
        return values

    def values(self, source: str) -> Float64Array:
        """Shape (rows, n)"""
        return self._read("", source)

    def images(self, source: str, rows: Sequence[int]) -> list[UInt8Array]:
        """The images (height, width, 3), RGB, of some rows in rising order."""
        images = []
        for row in rows:
            part, place = ("obs", row) if row < self.rows else ("next_obs", self.rows - 1)
            found = self._dataset(part, source)
            if found.dtype != np.uint8 or found.ndim != 4 or found.shape[3] != 3:
                raise BadEpisode(
                    f"'{part}/{source}' is {found.dtype} of shape {found.shape}, expected uint8 "
                    "images (rows, height, width, 3)"
                )
            with _told(source):
                images.append(np.asarray(found[place], dtype=np.uint8))
        return images

    def _read(self, group: str, source: str) -> Float64Array:
        found = self._dataset(group, source)
        if found.dtype.kind not in "fiub":
            raise BadEpisode(f"'{source}' is {found.dtype}, expected numbers")
        with _told(source):
            values = np.asarray(found[()], dtype=np.float64)
        return two_dimensional(values, source)

    def _dataset(self, group: str, source: str) -> Any:
        holder = self._demo[group] if group else self._demo
        found = holder.get(source)
        if not hasattr(found, "dtype"):
            place = f" in {group}" if group else ""
            raise BadEpisode(f"there is no '{source}'{place}; available: {', '.join(holder)}")
        if len(found) != self.rows:
            raise BadEpisode(f"'{source}' has {len(found)} rows, there are {self.rows} actions")
        return found


@contextmanager
def _told(source: str) -> Iterator[None]:
    """Turn what damaged data raise into an error that names them."""
    try:
        yield
    except OSError as error:
        raise BadEpisode(f"'{source}' cannot be read: {error}") from error


def _number(name: str) -> int | None:
    """k of demo_k, or None."""
    text = name.removeprefix(_NAME)
    return int(text) if name.startswith(_NAME) and text.isdigit() else None


def _environment(data: Any) -> dict[str, Any]:
    """What the file says of the environment it was recorded in; empty if nothing."""
    try:
        found = json.loads(data.attrs["env_args"])
    except (KeyError, ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _control_frequency(data: Any) -> float | None:
    """Rows per second, where the environment is one that says so (robosuite)."""
    arguments = _environment(data).get("env_kwargs")
    found = arguments.get("control_freq") if isinstance(arguments, dict) else None
    return float(found) if isinstance(found, int | float) and found > 0 else None
