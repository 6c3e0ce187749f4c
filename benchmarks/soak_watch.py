"""What a running graph holds of the machine: memory, handles, threads, files, shared memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
MARK = "DSRL_SOAK"
"""Environment variable that every process of the graph inherits: what is left behind bears it."""


def of_process(process: int) -> dict[str, float]:
    """Resident and anonymous memory [MB], open handles, threads.

    Raises:
        OSError: it does not run.
    """
    folder = Path("/proc") / str(process)
    fields = dict(
        line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
    )
    return {
        "rss_mb": int(fields["VmRSS"].split()[0]) / 1024,
        "anonymous_mb": int(fields["RssAnon"].split()[0]) / 1024,
        "handles": len(list((folder / "fd").iterdir())),
        "threads": int(fields["Threads"]),
    }


def shared_memory_of(processes: Iterable[int]) -> set[str]:
    """Names in /dev/shm that these processes have mapped or open."""
    found: set[str] = set()
    prefix = f"{SHARED_MEMORY}/"
    for process in processes:
        folder = Path("/proc") / str(process)
        try:
            lines = (folder / "maps").read_text().splitlines()
            paths = [line.rpartition(" ")[2] for line in lines if prefix in line]
            paths += [str(entry.readlink()) for entry in (folder / "fd").iterdir()]
        except OSError:
            continue
        found.update(path.removeprefix(prefix) for path in paths if path.startswith(prefix))
    return found


def left_in_shared_memory(names: Iterable[str]) -> list[str]:
    """Those of these names in /dev/shm that are still there and of no living process."""
    everybody = (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))
    present = {name for name in names if (SHARED_MEMORY / name).exists()}
    return sorted(present - shared_memory_of(everybody))


def on_disk(folder: Path) -> tuple[int, int]:
    """Files below a folder and their bytes."""
    count = size = 0
    for path in folder.rglob("*"):
        try:
            if not path.is_dir():
                size += path.lstat().st_size
                count += 1
        except OSError:
            continue  # gone meanwhile
    return count, size


def marked_processes(mark: str) -> list[str]:
    """Processes, by number and name, that inherited the mark; without this one."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(f"{folder.name} {(folder / 'comm').read_text().strip()}")
        except OSError:
            continue
    return found
