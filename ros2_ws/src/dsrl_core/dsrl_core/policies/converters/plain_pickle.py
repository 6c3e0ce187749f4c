"""Reads a torch checkpoint with the few names that tensors and configurations need.

A pickle is a program: whatever it names is imported and may be called. Here it can name torch's
ways to rebuild a tensor and plain containers; classes of OmegaConf become records of their values,
without OmegaConf; any other name ends the reading.
"""

from __future__ import annotations

import collections
import pickle
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import torch

from dsrl_core.errors import InvalidFile

_CALLED: Final = {
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("torch", "Size"): torch.Size,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): lambda *ignored: {},
    ("_codecs", "encode"): lambda text, *ignored: str(text).encode("latin1"),
    ("dill._dill", "_load_type"): str,
    ("copyreg", "_reconstructor"): lambda kind, *ignored: kind(),
}
_PLAIN: Final[dict[str, type]] = {
    kind.__name__: kind for kind in (dict, list, tuple, set, int, float, str, bool, bytes)
}
_INTERPOLATION: Final = re.compile(r"^\$\{([A-Za-z0-9_.]+)\}$")


class Record:
    """What was an object of a class that is not loaded: its attributes."""

    def __init__(self, *ignored: Any) -> None:
        self.values: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple):
            state = {key: value for part in state if part for key, value in part.items()}
        self.values = dict(state)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _CALLED:
            return _CALLED[module, name]
        if module == "torch" and isinstance(found := getattr(torch, name, None), torch.dtype):
            return found
        if module in ("builtins", "__builtin__") and name in _PLAIN:
            return _PLAIN[name]
        if module.split(".")[0] == "omegaconf" or (module, name) == ("typing", "Any"):
            return Record
        raise InvalidFile(
            f"the checkpoint names {module}.{name}, which neither tensors nor a configuration "
            "need: it is not read any further"
        )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The checkpoint, its configuration as plain dicts and lists.

    Raises:
        InvalidFile: it is no checkpoint of torch's, or names what none needs.
    """
    reader = SimpleNamespace(
        __name__="plain", Unpickler=_Unpickler, load=lambda file, **options: _Unpickler(file).load()
    )
    try:
        found = torch.load(path, map_location="cpu", pickle_module=reader, weights_only=False)
    except InvalidFile:
        raise
    except Exception as error:  # a malformed pickle raises whatever it likes
        raise InvalidFile(f"{path.name} cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(found, dict):
        raise InvalidFile(f"{path.name} holds {type(found).__name__}, expected a map")
    configuration = plain(found.get("cfg"))
    return found | {"cfg": resolved(configuration, configuration)}


def plain(value: Any) -> Any:
    """Records of OmegaConf's nodes as the values in them."""
    if isinstance(value, Record):
        inside = value.values
        return plain(inside.get("_content", inside.get("_val")))
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def resolved(value: Any, root: Any) -> Any:
    """References like ${horizon} replaced; one that leads nowhere stays as it is."""
    for _ in range(8):
        match = _INTERPOLATION.match(value) if isinstance(value, str) else None
        if match is None:
            break
        target = root
        for key in match[1].split("."):
            target = target.get(key) if isinstance(target, dict) else None
        if target is None:
            break
        value = target
    if isinstance(value, dict):
        return {key: resolved(part, root) for key, part in value.items()}
    if isinstance(value, list):
        return [resolved(part, root) for part in value]
    return value
