"""What a process would have to remember to go on after it was ended as if it had not been.

A memory is tensors and facts. Facts are what JSON can say, so that nothing that comes back from a
disk is a program.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from torch import Tensor

State: TypeAlias = dict[str, Tensor]


@dataclass(frozen=True)
class Memory:
    """Tensors by name, and facts."""

    tensors: State = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(parts: Mapping[str, Memory]) -> Memory:
        """Several as one; see `part`."""
        return Memory(
            {f"{name}.{key}": v for name, part in parts.items() for key, v in part.tensors.items()},
            {name: part.facts for name, part in parts.items()},
        )

    def part(self, name: str) -> Memory:
        """One of those that it was made of; nothing, if it holds nothing of it."""
        start = f"{name}."
        tensors = {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}
        return Memory(tensors, self.facts.get(name, {}))


@runtime_checkable
class Remembers(Protocol):
    """What can tell its memory and take it back."""

    def state(self) -> Memory: ...

    def put_back(self, memory: Memory) -> None: ...


def memory_of_draws(generator: np.random.Generator | torch.Generator) -> Memory:
    """Where a generator stands."""
    if isinstance(generator, torch.Generator):
        return Memory({"state": generator.get_state()})
    return Memory({}, dict(generator.bit_generator.state))


def put_draws_back(generator: np.random.Generator | torch.Generator, memory: Memory) -> None:
    """Let a generator go on from where it stood."""
    if isinstance(generator, torch.Generator):
        generator.set_state(memory.tensors["state"])
    else:
        generator.bit_generator.state = memory.facts


def as_tensor(data: bytes) -> Tensor:
    """(n,) uint8."""
    return torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, kinds, shapes and contents, in the names' order."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().contiguous()
        found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.reshape(-1).numpy().view(np.uint8).data)
    return found.hexdigest()
