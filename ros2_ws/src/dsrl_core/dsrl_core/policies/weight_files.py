"""Weights on disk: where they may lie, how large they may be, and the hash that pins them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from dsrl_core.errors import InvalidFile
from dsrl_core.specs import PolicySpec

SIZE_MAX_BYTES: Final = 64 * 10**9
"""Of all weights of a policy; pi0 in float32 takes 14 GB."""
FILES_MAX: Final = 10_000


def file_sha256(spec: PolicySpec) -> str:
    """sha256 of a policy's weights: a file's, or of a folder's files with their names.

    Raises:
        InvalidFile: they are absent, lie outside the policy's folder, or `weights_sha256` refuses.
    """
    path = PurePosixPath(spec.weights)
    if path.is_absolute() or ".." in path.parts:
        raise InvalidFile(
            f"policy '{spec.name}': weights '{spec.weights}' lead out of its folder; expected a "
            "file or folder beside the policy file"
        )
    if not spec.weights_path.exists():
        raise InvalidFile(
            f"policy '{spec.name}': no weights at {spec.weights_path}; expected the file or folder "
            f"that 'weights' names"
        )
    return weights_sha256(spec.weights_path)


def weights_sha256(path: Path) -> str:
    """sha256 of a file, or of a folder's files with their names.

    `path` itself may be a link (`./dsrl policy add --link`): what is read is what is hashed. In a
    folder no link may lead out of it.

    Raises:
        InvalidFile: more than `SIZE_MAX_BYTES`, a link that leads out, or neither file nor folder.
    """
    weights_bytes(path)
    if path.is_file():
        return _digest(path)
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0{_digest(file)}\n".encode())
    return digest.hexdigest()


def weights_bytes(path: Path) -> int:
    """Size of a file, or of a folder's files; refuses what `weights_sha256` refuses."""
    if path.is_file():
        total = path.stat().st_size
    elif path.is_dir():
        total = sum(file.stat().st_size for file in _files(path))
    else:
        raise InvalidFile(f"{path} is neither a file nor a folder")
    if total > SIZE_MAX_BYTES:
        raise InvalidFile(
            f"{path} holds {total / 1e9:.1f} GB; expected at most {SIZE_MAX_BYTES / 1e9:.0f} GB"
        )
    return total


def _files(folder: Path) -> Iterator[Path]:
    root, found = folder.resolve(), []
    for part in folder.rglob("*"):
        if not part.resolve().is_relative_to(root):
            raise InvalidFile(
                f"{part} leads out of {folder} to {part.resolve()}: what is hashed must lie in it; "
                "copy the file"
            )
        if part.is_file():
            found.append(part)
        elif not part.is_dir():
            raise InvalidFile(f"{part} is neither a file nor a folder")
        if len(found) > FILES_MAX:
            raise InvalidFile(f"{folder} holds more than {FILES_MAX} files")
    yield from sorted(found)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
