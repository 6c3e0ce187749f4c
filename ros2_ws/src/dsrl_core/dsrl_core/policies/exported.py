"""A policy that was exported from whatever framework made it: f(inputs, noise) -> actions.

One file is the whole policy. A folder with `encode` and `decode` in it is a policy whose encoder
runs once for many noises: encode(inputs) -> features (n, features_size), decode(features, noise) ->
actions. What the inputs are called and in which units they are, `keys` and the fields of the policy
file say (`ModelIO`); in `settings`:

| setting | means | without it |
|---|---|---|
| image_layout | hwc or chw | hwc |
| image_values | uint8, or unit: float32 in 0 to 1 | uint8 |
| noise_key | the model's name of the noise | noise |
| batch | rows that the model takes at a time, fixed | any |
| first_action | see `ModelIO` | 0 |
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.policies.backend import Encoded, check_decode, check_observations
from dsrl_core.policies.model_io import ModelIO
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

FEATURES_KEY: Final = "features"
"""What `decode` calls what `encode` gave."""
_LAYOUTS: Final = ("hwc", "chw")
_VALUES: Final = ("uint8", "unit")


@dataclass(frozen=True)
class Unencoded(Encoded):
    """Observations in the place of features: the policy has no encoder of its own to run first."""

    images: UInt8Array | None = None


class Program(ABC):
    """An exported model: named arrays in, one array out."""

    batch: int | None = None
    """Rows that it takes at a time; None: any number."""

    @abstractmethod
    def run(self, inputs: Mapping[str, Any]) -> Float32Array:
        """Every input (n, ...), n as `batch` says, to (n, ...)."""

    def check_inputs(self, shapes: Mapping[str, tuple[int, ...]]) -> None:  # noqa: B027
        """Refuse names or shapes (without n) that the file is known not to take.

        Raises:
            InvalidFile: what it takes, and what the policy file says.
        """


class ExportedPolicy:
    """`PolicyBackend` of a `Program`, or of two."""

    def __init__(
        self, spec: PolicySpec, suffix: str, load: Callable[[PolicySpec, Path], Program]
    ) -> None:
        """
        Raises:
            InvalidFile: the file cannot be loaded, does not take what the policy file says, or
                does not give it.
        """
        self.spec = spec
        self._io = ModelIO(spec)
        self._layout = _choice(spec, "image_layout", _LAYOUTS)
        self._values = _choice(spec, "image_values", _VALUES)
        self._noise_key = str(spec.settings.get("noise_key", "noise"))
        path = spec.weights_path
        files = [path]
        self._encoder: Program | None = None
        if path.is_dir():
            files = [path / f"{part}{suffix}" for part in ("encode", "decode")]
            if missing := [file.name for file in files if not file.is_file()]:
                raise InvalidFile(f"{path} lacks {' and '.join(missing)}; expected both parts")
            if not spec.features_size:
                raise InvalidFile(
                    f"policy '{spec.name}' is in two parts; expected features_size in its file"
                )
            self._encoder = load(spec, files[0])
        self._decoder = load(spec, files[-1])
        self._digest = hashlib.sha256(b"".join(_sum_of(file) for file in files)).hexdigest()
        self._check()

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        if self._encoder is None:
            return Unencoded(observations, images)
        features = self._in_batches(self._encoder, self._inputs(observations, images))
        expected = (len(observations), self.spec.features_size)
        if features.shape != expected:
            raise InvalidValue(
                f"the encoder of policy '{self.spec.name}' gave {features.shape}; "
                f"expected {expected}"
            )
        return Encoded(features)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        given: dict[str, Any]
        if isinstance(encoded, Unencoded):
            given = self._inputs(encoded.features, encoded.images)
        elif self._encoder is None:
            given = self._inputs(encoded.features, None)
        else:
            given = {FEATURES_KEY: encoded.features}
        if len(encoded) < len(noises):
            given = {name: np.repeat(value, len(noises), axis=0) for name, value in given.items()}
        given[self._noise_key] = np.ascontiguousarray(noises, dtype=np.float32)
        return self._io.chunks(self._in_batches(self._decoder, given))

    def digest(self) -> str:
        """Of the files as they were loaded: what a program holds cannot be changed afterwards."""
        return self._digest

    def close(self) -> None:
        """Nothing is held outside this process's memory."""

    def _inputs(
        self, observations: Float32Array, images: UInt8Array | None
    ) -> dict[str, Float32Array | UInt8Array]:
        given = self._io.inputs(observations, images)
        for key in self._io.camera_keys:
            if images is None:
                continue
            pixels: Any = given[key]
            if self._layout == "chw":
                pixels = np.moveaxis(pixels, -1, -3)
            if self._values == "unit":
                pixels = pixels.astype(np.float32) / np.float32(255)
            given[key] = np.ascontiguousarray(pixels)
        return given

    def _in_batches(self, program: Program, given: Mapping[str, Any]) -> Float32Array:
        """All rows, as many at a time as the program takes; the last ones filled up."""
        rows, batch = len(next(iter(given.values()))), program.batch
        if batch is None or batch == rows:
            return program.run(given)
        parts = []
        for start in range(0, rows, batch):
            places = np.minimum(np.arange(start, start + batch), rows - 1)
            part = program.run({name: value[places] for name, value in given.items()})
            parts.append(part[: rows - start])
        return np.concatenate(parts)

    def _check(self) -> None:
        """Refuse a file that is not what the policy file says, by its names and by trying it."""
        spec = self.spec
        images = None if spec.images_shape is None else np.zeros((1, *spec.images_shape), np.uint8)
        given = self._inputs(np.zeros((1, spec.observation_size), np.float32), images)
        noise = {self._noise_key: np.zeros((1, *spec.noise_shape), np.float32)}
        first = {**given} if self._encoder else {**given, **noise}
        (self._encoder or self._decoder).check_inputs({k: v.shape[1:] for k, v in first.items()})
        if self._encoder:
            second = {FEATURES_KEY: (spec.features_size,), self._noise_key: spec.noise_shape}
            self._decoder.check_inputs(second)
        try:
            encoded = self.encode(np.zeros((1, spec.observation_size), np.float32), images)
            self.decode(encoded, noise[self._noise_key])
        except Exception as error:  # every runtime has errors of its own
            raise InvalidFile(
                f"{spec.weights_path} does not do what policy '{spec.name}' says: "
                f"{' '.join(str(error).split())}"
            ) from error


def _choice(spec: PolicySpec, name: str, known: tuple[str, ...]) -> str:
    value = spec.settings.get(name, known[0])
    if value not in known:
        raise InvalidFile(
            f"policy '{spec.name}': settings.{name} is {value!r}; available: {', '.join(known)}"
        )
    return str(value)


def fixed_batch(spec: PolicySpec) -> int | None:
    """What the policy file says of the model's batch; None: any."""
    value = spec.settings.get("batch")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidFile(f"policy '{spec.name}': settings.batch is {value!r}, expected a count")
    return value


def _sum_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
