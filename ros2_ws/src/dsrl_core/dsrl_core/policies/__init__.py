"""Frozen policies: one backend per file, loaded by the name in their policy file."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.policies.weight_files import file_sha256, weights_bytes, weights_sha256
from dsrl_core.specs import PolicySpec

BACKENDS: Final = {
    "flow_mlp": "dsrl_core.policies.native:NativePolicy",
    "flow_unet": "dsrl_core.policies.native:NativePolicy",
    "ddim_mlp": "dsrl_core.policies.native:NativePolicy",
    "ddim_unet": "dsrl_core.policies.native:NativePolicy",
    "flow_vision": "dsrl_core.policies.native:NativePolicy",
    "onnx": "dsrl_core.policies.onnx_program:OnnxPolicy",
    "torchscript": "dsrl_core.policies.torch_program:TorchScriptPolicy",
    "torch_export": "dsrl_core.policies.torch_program:TorchExportPolicy",
    "lerobot": "dsrl_core.policies.framework_process:LeRobotProcess",
    "openpi": "dsrl_core.policies.openpi:OpenPiPolicy",
    "remote": "dsrl_core.policies.served_elsewhere:PolicyElsewhere",
}
"""Backend name to `module:class`; a class takes the policy's spec."""


def load_policy(spec: PolicySpec) -> PolicyBackend:
    """The policy that a file describes, after its weights' hash was checked.

    Raises:
        UnknownName: no such backend.
        InvalidFile: the weights are absent, are not the ones that the file pins, or do not fit it.
    """
    check_weights(spec)
    module, name = BACKENDS[spec.backend].split(":")
    return cast(PolicyBackend, getattr(import_module(module), name)(spec))


def check_weights(spec: PolicySpec) -> None:
    """Refuse a backend that does not exist and weights that are not the ones that a file pins.

    What a policy that runs elsewhere is, only its server can tell: its backend asks it.

    Raises:
        UnknownName: no such backend.
        InvalidFile: the weights are absent or others.
    """
    if spec.backend not in BACKENDS:
        raise UnknownName("policy backend", spec.backend, BACKENDS)
    if not spec.weights:
        return
    found = file_sha256(spec)
    if found != spec.weights_sha256:
        raise InvalidFile(
            f"{spec.weights_path} has sha256 {found}, but policy '{spec.name}' pins "
            f"{spec.weights_sha256}: the weights are not the ones that were checked in"
        )


__all__ = [
    "BACKENDS",
    "Encoded",
    "PolicyBackend",
    "check_weights",
    "file_sha256",
    "load_policy",
    "weights_bytes",
    "weights_sha256",
]
