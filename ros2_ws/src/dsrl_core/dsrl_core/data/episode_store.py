"""Episodes on disk: one rosbag2 bag (MCAP) per episode, readable by `ros2 bag` and Foxglove.

    <folder>/episode_000012/metadata.yaml, episode_000012.mcap, SHA256SUMS
                            and where raw topics were recorded episode_000012_raw.mcap
        decision_step      dsrl_interfaces/msg/DecisionStep, the closing record last
        episode_metadata   std_msgs/msg/String, one: JSON with all that is no step

A bag appears under its name when it is complete and safe on disk, never before. Its chunks are
compressed (zstd, as MCAP has it), which makes rendered images some ten times smaller.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer

from dsrl_core.data.checksums import changed_since, write_sums
from dsrl_core.data.decision_codec import STEP_TYPE, TEXT_TYPE, codec_for, own_codec
from dsrl_core.data.raw_bag import RAW, join
from dsrl_core.errors import DsrlError, InvalidFile, InvalidValue, UnknownName
from dsrl_core.types import DecisionStep, Episode, Mode

EPISODES: Final = "episodes"
"""Folder of the episodes in that of a run."""
STEP_TOPIC: Final = "decision_step"
METADATA_TOPIC: Final = "episode_metadata"
_BAG_VERSION: Final = 9
_NAME: Final = re.compile(r"episode_(\d{6,})")
_PARTIAL: Final = ".partial-"
INTERRUPTED: Final = "interrupted"
"""Folder in which remains are kept."""


class EpisodeStore:
    """A folder of episodes; any number of readers, and writers of different episodes."""

    def __init__(self, folder: Path) -> None:
        """Open or make the folder; what an interrupted write left is moved to `interrupted/`.

        Raises:
            DsrlError: the folder cannot be made or listed.
        """
        self.folder = folder
        self.set_aside: tuple[Path, ...] = ()
        """Remains of interrupted writes that were found when the store was opened."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.set_aside = tuple(self._clear_partials())
        except OSError as error:
            raise DsrlError(f"the episode folder {folder} cannot be used: {error}") from error

    def numbers(self) -> list[int]:
        """Numbers of the stored episodes, in order."""
        found = (_NAME.fullmatch(entry.name) for entry in os.scandir(self.folder))
        return sorted(int(match[1]) for match in found if match)

    def next_number(self) -> int:
        """The number after the highest stored one; 0 in an empty store."""
        return max(self.numbers(), default=-1) + 1

    def path_of(self, number: int) -> Path:
        """Where an episode is, or will be."""
        return self.folder / f"episode_{number:06d}"

    def write(self, episode: Episode, raw: Path | None = None) -> Path:
        """Store an episode: complete on disk when this returns, and not there at all if it raises.

        `raw`: folder that a `RawBag` has finished; its file becomes part of the episode's bag.

        Raises:
            InvalidValue: its number is taken, or a step cannot be stored.
            DsrlError: the disk is full, or the folder cannot be written.
        """
        target = self.path_of(episode.number)
        if target.exists():
            raise InvalidValue(
                f"episode {episode.number} is already stored in {target}; the next free number is "
                f"{self.next_number()}"
            )
        try:
            with self.partial(target.name) as partial:
                _write_bag(partial / target.name, episode)
                if raw is not None:
                    join(partial / target.name, raw)
                write_sums(partial / target.name)
                _sync(partial / target.name)
                (partial / target.name).rename(target)
                _sync_path(self.folder)
        except OSError as error:
            raise DsrlError(
                f"episode {episode.number} could not be written to {self.folder}, nothing of it "
                f"was kept: {error}"
            ) from error
        return target

    def read(self, episode: int | Path) -> Episode:
        """A stored episode by its number, or a bag by its path.

        Raises:
            UnknownName: there is no such episode.
            InvalidFile: it is no bag of an episode, or a damaged one.
        """
        path = self.path_of(episode) if isinstance(episode, int) else episode
        if not path.exists():
            raise UnknownName(f"episode (in {self.folder})", str(episode), map(str, self.numbers()))
        try:
            return _read_bag(path)
        except InvalidFile:
            raise
        except Exception as error:  # a damaged file can make a decoder raise anything
            kind = type(error).__name__
            raise InvalidFile(
                f"{path} is not a whole bag of an episode (topics {STEP_TOPIC} and "
                f"{METADATA_TOPIC}): {kind}: {error}"
            ) from error

    @contextmanager
    def partial(self, name: str) -> Iterator[Path]:
        """A folder to write in, locked while it is in use and gone afterwards."""
        partial = self.folder / f"{_PARTIAL}{name}-{os.getpid()}"
        partial.mkdir()
        handle = os.open(partial, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            os.close(handle)

    def _clear_partials(self) -> Iterator[Path]:
        """Move away what nobody is writing any more."""
        for partial in sorted(self.folder.glob(f"{_PARTIAL}*-*[0-9]")):
            if _is_alive(int(partial.name.rpartition("-")[2])):
                continue
            handle = os.open(partial, os.O_RDONLY)
            try:
                # Its writer may live in another container, where its number says nothing.
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                aside = self.folder / INTERRUPTED
                aside.mkdir(exist_ok=True)
                yield partial.rename(free_name(aside / partial.name.removeprefix(_PARTIAL)))
            except BlockingIOError:
                continue
            finally:
                os.close(handle)


def _write_bag(path: Path, episode: Episode) -> None:
    codec = own_codec()
    stamps = [step.decision.observation.stamp_ns for step in episode.steps] or [0]
    metadata = {
        "number": episode.number,
        "mode": str(episode.mode),
        "seed": episode.seed,
        "end_reason": episode.end_reason,
        "metadata": episode.metadata,
    }
    rows = [codec.encode(step) for step in episode.steps]
    bag = Writer(path, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
    bag.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with bag as writer:
        steps = writer.add_connection(STEP_TOPIC, STEP_TYPE, typestore=codec.typestore)
        about = writer.add_connection(METADATA_TOPIC, TEXT_TYPE, typestore=codec.typestore)
        writer.write(about, stamps[0], codec.encode_text(json.dumps(metadata)))
        for stamp, row in zip(stamps, rows, strict=False):
            writer.write(steps, stamp, row)


def _read_bag(path: Path) -> Episode:
    steps: list[DecisionStep] = []
    about: dict[str, Any] | None = None
    # The .mcap says everything; metadata.yaml is for ros2 bag.
    bag = decisions_file(path) or path
    raw = f"{path.name}{RAW}.mcap"  # costs the learner nothing, not even its sum
    if path.is_dir() and (changed := changed_since(path, but=(raw,))):
        told = ", ".join(f"{name} {problem}" for name, problem in changed.items())
        raise InvalidFile(f"{path} is damaged: {told}")
    with Reader(bag) as reader:
        for connection, _, data in reader.messages():
            if connection.topic == METADATA_TOPIC:
                about = json.loads(own_codec().decode_text(data))
            elif connection.topic == STEP_TOPIC:
                steps.append(codec_for(connection.msgdef.data).decode(data))
    if about is None:
        raise InvalidFile(f"{path} has no message on {METADATA_TOPIC}: not a bag of an episode")
    return episode_of(about, steps)


def decisions_file(path: Path) -> Path | None:
    """The file of a bag, or below what is left of one, in which its decisions are."""
    if not path.is_dir():
        return path
    return next((f for f in sorted(path.rglob("*.mcap")) if not f.stem.endswith(RAW)), None)


def episode_of(about: Mapping[str, Any], steps: Iterable[DecisionStep]) -> Episode:
    """An episode of what its bag says: the metadata's map, and its steps in any order."""
    return Episode(
        about["number"],
        Mode(about["mode"]),
        about["seed"],
        tuple(sorted(steps, key=lambda step: step.decision.sequence)),
        about["end_reason"],
        about["metadata"],
    )


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def free_name(path: Path) -> Path:
    """The path with the first number behind it that is not taken."""
    taken = 0
    while (free := path.with_name(f"{path.name}.{taken}")).exists():
        taken += 1
    return free


def _sync(folder: Path) -> None:
    for file in folder.iterdir():
        _sync_path(file)
    _sync_path(folder)


def _sync_path(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
