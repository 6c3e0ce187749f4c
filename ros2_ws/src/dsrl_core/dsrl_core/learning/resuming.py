"""A learner's memory on disk, so that a new start goes on where the last one was ended.

    <run>/checkpoints/resume_000042_000006500.safetensors    entries of the ledger, updates

Episodes and ledger stay the only truth: what is trained on is made of them again, and the memory
holds what cannot be, to the bit. One that does not fit them, or this program's settings, is set
aside with the reason, and the one before it is taken; without any, everything is learned again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.learning.remembering import Memory, State, as_tensor, digest

KEPT: Final = 2
"""The newest ones stay: one may be damaged."""
_FORMAT: Final = 1
_REFUSED: Final = ".refused"

Started = TypeVar("Started")


@dataclass(frozen=True)
class ResumePoint:
    """A memory, and what the learner was that wrote it."""

    about: Mapping[str, Any]
    """All that decides what is learned, beside episodes and labels."""
    memory: Memory


class ResumePoints:
    """Those of one run; for the one process that learns."""

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        """`about`: of the learner that may go on; a memory of another one is refused."""
        self._folder, self._about = folder, json.loads(json.dumps(about))
        self._last: tuple[int, int] | None = None

    def start(self, make: Callable[[Memory | None], Started]) -> tuple[Started, list[str]]:
        """What `make` makes of the newest memory that it can go on with, or of none; and why others
        were not taken, for people.

        `make` is to raise InvalidFile for a memory that does not fit.

        Raises:
            DsrlError: nothing can be made even without a memory, or the folder cannot be written.
        """
        refused = []
        for path in self._paths():
            try:
                memory = self._read(path).memory
                started = make(memory)
            except InvalidFile as error:
                aside = path.with_name(path.name + _REFUSED)
                refused.append(f"{error}; set aside as {aside.name}")
                self._rename(path, aside)
                continue
            self._last = _place_of(memory)
            return started, refused
        return make(None), refused

    def keep(self, memory: Memory) -> None:
        """Write a memory down, whole or not at all, unless nothing has happened since the last.

        Raises:
            DsrlError: the disk is full, or the folder cannot be written; older ones stay.
        """
        place = _place_of(memory)
        if place == self._last:
            return
        path = self._folder / f"resume_{place[0]:06d}_{place[1]:09d}.safetensors"
        part = path.with_suffix(".part")
        facts = {"about": self._about, "facts": memory.facts}
        told = {"format": str(_FORMAT), "facts": json.dumps(facts)}
        told["sha256"] = _sum_of(memory.tensors, told["facts"])
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            save_file({k: v.contiguous() for k, v in memory.tensors.items()}, part, told)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.rename(path)
            self._last = place
            for old in self._paths()[KEPT:]:
                old.unlink()
        except (OSError, SafetensorError) as error:
            with suppress(OSError):  # a disk that cannot be written refuses this too
                part.unlink()
            raise DsrlError(f"what was learned could not be written to {path}: {error}") from error

    def _paths(self) -> list[Path]:
        """Newest first."""
        return sorted(self._folder.glob("resume_*.safetensors"), reverse=True)

    def _read(self, path: Path) -> ResumePoint:
        try:
            with safe_open(path, framework="pt") as file:
                told = file.metadata() or {}
                if told.get("format") != str(_FORMAT):
                    raise InvalidFile(
                        f"{path} is of format {told.get('format')}; this program reads {_FORMAT}"
                    )
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            if told["sha256"] != _sum_of(tensors, told["facts"]):
                raise InvalidFile(f"{path} is not what was written")
            facts = json.loads(told["facts"])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InvalidFile(f"{path} cannot be read: {error}") from error
        if changed := _differences(facts["about"], self._about):
            raise InvalidFile(f"{path} was learned with other settings: {'; '.join(changed)}")
        return ResumePoint(facts["about"], Memory(tensors, facts["facts"]))

    @staticmethod
    def _rename(path: Path, aside: Path) -> None:
        try:
            path.rename(aside)
        except OSError as error:
            raise DsrlError(f"{path} cannot be set aside: {error}") from error


def entries_of(memory: Memory) -> int:
    """Of the ledger, that it was learned from."""
    return int(memory.part("run").facts["entries"])


def checkpoints_of(memory: Memory | None) -> dict[int, str]:
    """Digests of the guard's checkpoints that it goes on with, by version."""
    return {} if memory is None else dict(memory.part("run").facts["checkpoints"])


def version_of(memory: Memory | None) -> int:
    """Number of the newest version of the weights that it knows."""
    present = {} if memory is None else memory.part("run").facts.get("present", {})
    return int(present.get("number", 0))


def _place_of(memory: Memory) -> tuple[int, int]:
    return entries_of(memory), int(memory.part("learner").part("counters").facts["updates"])


def _sum_of(tensors: State, facts: str) -> str:
    return digest(tensors | {"": as_tensor(facts.encode())})


def _differences(theirs: Any, ours: Any, name: str = "") -> list[str]:
    """Settings that differ, in words."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found = []
        for key in sorted(theirs.keys() | ours.keys()):
            inner = f"{name}.{key}" if name else key
            found += _differences(theirs.get(key), ours.get(key), inner)
        return found
    return [] if theirs == ours else [f"{name} was {theirs}, is {ours}"]
