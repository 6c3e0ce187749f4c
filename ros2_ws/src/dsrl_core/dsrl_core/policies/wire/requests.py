"""Messages as requests, and answers as messages."""

from __future__ import annotations

from typing import Any

import numpy as np

from dsrl_core.policies.serving import Answer, Request, UnknownEncoding
from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.policies.wire.images import decompress
from dsrl_core.policies.wire.messages import (
    MESSAGE_SIZE_MAX_BYTES,
    PROTOCOL,
    UNKNOWN_ENCODING,
    Array,
    Message,
)
from dsrl_core.specs import PolicySpec
from dsrl_core.types import UInt8Array

KEY_SIZE_MAX_BYTES = 64


def request_of(message: Message, spec: PolicySpec) -> Request:
    """
    Raises:
        MalformedMessage: it is for another protocol or policy, or has other values than ours.
    """
    values = message.values
    if values.get("protocol") != PROTOCOL:
        raise MalformedMessage(
            f"protocol {values.get('protocol')!r}; this server speaks {PROTOCOL}"
        )
    if values.get("model") != spec.weights_sha256:
        raise MalformedMessage(
            f"meant for model {values.get('model')!r}; policy '{spec.name}' is served here, "
            f"which is '{spec.weights_sha256}'"
        )
    key = values.get("key", b"")
    if not isinstance(key, bytes) or len(key) > KEY_SIZE_MAX_BYTES:
        raise MalformedMessage(f"'key' is bytes, {KEY_SIZE_MAX_BYTES} at most")
    return Request(
        key,
        _taken(message, "observations", "float32"),
        _images(message, spec),
        _taken(message, "noises", "float32"),
        values.get("features") is True,
        values.get("digest") is True,
    )


def _images(message: Message, spec: PolicySpec) -> UInt8Array | None:
    if "compressed" not in message.values:
        return _taken(message, "images", "uint8")
    sizes, shape = message.values["compressed"], spec.images_shape
    files = message.arrays.get("images")
    if (
        shape is None
        or files is None
        or files.ndim != 1
        or files.dtype != np.uint8
        or not isinstance(sizes, list)
        or not all(type(size) is int and size > 0 for size in sizes)
        or not sizes
        or len(sizes) % shape[0]
        or sum(sizes) != len(files)
    ):
        raise MalformedMessage("'compressed' tells the sizes of the files in 'images'")
    views = len(sizes) * shape[1] * shape[2] * 3
    if views > MESSAGE_SIZE_MAX_BYTES:
        raise MalformedMessage(f"images of {views} bytes; at most {MESSAGE_SIZE_MAX_BYTES}")
    stops = np.cumsum(sizes)
    images = [
        decompress(files[stop - size : stop].data, shape[1:])
        for stop, size in zip(stops, sizes, strict=True)
    ]
    return np.stack(images).reshape(-1, *shape)


def _taken(message: Message, name: str, dtype: str) -> Array | None:
    """An array of a message, writable, as a policy's own framework wants it: the message is nobody
    else's."""
    array = message.arrays.get(name)
    if array is None:
        return None
    if array.dtype != dtype:
        raise MalformedMessage(f"'{name}' has dtype {array.dtype}; expected {dtype}")
    return array if array.flags.writeable else array.copy()


def reply_of(answer: Answer, metadata: dict[str, Any] | None) -> Message:
    if answer.error is not None:
        return error_of(answer.error)
    values: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    if answer.digest:
        values["digest"] = answer.digest
    if metadata is not None:
        values["metadata"] = metadata
    if answer.chunks is not None:
        arrays["chunks"] = answer.chunks
    if answer.request.wants_features and answer.encoded is not None:
        arrays["features"] = answer.encoded.features
    return Message(values, arrays)


def error_of(error: Exception) -> Message:
    kind = UNKNOWN_ENCODING if isinstance(error, UnknownEncoding) else type(error).__name__
    return Message({"error": {"kind": kind, "message": str(error)}})
