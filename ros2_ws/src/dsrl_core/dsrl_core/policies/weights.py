"""Weights of the native policies: safetensors of exactly the names and shapes that are expected."""

from __future__ import annotations

import hashlib
from typing import TypeVar

from safetensors.torch import load_file, save_file
from torch import nn

from dsrl_core.errors import InvalidFile
from dsrl_core.specs import PolicySpec

_Network = TypeVar("_Network", bound=nn.Module)


def save(network: nn.Module, path: str) -> None:
    """Write the weights as safetensors."""
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)


def digest_of(network: nn.Module) -> str:
    """sha256 over the weights by name, as they are in memory now."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def architecture_of(spec: PolicySpec, *names: str) -> tuple[int, ...]:
    """Sizes that a policy file's architecture must tell, in the order asked.

    Raises:
        InvalidFile: one is missing.
    """
    missing = set(names) - spec.architecture.keys()
    if missing:
        raise InvalidFile(
            f"policy '{spec.name}': architecture lacks {', '.join(sorted(missing))}; "
            f"expected {', '.join(names)}"
        )
    return tuple(spec.architecture[name] for name in names)


def load_weights(network: _Network, spec: PolicySpec) -> _Network:
    """The network with the weights of a policy's file, never to be trained again.

    Raises:
        InvalidFile: no safetensors file, or tensors of other names or shapes than the network's.
    """
    expected = network.state_dict()
    try:
        found = load_file(spec.weights_path)
    except Exception as error:  # safetensors raises its own kinds for each malformed header
        raise InvalidFile(f"{spec.weights_path} is not a safetensors file: {error}") from error
    missing, unknown = expected.keys() - found.keys(), found.keys() - expected.keys()
    if missing or unknown:
        raise InvalidFile(
            f"{spec.weights_path}: missing {sorted(missing) or 'nothing'}, "
            f"unknown {sorted(unknown) or 'nothing'}; expected {sorted(expected)}"
        )
    for name, value in expected.items():
        if found[name].shape != value.shape:
            raise InvalidFile(
                f"{spec.weights_path}: '{name}' has shape {tuple(found[name].shape)}, expected "
                f"{tuple(value.shape)} for horizon {spec.horizon} and action_dim "
                f"{spec.action_dim}; is it another horizon's?"
            )
    network.load_state_dict(found)
    network.eval().requires_grad_(False)
    return network
