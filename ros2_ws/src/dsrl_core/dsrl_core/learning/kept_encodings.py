"""What a frozen policy's encoder makes of an episode, kept on disk.

    <folder>/<sha256>.safetensors       features, and their own sum

Encoding images is most of what a new start would do again. The name is a sum of the policy's file
and of what was encoded, so that an episode is found again whatever its number; what is missing,
damaged or of another policy is encoded anew, and nothing can differ but the time it takes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from dsrl_core.learning.remembering import as_tensor, digest
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.types import Float32Array, UInt8Array

ENCODINGS: Final = "encodings"
"""Folder in that of a run."""
_FEATURES: Final = "features"
_SUM: Final = "sha256"


class KeptEncodings:
    """A policy that encodes the same observations once in the life of a run."""

    def __init__(
        self, policy: PolicyBackend, folder: Path, tell: Callable[[str], None] = lambda text: None
    ) -> None:
        """`tell` hears once of a folder that cannot be written: all goes on without it."""
        self._policy, self._folder, self._tell = policy, folder, tell
        self._is_told = False
        self._start = repr(sorted(asdict(policy.spec).items())).encode()
        self.spec = policy.spec
        self.decode, self.digest, self.close = policy.decode, policy.digest, policy.close

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        """As the policy's."""
        if images is None:
            return self._policy.encode(observations)
        name = hashlib.sha256(self._start)
        for part in (observations, images):
            name.update(f"{part.dtype} {part.shape}\n".encode())
            name.update(np.ascontiguousarray(part).data)
        path = self._folder / f"{name.hexdigest()}.safetensors"
        features = _kept(path)
        if features is None:
            features = self._policy.encode(observations, images).features
            self._keep(path, features)
        return Encoded(features)

    def _keep(self, path: Path, features: Float32Array) -> None:
        """Not synced: what a power cut tears does not have its sum."""
        found = {_FEATURES: torch.from_numpy(features).contiguous()}
        found[_SUM] = _sum_of(found[_FEATURES])
        partial = path.with_suffix(f".{os.getpid()}.partial")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(save(found))
            partial.replace(path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            if not self._is_told:
                self._is_told = True
                self._tell(f"encodings cannot be kept, a new start encodes again: {error}")


def _kept(path: Path) -> Float32Array | None:
    """The features; None where they are not there or not whole."""
    try:
        found = load(path.read_bytes())
    except (OSError, SafetensorError):
        return None
    features, known = found.get(_FEATURES), found.get(_SUM)
    if features is None or known is None or not torch.equal(known, _sum_of(features)):
        return None
    kept: Float32Array = features.numpy()
    return kept


def _sum_of(features: Tensor) -> Tensor:
    return as_tensor(bytes.fromhex(digest({_FEATURES: features})))
