"""What was recognised of a checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dsrl_core.errors import InvalidFile

_CONFIG_MAX_BYTES: Final = 10_000_000


@dataclass(frozen=True)
class Recognised:
    """What a source is."""

    kind: str
    """For people."""
    backend: str = ""
    """Empty: nothing in it tells."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Of a policy file, as far as the source tells them."""
    inputs: dict[str, int] = field(default_factory=dict)
    """Size of every state vector that the model takes, by its name."""
    suffix: str = ""
    """That the weights' file has to have."""
    notes: tuple[str, ...] = ()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON map from outside.

    Raises:
        InvalidFile: it is none, or too large.
    """
    if path.stat().st_size > _CONFIG_MAX_BYTES:
        raise InvalidFile(f"{path} is larger than {_CONFIG_MAX_BYTES} bytes")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidFile(f"{path} holds {type(content).__name__}, expected a map")
    return content
