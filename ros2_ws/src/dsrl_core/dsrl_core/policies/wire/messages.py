"""Messages between our own processes: a small msgpack header, and every array's bytes as they are.

A message is a list of parts. The first is a map of plain values, in which `arrays` lists [name,
dtype, shape]; the others are the arrays' data in that order. Nothing is copied here: what is sent
is read where the caller has it, what comes is read where the socket put it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack
import numpy as np
import numpy.typing as npt

from dsrl_core.policies.wire.errors import MalformedMessage

Array = npt.NDArray[Any]
Part = bytes | bytearray | memoryview

PROTOCOL: Final = 2
"""Raised when an older side would misread a message."""
MESSAGE_SIZE_MAX_BYTES: Final = 64 * 1024 * 1024
"""Of one part, of all parts together, and of a message over a websocket."""
SOCKET_BUFFER_BYTES: Final = 1024 * 1024
"""What the system keeps of a message on its way: two images at once, not by the piece."""
HEADER_SIZE_MAX_BYTES: Final = 64 * 1024
UNKNOWN_ENCODING: Final = "unknown_encoding"
"""The kind of error by which a server asks for an observation again."""
DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "float32": np.dtype(np.float32),
    "uint8": np.dtype(np.uint8),
}
_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}
"""numpy makes up a name anew each time."""
ARRAYS_MAX: Final = 8
_DIMENSIONS_MAX: Final = 8


@dataclass(frozen=True)
class Message:
    """Plain values, and arrays of float32 or uint8 by name."""

    values: dict[str, Any]
    arrays: dict[str, Array] = field(default_factory=dict)


def pack(message: Message) -> list[Part]:
    """The parts of a message; arrays that are not contiguous are copied."""
    listed: list[tuple[str, str, tuple[int, ...]]] = []
    parts: list[Part] = []
    for name, array in message.arrays.items():
        listed.append((name, _NAMES.get(array.dtype) or array.dtype.name, array.shape))
        parts.append(np.ascontiguousarray(array).data.cast("B"))
    return [msgpack.packb({**message.values, "arrays": listed}), *parts]


def unpack(parts: Sequence[Part]) -> Message:
    """The message of some parts; its arrays are views of them, writable where these are.

    Raises:
        MalformedMessage: anything else than what `pack` makes.
    """
    if not parts:
        raise MalformedMessage("a message without any part; expected a header and arrays")
    header, *data = parts
    if len(header) > HEADER_SIZE_MAX_BYTES:
        raise MalformedMessage(
            f"a header of {len(header)} bytes; expected at most {HEADER_SIZE_MAX_BYTES}"
        )
    values = unpacked(header)
    if not isinstance(values, dict):
        raise MalformedMessage(f"a header of type {type(values).__name__}; expected a map")
    listed = values.pop("arrays", None)
    if not isinstance(listed, list) or len(listed) != len(data) or len(data) > ARRAYS_MAX:
        raise MalformedMessage(
            f"{len(data)} arrays; expected as many as 'arrays' lists, at most {ARRAYS_MAX}"
        )
    if sum(len(part) for part in parts) > MESSAGE_SIZE_MAX_BYTES:
        raise MalformedMessage(f"a message of more than {MESSAGE_SIZE_MAX_BYTES} bytes")
    arrays: dict[str, Array] = {}
    for entry, content in zip(listed, data, strict=True):
        if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[0], str):
            raise MalformedMessage("an array is announced by [name, dtype, shape]")
        arrays[entry[0]] = array_of(content, *entry)
    if len(arrays) != len(data):
        raise MalformedMessage("two arrays of one name")
    return Message(values, arrays)


def array_of(data: Part, name: str, dtype: object, shape: object) -> Array:
    """A view of `data`.

    Raises:
        MalformedMessage: another dtype than ours, no shape, or one that does not fit the data.
    """
    kind = DTYPES.get(dtype) if isinstance(dtype, str) else None
    if kind is None:
        raise MalformedMessage(f"'{name}' has dtype {dtype!r}; expected {' or '.join(DTYPES)}")
    sizes = shape_of(shape, name)
    if math.prod(sizes) * kind.itemsize != len(data):
        raise MalformedMessage(
            f"'{name}' of shape {tuple(sizes)} and {dtype} takes "
            f"{math.prod(sizes) * kind.itemsize} bytes; got {len(data)}"
        )
    return np.frombuffer(data, dtype=kind).reshape(sizes)


def shape_of(shape: object, name: str) -> list[int]:
    """The sizes of an array's axes.

    Raises:
        MalformedMessage: no list of a few numbers of at least 1.
    """
    if (
        not isinstance(shape, list)
        or len(shape) > _DIMENSIONS_MAX
        or any(type(size) is not int or size < 1 for size in shape)
    ):
        raise MalformedMessage(f"'{name}' has no shape: {str(shape)[:80]}")
    return shape


def unpacked(data: Part, **options: Any) -> Any:
    """msgpack's value of some bytes.

    Raises:
        MalformedMessage: they are no msgpack.
    """
    try:
        return msgpack.unpackb(data, **options)
    except MalformedMessage:
        raise
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise MalformedMessage(f"not a msgpack message: {error or type(error).__name__}") from error
