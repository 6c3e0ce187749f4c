"""A foreign dataset, opened by the importer of its format."""

from __future__ import annotations

from pathlib import Path

from dsrl_core.data.importers.mapping import DatasetMapping
from dsrl_core.data.importers.source import SourceDataset
from dsrl_core.errors import DsrlError


def open_dataset(path: Path, mapping: DatasetMapping) -> SourceDataset:
    """The dataset at `path`, in the format that the mapping names.

    Raises:
        DsrlError: it is not there or not of this format, it lacks a column that the mapping names,
            or the library that reads it is not installed.
    """
    if not path.exists():
        raise DsrlError(f"there is no dataset {path}")
    if mapping.format == "lerobot":
        from dsrl_core.data.importers.lerobot import LeRobotDataset

        return LeRobotDataset(path, mapping)
    from dsrl_core.data.importers.robomimic import RobomimicDataset

    return RobomimicDataset(path, mapping)
