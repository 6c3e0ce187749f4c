"""openpi's messages: msgpack in which an array is a map of its bytes, dtype and shape."""

from __future__ import annotations

import math
from typing import Any, Final

import msgpack
import numpy as np

from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.policies.wire.messages import MESSAGE_SIZE_MAX_BYTES, Part, shape_of, unpacked

_ARRAY: Final = b"__ndarray__"
_NUMBER: Final = b"__npgeneric__"
_KINDS: Final = ("|b1", "|u1", "|i1", "<i2", "<i4", "<i8", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8")
"""Nothing whose bytes would be more than numbers."""


def packer() -> msgpack.Packer:
    """For `pack`, to be used again: it keeps the memory that a message with images takes."""
    return msgpack.Packer(default=_as_map, autoreset=True)


def pack(value: Any, by: msgpack.Packer | None = None) -> bytes:
    """A map with arrays as openpi's clients and servers read it.

    Raises:
        MalformedMessage: something in it is neither a plain value nor an array of numbers.
    """
    try:
        return bytes((by or packer()).pack(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedMessage(f"not to be sent: {error}") from error


def unpack(data: Part) -> dict[str, Any]:
    """The map of a message, its arrays read-only views of the message's bytes.

    Raises:
        MalformedMessage: too large, no msgpack, no map of names, or an array whose shape and dtype
            do not fit its bytes.
    """
    if len(data) > MESSAGE_SIZE_MAX_BYTES:
        raise MalformedMessage(f"{len(data)} bytes; expected at most {MESSAGE_SIZE_MAX_BYTES}")
    value = unpacked(data, object_hook=_from_map)
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise MalformedMessage("a message that is no map of names to values")
    return value


def _as_map(value: object) -> dict[bytes, Any]:
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        if array.dtype.str in _KINDS:
            data = array.data.cast("B") if array.size else b""
            return {_ARRAY: True, b"data": data, b"dtype": array.dtype.str, b"shape": value.shape}
    elif isinstance(value, np.generic) and value.dtype.str in _KINDS:
        return {_NUMBER: True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"{type(value).__name__} {getattr(value, 'dtype', '')}")


def _from_map(value: dict[Any, Any]) -> Any:
    if _ARRAY in value:
        return _array(value.get(b"data"), value.get(b"dtype"), value.get(b"shape"))
    if _NUMBER in value:
        number = value.get(b"data")
        if not isinstance(number, bool | int | float):
            raise MalformedMessage(f"a number of type {type(number).__name__}")
        return number
    return value


def _array(data: object, dtype: object, shape: object) -> np.ndarray[Any, Any]:
    if not isinstance(data, bytes) or not isinstance(dtype, str) or dtype not in _KINDS:
        raise MalformedMessage(f"an array of dtype {str(dtype)[:40]}; expected {', '.join(_KINDS)}")
    sizes, kind = shape_of(shape, "array"), np.dtype(dtype)
    if math.prod(sizes) * kind.itemsize != len(data):
        raise MalformedMessage(
            f"an array of shape {tuple(sizes)} and {dtype} takes "
            f"{math.prod(sizes) * kind.itemsize} bytes; got {len(data)}"
        )
    return np.frombuffer(data, dtype=kind).reshape(sizes)
