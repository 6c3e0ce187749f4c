"""Policies as ONNX files, run by ONNX Runtime; see `exported` for what such a file has to be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.exported import ExportedPolicy, Program, fixed_batch
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array

_TYPES: Final = {
    "tensor(float)": np.float32,
    "tensor(uint8)": np.uint8,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
}


class OnnxPolicy(ExportedPolicy):
    """`settings.threads`: of one decision; 1 by default, since the robot needs the others."""

    def __init__(self, spec: PolicySpec) -> None:
        super().__init__(spec, ".onnx", OnnxProgram)


class OnnxProgram(Program):
    """One session; the graph tells its inputs, so that what does not fit is found at once."""

    def __init__(self, spec: PolicySpec, path: Path) -> None:
        """
        Raises:
            InvalidFile: no ONNX file, or one that gives more than one output.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(spec.settings.get("threads", 1))
        options.inter_op_num_threads = 1
        # A custom operator is code in a library beside the file: none is ever loaded.
        wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        there = set(onnxruntime.get_available_providers())
        try:
            self.session = onnxruntime.InferenceSession(
                str(path), options, providers=[name for name in wanted if name in there]
            )
        except Exception as error:  # onnxruntime's errors have no common class
            raise InvalidFile(f"{path} cannot be loaded by ONNX Runtime: {error}") from error
        outputs = [output.name for output in self.session.get_outputs()]
        if len(outputs) != 1:
            raise InvalidFile(
                f"{path} gives {', '.join(outputs)}; expected one output, the actions"
            )
        self._path, self._inputs = path, {i.name: i for i in self.session.get_inputs()}
        known = {
            i.shape[0] for i in self._inputs.values() if i.shape and isinstance(i.shape[0], int)
        }
        self.batch = known.pop() if len(known) == 1 else fixed_batch(spec)

    def check_inputs(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        def known(name: str) -> str:
            return f"{name} {self._inputs[name].shape[1:]} {self._inputs[name].type}"

        available = ", ".join(known(name) for name in self._inputs)
        if shapes.keys() != self._inputs.keys():
            raise InvalidFile(
                f"{self._path} takes {available}; the policy file gives {', '.join(shapes)} "
                "(`keys` says what the model calls a field or a camera)"
            )
        for name, given in self._inputs.items():
            fits = len(given.shape) == len(shapes[name]) + 1 and all(
                not isinstance(size, int) or size == here
                for size, here in zip(given.shape[1:], shapes[name], strict=True)
            )
            if not fits:
                raise InvalidFile(
                    f"{self._path} takes {known(name)}; the policy file gives {shapes[name]}"
                )
            if given.type not in _TYPES:
                raise InvalidFile(f"{self._path} takes {known(name)}; available: {list(_TYPES)}")

    def run(self, inputs: Mapping[str, Any]) -> Float32Array:
        given = {
            name: v.astype(_TYPES[self._inputs[name].type], copy=False)
            for name, v in inputs.items()
        }
        return np.asarray(self.session.run(None, given)[0], dtype=np.float32)
