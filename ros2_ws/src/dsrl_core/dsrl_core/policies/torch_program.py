"""Policies as TorchScript or torch.export files; see `exported` for what such a file has to be.

Both are called with the inputs in this order: the fields' keys, the cameras' keys, the noise.

TorchScript is a language of its own, run by its own interpreter; its files are read without
Python's pickle. `torch.export.load` is not so careful: a .pt2 file is looked through first, see
`exported_archive`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.exported import ExportedPolicy, Program, fixed_batch
from dsrl_core.policies.exported_archive import check_exported
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array


class TorchProgram(Program):
    """What either kind of file is once it is loaded."""

    def __init__(self, spec: PolicySpec, call: Callable[..., Any]) -> None:
        self.batch, self._call = fixed_batch(spec), call

    def run(self, inputs: Mapping[str, Any]) -> Float32Array:
        with torch.inference_mode():
            found = self._call(
                *(torch.from_numpy(np.ascontiguousarray(v)) for v in inputs.values())
            )
        if not isinstance(found, torch.Tensor):
            raise InvalidFile(f"the model gives {type(found).__name__}, expected one tensor")
        return found.float().numpy()


class TorchScriptPolicy(ExportedPolicy):
    """A file of torch.jit.save."""

    def __init__(self, spec: PolicySpec) -> None:
        super().__init__(spec, ".ts", load_torch_script)


class TorchExportPolicy(ExportedPolicy):
    """A file of torch.export.save."""

    def __init__(self, spec: PolicySpec) -> None:
        super().__init__(spec, ".pt2", load_exported)


def load_torch_script(spec: PolicySpec, path: Path) -> TorchProgram:
    """
    Raises:
        InvalidFile: no TorchScript file.
    """
    with warnings.catch_warnings():
        # Told to whoever exports; whoever was given such a file cannot do anything about it.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            module = torch.jit.load(str(path), map_location="cpu")
        except (RuntimeError, OSError, ValueError) as error:
            raise InvalidFile(f"{path} is no TorchScript file: {error}") from error
        return TorchProgram(spec, torch.jit.freeze(module.eval()))


def load_exported(spec: PolicySpec, path: Path) -> TorchProgram:
    """
    Raises:
        InvalidFile: no file of torch.export, or one in which more could run than its graph.
    """
    content = path.read_bytes()
    check_exported(content, path)
    try:
        program = torch.export.load(io.BytesIO(content))
    except Exception as error:  # torch's own checks raise all kinds
        raise InvalidFile(f"{path} is no file of torch.export: {error}") from error
    return TorchProgram(spec, program.module(check_guards=False))
