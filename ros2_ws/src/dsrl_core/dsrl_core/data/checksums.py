"""Checksums beside a bag's files, as `sha256sum --check` reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

SUMS: Final = "SHA256SUMS"


def write_sums(folder: Path) -> None:
    """Write down what the files of a folder are now."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    lines = [f"{_sum_of(path)}  {path.name}\n" for path in files]
    (folder / SUMS).write_text("".join(lines))


def changed_since(folder: Path, but: Collection[str] = ()) -> dict[str, str]:
    """What is wrong with a folder's files by name; none where all are as they were written.

    `but`: names of files that are not looked at. A folder without sums, from before they were
    written, has nothing to compare with.
    """
    sums = folder / SUMS
    if not sums.is_file():
        return {}
    problems: dict[str, str] = {}
    for line in sums.read_text(errors="replace").splitlines():
        expected, _, name = line.partition("  ")
        path = folder / name
        if name in but:
            continue
        if not name or Path(name).name != name:
            problems[SUMS] = f"has the line '{line}', which is no checksum of a file beside it"
        elif not path.is_file():
            problems[name] = "is missing"
        elif _sum_of(path) != expected:
            problems[name] = "is not what was written"
    return problems


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
