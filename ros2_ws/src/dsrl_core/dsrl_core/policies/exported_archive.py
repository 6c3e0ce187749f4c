"""Looks through a file of torch.export before torch loads it.

`torch.export.load` (2.13) unpickles what the file says is pickled, evaluates the texts of symbolic
sizes and guards, and finds a node's function by walking through Python's modules from the name in
the file. None of that is needed for a policy; a file in which it could run anything else than
tensor operations is refused.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch

from dsrl_core.errors import InvalidFile

_QUOTED: Final = re.compile(r"'\w*'")
_NAME: Final = re.compile(r"[^\W\d]\w*")
_TEXT: Final = re.compile(r"[\w\s+\-*/%().,<>=!&|~\[\]]*")
_KNOWN_NAME: Final = re.compile(
    r"[su]\d+|L|size|Symbol|positive|nonnegative|integer|True|False|and|or|not|oo|int_oo"
    r"|Max|Min|Mod|PythonMod|FloorDiv|CleanDiv|Eq|Ne|Lt|Le|Gt|Ge|And|Or|Not"
)
"""All that the text of a size, or of a guard on sizes, may name."""
_OPERATION: Final = re.compile(
    r"torch\.ops\.(aten|prims)\.\w+\.\w+|torch\.sym_(max|min|not|float|ite)"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|neg|pow|eq|ne|lt|le|gt|ge|and_|or_)"
)


def check_exported(content: bytes, path: Path) -> None:
    """Refuse a .pt2 file whose loading or running could do more than compute tensors.

    Raises:
        InvalidFile: it is no such archive, holds pickled objects, or names what is not known.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        names = archive.namelist()
        if not any(Path(name).name == "archive_format" for name in names):
            raise InvalidFile(f"{path} is no file of torch.export of today; save it again")
        for name in names:
            if "/sample_inputs/" in name:
                _check_tensors(archive.read(name), path, name)
            elif name.endswith(".json"):
                _check_texts(archive.read(name), path, name)
    except (zipfile.BadZipFile, ValueError, RecursionError, EOFError, NotImplementedError) as error:
        raise InvalidFile(f"{path} is no whole file of torch.export: {error}") from error


def _check_tensors(content: bytes, path: Path, name: str) -> None:
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:  # whatever is no plain tensors
        raise InvalidFile(f"{path}: {name} holds more than tensors, it is not loaded") from error


def _check_texts(content: bytes, path: Path, name: str) -> None:
    for key, value in _entries(json.loads(content)):
        if key == "use_pickle" and value is not False:
            raise InvalidFile(f"{path}: {name} names pickled objects, they are not loaded")
        if key == "expr_str" and not _is_about_sizes(value):
            raise InvalidFile(f"{path}: {name} has '{value}' where a size is expected")
        if key == "guards_code" and not all(_is_about_sizes(text) for text in value or ()):
            raise InvalidFile(f"{path}: {name} has guards that speak of more than sizes: {value}")
        if key == "target" and not (isinstance(value, str) and _OPERATION.fullmatch(value)):
            raise InvalidFile(f"{path}: {name} calls '{value}', expected operations on tensors")


def _is_about_sizes(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    bare = _QUOTED.sub("", text)
    return bool(_TEXT.fullmatch(bare)) and all(
        _KNOWN_NAME.fullmatch(name) for name in _NAME.findall(bare)
    )


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _entries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner)
