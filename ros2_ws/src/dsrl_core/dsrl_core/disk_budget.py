"""How many more episodes the disk takes: told well before the end, and no further one begins at it.

An episode that runs is always finished and stored: the next one begins only if it has room.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsrl_core.health import Health, Level

WARN_EPISODES: Final = 50
"""A warning from so many on: an hour or more, for a person to make room in."""
LATEST: Final = 20
"""Episodes whose mean is the present size."""
DISK: Final = "dsrl: disk"


@dataclass(frozen=True)
class DiskState:
    """What is there, and what is left of it."""

    used_bytes: int = 0
    """By all episodes."""
    room_bytes: float = math.inf
    """For further ones; negative: more is taken than may be."""
    per_episode_bytes: float = 0.0
    """Of late; 0: none is there yet."""
    problem: str = ""
    """Why nothing can be written, for people; empty: it can."""

    @property
    def episodes_left(self) -> float:
        """At the present size; NaN: not known yet."""
        if not self.per_episode_bytes:
            return math.nan
        return max(0.0, self.room_bytes // self.per_episode_bytes)

    @property
    def refusal(self) -> str:
        """Why no further episode begins, for people; empty: it may."""
        if self.problem:
            return f"no episode begins: {self.problem}"
        if self.room_bytes <= 0 or self.room_bytes < self.per_episode_bytes:
            return (
                f"no episode begins: {self.used_bytes / 1e9:.2f} GB of episodes are on disk and "
                f"{max(0.0, self.room_bytes) / 1e6:.0f} MB are left for more; make room, or give "
                "more with episode_manager.disk_gb"
            )
        return ""

    @property
    def warning(self) -> str:
        """That the end is near, for people; empty: it is not."""
        if not self.refusal and self.episodes_left <= WARN_EPISODES:
            return (
                f"the disk has room for about {self.episodes_left:.0f} more episodes of "
                f"{self.per_episode_bytes / 1e6:.1f} MB"
            )
        return ""


class DiskBudget:
    """Watches the folder of a run's episodes."""

    def __init__(self, folder: Path, limit_bytes: float, free_min_bytes: float) -> None:
        """`limit_bytes`: of all episodes; 0: none. `free_min_bytes`: what stays free."""
        self._folder, self._limit, self._free_min = folder, limit_bytes, free_min_bytes
        self._sizes: dict[str, int] = {}

    def look(self) -> DiskState:
        """What is there now; an episode's size is looked up once."""
        try:
            self._measure()
            disk = os.statvfs(self._folder)
        except OSError as error:
            return DiskState(problem=f"{self._folder} cannot be read: {error.strerror}")
        if disk.f_flag & os.ST_RDONLY or not os.access(self._folder, os.W_OK):
            return DiskState(problem=f"{self._folder} cannot be written: it is read-only")
        used = sum(self._sizes.values())
        room = disk.f_bavail * disk.f_frsize - self._free_min
        if self._limit:
            room = min(room, self._limit - used)
        latest = [self._sizes[name] for name in sorted(self._sizes)[-LATEST:]]
        return DiskState(used, room, sum(latest) / len(latest) if latest else 0.0)

    def _measure(self) -> None:
        with os.scandir(self._folder) as entries:
            found = [entry.path for entry in entries if entry.name.startswith("episode_")]
        for gone in self._sizes.keys() - set(found):
            del self._sizes[gone]
        for path in found:
            if path not in self._sizes:
                with os.scandir(path) as files:
                    self._sizes[path] = sum(file.stat().st_size for file in files)


def disk_health(state: DiskState, hardware_id: str) -> Health:
    """Of the disk. ERROR: no further episode begins. WARN: soon none will."""
    left = state.episodes_left
    values = {
        "episodes left": f"{left:.0f}" if math.isfinite(left) else "not known yet",
        "MB per episode": f"{state.per_episode_bytes / 1e6:.2f}",
        "GB of episodes": f"{state.used_bytes / 1e9:.3f}",
        "GB left for more": f"{state.room_bytes / 1e9:.2f}",
    }
    level = Level.ERROR if state.refusal else Level.WARN if state.warning else Level.OK
    return Health(level, DISK, hardware_id, state.refusal or state.warning or "well", values)
