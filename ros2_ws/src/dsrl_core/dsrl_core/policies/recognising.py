"""What a checkpoint is, by its bytes, and what it tells of itself; nothing of it is run.

Names of files are not believed: a pickle is one whatever it is called.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, Final

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.recognised import Recognised, read_json

_HEADER_MAX_BYTES: Final = 100_000_000
_KNOWN: Final = (
    "an ONNX file, a file of torch.export or TorchScript, safetensors of a native policy, a "
    "LeRobot checkpoint's folder, a folder with policy.yaml, or ws://host:port of a policy server"
)
_NOT_READ: Final = (
    "loading a pickle runs whatever code is in it, so none is ever read here. Export the model "
    "where it was made (torch.onnx.export, torch.export.save), or save its weights as safetensors"
)
_STANFORD: Final = (
    "A .ckpt of Stanford's diffusion_policy is converted once, apart from this service: "
    "./dsrl policy convert {path} FOLDER, then add that FOLDER"
)


def recognise(path: Path) -> Recognised:
    """What a file or folder is.

    Raises:
        InvalidFile: it is nothing that a policy can be made of; a pickle, or a folder with one.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise InvalidFile(f"there is no {path}; expected {_KNOWN}")
    start = _start(path)
    if is_pickle(path):
        told = f" {_STANFORD.format(path=path)}" if path.suffix == ".ckpt" else ""
        raise InvalidFile(f"{path} is a pickle: {_NOT_READ}.{told}")
    if start[:2] == b"PK":
        return _archive(path)
    if start[8:9] == b"{":
        from dsrl_core.policies.recognising_tensors import safetensors_facts

        return safetensors_facts(path, _header(path))
    if start[:1] == b"\x08":
        from dsrl_core.policies.recognising_onnx import onnx_facts

        return onnx_facts(path)
    raise InvalidFile(f"{path} is not known: expected {_KNOWN}")


def is_pickle(path: Path) -> bool:
    """Whether a file is one, or an archive of torch.save, which is one in a zip file."""
    start = _start(path)
    if start[:1] == b"\x80" and 2 <= start[1] <= 5:
        return True
    if start[:2] == b"PK" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = [Path(name) for name in archive.namelist()]
        has_code = any("code" in name.parts for name in names)
        is_exported = any(name.name == "archive_format" for name in names)
        return any(name.suffix == ".pkl" for name in names) and not (has_code or is_exported)
    # Protocol 0 has no mark of its own; it begins with a mark, a class or a container and ends so.
    return len(start) > 1 and start[:1] in b"(c]}" and start[:2] != b"{\n" and _end(path) == b"."


def _folder(path: Path) -> Recognised:
    for file in sorted(part for part in path.rglob("*") if part.is_file()):
        if is_pickle(file):
            raise InvalidFile(f"{file} is a pickle: {_NOT_READ}")
    if (path / "policy.yaml").is_file():
        return Recognised("a policy's folder")
    for suffix, backend in ((".onnx", "onnx"), (".ts", "torchscript"), (".pt2", "torch_export")):
        if all((path / f"{part}{suffix}").is_file() for part in ("encode", "decode")):
            return Recognised(f"a policy in two parts ({backend})", backend)
    if (path / "policy.json").is_file() and (path / "weights.safetensors").is_file():
        return _converted(path)
    if (path / "config.json").is_file() and "type" in read_json(path / "config.json"):
        from dsrl_core.policies.recognising_lerobot import lerobot_facts

        return lerobot_facts(path)
    raise InvalidFile(f"the folder {path} is not known: expected {_KNOWN}")


def _converted(path: Path) -> Recognised:
    """What `./dsrl policy convert` made: the weights and what the policy file says of them."""
    facts = read_json(path / "policy.json")
    backend = str(facts.pop("backend", ""))
    return Recognised("a converted checkpoint", backend, facts, suffix=".safetensors")


def _archive(path: Path) -> Recognised:
    if not zipfile.is_zipfile(path):
        raise InvalidFile(f"{path} begins as an archive and is none: was it copied whole?")
    with zipfile.ZipFile(path) as archive:
        names = [Path(name) for name in archive.namelist()]
    if any(name.name == "archive_format" for name in names):
        return Recognised("a file of torch.export", "torch_export", suffix=".pt2")
    if any("code" in name.parts for name in names):
        return Recognised("a TorchScript file", "torchscript", suffix=".ts")
    raise InvalidFile(f"{path} is an archive of something else; expected {_KNOWN}")


def _header(path: Path) -> dict[str, Any]:
    """What a safetensors file tells of its tensors."""
    with path.open("rb") as content:
        size = int.from_bytes(content.read(8), "little")
        if size > min(_HEADER_MAX_BYTES, path.stat().st_size):
            raise InvalidFile(f"{path} is no whole safetensors file: a header of {size} bytes")
        try:
            header = json.loads(content.read(size))
        except (ValueError, RecursionError) as error:
            raise InvalidFile(f"{path} is no safetensors file: {error}") from error
    header.pop("__metadata__", None)
    if not all(isinstance(entry, dict) and "shape" in entry for entry in header.values()):
        raise InvalidFile(f"{path} is no safetensors file: its header tells no shapes")
    return dict(header)


def _start(path: Path) -> bytes:
    with path.open("rb") as content:
        return content.read(16)


def _end(path: Path) -> bytes:
    with path.open("rb") as content:
        content.seek(max(0, path.stat().st_size - 1))
        return content.read(1)
