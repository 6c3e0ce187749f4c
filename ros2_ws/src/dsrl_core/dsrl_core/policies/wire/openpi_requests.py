"""An observation map as openpi's clients send it, as a request; and the answer as a reply map.

Observations come under the names and in the units of the served policy's file, which the metadata
tell: a field as (size,), a camera as (height, width, 3) uint8 or {"jpeg" | "png": bytes}; of a
policy that sees several steps with an axis of steps before, the oldest first. Beside them:

    noise            (rows, noise_dim), or several of them (n, rows, noise_dim); without it one is
                     drawn, as openpi does
    features         true: the reply brings `features`
    observation_key  bytes under which the server keeps this observation for later noises: then only
                     the key needs to come
    request_id       given back in the reply
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from dsrl_core.policies.serving import Answer, Request
from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.policies.wire.images import decompress
from dsrl_core.policies.wire.messages import Array
from dsrl_core.policies.wire.requests import KEY_SIZE_MAX_BYTES, error_of
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

NOISE: Final = "noise"
FEATURES: Final = "features"
KEY: Final = "observation_key"
REQUEST_ID: Final = "request_id"
_COMPRESSED: Final = ("jpeg", "png")


def request_of(obs: dict[str, Any], spec: PolicySpec, drawn: np.random.Generator) -> Request:
    """
    Raises:
        MalformedMessage: a field or camera is missing, or something is of another type or shape.
    """
    key = obs.get(KEY, b"")
    if not isinstance(key, bytes) or len(key) > KEY_SIZE_MAX_BYTES:
        raise MalformedMessage(f"'{KEY}' is bytes, {KEY_SIZE_MAX_BYTES} at most")
    wants_features = obs.get(FEATURES) is True
    noises = None
    if NOISE in obs:
        noises = _floats(obs[NOISE], NOISE)
        noises = noises[None] if noises.ndim == 2 else noises
    elif not wants_features:
        noises = drawn.standard_normal((1, *spec.noise_shape), dtype=np.float32)
    names = {part.name for part in spec.observation} | {camera.name for camera in spec.cameras}
    if key and not names & obs.keys():
        return Request(key, noises=noises, wants_features=wants_features)
    if missing := sorted(names - obs.keys()):
        raise MalformedMessage(
            f"the observation lacks {', '.join(missing)}; expected {', '.join(sorted(names))}"
        )
    observations, images = _observations(obs, spec), _images(obs, spec)
    return Request(key, observations, images, noises, wants_features)


def reply_of(answer: Answer, obs: dict[str, Any], took_ms: float) -> dict[str, Any]:
    """What the client is told: `actions` as it gave noises, one chunk or several."""
    reply: dict[str, Any]
    if answer.error is not None:
        reply = error_of(answer.error).values
    else:
        reply = {"policy_timing": {"infer_ms": took_ms}}
        if answer.chunks is not None:
            several = isinstance(obs.get(NOISE), np.ndarray) and obs[NOISE].ndim == 3
            reply["actions"] = answer.chunks if several else answer.chunks[0]
        if answer.request.wants_features and answer.encoded is not None:
            reply[FEATURES] = answer.encoded.features[0]
    return reply | {name: obs[name] for name in (REQUEST_ID,) if name in obs}


def _observations(obs: dict[str, Any], spec: PolicySpec) -> Float32Array:
    columns = []
    for part in spec.observation:
        value = _floats(obs[part.name], part.name)
        expected: tuple[int, ...] = (part.size,)
        if spec.observation_steps > 1:
            expected = (spec.observation_steps, part.size)
        if value.shape != expected:
            raise MalformedMessage(f"'{part.name}' has shape {value.shape}; expected {expected}")
        columns.append(value.reshape(spec.observation_steps, part.size)[::-1])
    return np.concatenate(columns, axis=1).reshape(1, -1)


def _images(obs: dict[str, Any], spec: PolicySpec) -> UInt8Array | None:
    if spec.images_shape is None:
        return None
    steps, size = spec.observation_steps, spec.images_shape[1:]
    views = np.empty((steps, len(spec.cameras), *size), np.uint8)
    for place, camera in enumerate(spec.cameras):
        given = obs[camera.name]
        pictures = given if isinstance(given, list) or steps > 1 else [given]
        if not isinstance(pictures, list | np.ndarray) or len(pictures) != steps:
            raise MalformedMessage(f"'{camera.name}' is no sequence of {steps} images")
        for step, picture in enumerate(pictures):
            views[steps - 1 - step, place] = _picture(picture, camera.name, size)
    return views.reshape(1, -1, *size)


def _picture(value: object, name: str, size: tuple[int, ...]) -> Array:
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind in _COMPRESSED and isinstance(content, bytes):
            return decompress(content, size)
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.shape != size:
        found = (
            f"{value.dtype} {value.shape}"
            if isinstance(value, np.ndarray)
            else type(value).__name__
        )
        raise MalformedMessage(
            f"'{name}' is {found}; expected uint8 {size}, or a map of jpeg or png to its bytes"
        )
    return value


def _floats(value: object, name: str) -> Float32Array:
    """As writable float32: what openpi's clients send is often float64."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        found = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise MalformedMessage(f"'{name}' is {found}; expected an array of numbers")
    return np.array(value, dtype=np.float32)
