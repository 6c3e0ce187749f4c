"""Times and arrays, of which every message is made."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from dsrl_core.types import NANOSECONDS_PER_SECOND, Float32Array, Float64Array, UInt8Array


def time_to_message(stamp_ns: int) -> Time:
    seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS_PER_SECOND)
    return Time(sec=seconds, nanosec=nanoseconds)


def time_from_message(message: Time) -> int:
    return int(message.sec) * NANOSECONDS_PER_SECOND + int(message.nanosec)


def header(stamp_ns: int, frame: str = "") -> Header:
    return Header(stamp=time_to_message(stamp_ns), frame_id=frame)


def stamp_of(message: Any) -> int:
    """ROS time [ns] of a message with a header."""
    return time_from_message(message.header.stamp)


# Fields of type `float32[]` hold array('f'), of type `uint8[]` array('B'); an ndarray would be
# copied item by item.


def floats(values: Float32Array) -> array[float]:
    return array("f", np.ascontiguousarray(values, dtype=np.float32).tobytes())


def doubles(values: Float64Array) -> array[float]:
    return array("d", np.ascontiguousarray(values, dtype=np.float64).tobytes())


def bytes_of(values: UInt8Array) -> array[int]:
    data = array("B")
    data.frombytes(np.ascontiguousarray(values).reshape(-1).data)
    return data


def uint8(values: array[int], shape: Sequence[int]) -> UInt8Array:
    return np.frombuffer(values, dtype=np.uint8).copy().reshape([int(size) for size in shape])


def float32(values: array[float], shape: Sequence[int] | None = None) -> Float32Array:
    flat = np.frombuffer(values, dtype=np.float32).copy()
    return flat if shape is None else flat.reshape([int(size) for size in shape])


def float64(values: array[float]) -> Float64Array:
    return np.frombuffer(values, dtype=np.float64).copy()
