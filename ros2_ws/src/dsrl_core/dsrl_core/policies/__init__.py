"""Frozen policies: one backend per file, loaded by the name in their policy file."""

from __future__ import annotations

import hashlib
from importlib import import_module
from typing import Final, cast

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.specs import PolicySpec

BACKENDS: Final = {
    "flow_mlp": "dsrl_core.policies.flow_mlp:FlowMlpPolicy",
    "flow_vision": "dsrl_core.policies.flow_vision:FlowVisionPolicy",
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

    Raises:
        UnknownName: no such backend.
        InvalidFile: the weights are absent or others.
    """
    if spec.backend not in BACKENDS:
        raise UnknownName("policy backend", spec.backend, BACKENDS)
    found = file_sha256(spec)
    if found != spec.weights_sha256:
        raise InvalidFile(
            f"{spec.weights_path} has sha256 {found}, but policy '{spec.name}' pins "
            f"{spec.weights_sha256}: the weights are not the ones that were checked in"
        )


def file_sha256(spec: PolicySpec) -> str:
    """sha256 of the weights file."""
    if not spec.weights_path.is_file():
        raise InvalidFile(
            f"policy '{spec.name}': no weights at {spec.weights_path}; expected the file that "
            f"'weights' names"
        )
    return hashlib.sha256(spec.weights_path.read_bytes()).hexdigest()


__all__ = ["BACKENDS", "Encoded", "PolicyBackend", "check_weights", "file_sha256", "load_policy"]
