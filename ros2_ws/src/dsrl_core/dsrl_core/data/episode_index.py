"""What a list tells of every episode, kept so that a thousand bags need not be read for it.

A cache beside the episodes (`episodes/index.json`) and never the truth: an entry holds while the
files of its bag have the sizes and times that they had, what does not hold is read again, and an
index that is gone or damaged is made anew. Nothing is lost with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dsrl_core.data.episode_store import EpisodeStore

INDEX: Final = "index.json"
_VERSION: Final = 1


class EpisodeIndex:
    """The index of a store, as it was found; `save` what was added."""

    def __init__(self, store: EpisodeStore) -> None:
        self._store = store
        self._path = store.folder / INDEX
        self._entries = _read(self._path)
        self._is_changed = False

    def get(self, number: int) -> dict[str, Any] | None:
        """What is known of an episode; None: nothing that holds."""
        entry = self._entries.get(str(number))
        if not isinstance(entry, dict) or entry.get("files") != self._files_of(number):
            return None
        facts = entry.get("facts")
        return facts if isinstance(facts, dict) else None

    def put(self, number: int, facts: Mapping[str, Any]) -> None:
        """Keep what the bag of an episode says, in JSON's types."""
        self._entries[str(number)] = {"files": self._files_of(number), "facts": dict(facts)}
        self._is_changed = True

    def save(self) -> None:
        """Write it, if anything was added; where that cannot be, nothing is lost."""
        if not self._is_changed:
            return
        known = {str(number) for number in self._store.numbers()}
        entries = {name: entry for name, entry in self._entries.items() if name in known}
        part = self._path.with_name(f".{INDEX}-{os.getpid()}")
        try:
            part.write_text(json.dumps({"version": _VERSION, "episodes": entries}))
            part.replace(self._path)
        except OSError:
            # A run on a disk that is full or read-only is looked at all the same.
            if part.exists():
                part.unlink()
        self._is_changed = False

    def _files_of(self, number: int) -> list[list[Any]]:
        """Name, bytes and time of change [ns] of each file of a bag."""
        path = self._store.path_of(number)
        if not path.is_dir():
            return []
        with os.scandir(path) as files:
            found = [(file.name, file.stat()) for file in files]
        return sorted([name, stat.st_size, stat.st_mtime_ns] for name, stat in found)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        return {}
    entries = content.get("episodes")
    return entries if isinstance(entries, dict) else {}
