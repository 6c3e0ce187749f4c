"""Weights of a run that are kept on disk, so that any two versions can be compared later.

    <run>/weights/v000012.safetensors

The learner writes every version that goes to the robot before it goes there, and the noise actor
reads the ones that a comparison asks for. A file without any bytes stands for the frozen policy by
itself, as in `ActorWeights`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsrl_core.errors import DsrlError, UnknownName

WEIGHTS: Final = "weights"
_NAME: Final = re.compile(r"v(\d{6,})\.safetensors")
_MEGABYTE: Final = 10**6


@dataclass(frozen=True)
class KeepLimits:
    """How much is kept; the newest version always is."""

    versions: int = 100
    megabytes: float = 500.0


class KeptWeights:
    """The folder of one run; it may be read while another process writes."""

    def __init__(self, run: Path) -> None:
        self.folder = run / WEIGHTS

    def versions(self) -> list[int]:
        """Versions that are there, in rising order."""
        if not self.folder.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def check(self, version: int) -> None:
        """
        Raises:
            UnknownName: this version is not kept.
        """
        available = self.versions()
        if version not in available:
            names = [f"{number:d}" for number in available]
            raise UnknownName("weights version", str(version), names)

    def read(self, version: int) -> bytes:
        """The bytes as they were published.

        Raises:
            UnknownName: this version is not kept.
            DsrlError: its file cannot be read.
        """
        self.check(version)
        path = self._path(version)
        try:
            return path.read_bytes()
        except OSError as error:
            raise DsrlError(f"weights {path} cannot be read: {error}") from error

    def keep(self, version: int, data: bytes) -> None:
        """Write a version; it is there as a whole or not at all, also after a loss of power.

        Raises:
            DsrlError: the disk is full, or the folder cannot be written.
        """
        path = self._path(version)
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise DsrlError(f"weights {path} could not be written: {error}") from error

    def thin(
        self, limits: KeepLimits, evaluated: Collection[int], needed: Collection[int]
    ) -> list[int]:
        """Delete versions until the rest is within the limits; which ones were deleted.

        Never the newest, nor those `needed` by comparisons. Versions that no evaluation ran under
        go first, and of equals the one whose neighbours are closest to each other, so that what
        stays is spread over the run.

        Raises:
            DsrlError: a file cannot be deleted.
        """
        versions, deleted = self.versions(), list[int]()
        sizes = {version: self._path(version).stat().st_size for version in versions}
        while versions and not _fits(limits, [sizes[version] for version in versions]):
            places = [p for p in range(len(versions) - 1) if versions[p] not in needed]
            if not places:
                break
            place = min(places, key=lambda p: (versions[p] in evaluated, _gap(versions, p), p))
            deleted.append(versions.pop(place))
            path = self._path(deleted[-1])
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise DsrlError(f"weights {path} could not be deleted: {error}") from error
        return deleted

    def _path(self, version: int) -> Path:
        return self.folder / f"v{version:06d}.safetensors"


def _fits(limits: KeepLimits, sizes: list[int]) -> bool:
    return len(sizes) <= limits.versions and sum(sizes) <= limits.megabytes * _MEGABYTE


def _gap(versions: list[int], place: int) -> int:
    """From the version before to the one after; before the first there is version 0."""
    return versions[place + 1] - (versions[place - 1] if place else 0)
