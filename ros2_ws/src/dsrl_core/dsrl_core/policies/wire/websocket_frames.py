"""Messages of a websocket, which may come in several frames.

Nearly all of them are one frame of bytes: these are made and read here, with the fewest copies of
the pictures in them. Everything else, and whatever is not as it should be, is the library's.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence
from typing import Final

from websockets.frames import Frame, Opcode, apply_mask

DATA: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)

_BYTES: Final = 0x80 | Opcode.BINARY
"""The first byte of a frame that is a whole message of bytes."""
_MASKED: Final = 0x80
_LENGTH: Final = struct.Struct("!BBQ")
_HEADER_BYTES: Final = _LENGTH.size + 4
_SMALL: Final = 64 * 1024
"""Up to this the length is written otherwise."""

Told = str | bytes | bytearray | memoryview
"""A text, or bytes."""


def whole(frames: Sequence[Frame]) -> Told:
    """The message of all of its frames."""
    first = frames[0]
    data = first.data if len(frames) == 1 else b"".join(frame.data for frame in frames)
    return bytes(data).decode(errors="replace") if first.opcode is Opcode.TEXT else data


def frame_of(data: bytes) -> list[bytes] | None:
    """A client's frame of a large message; None of a small one."""
    if len(data) < _SMALL:
        return None
    mask = secrets.token_bytes(4)
    return [_LENGTH.pack(_BYTES, _MASKED | 127, len(data)) + mask, apply_mask(data, mask)]


def size_of(data: memoryview) -> int | None:
    """Of the frame with which these bytes begin; None where that is yet to come."""
    if len(data) < 2:
        return None
    size = data[1] & 0x7F
    header = 2 + {126: 2, 127: 8}.get(size, 0) + (4 if data[1] & _MASKED else 0)
    if len(data) < header:
        return None
    if size > 125:
        size = int.from_bytes(data[2 : 4 if size == 126 else 10], "big")
    return header + size


def is_plain(frame: memoryview) -> bool:
    """Whether a whole frame is what `frame_of` makes."""
    return len(frame) >= _HEADER_BYTES and frame[0] == _BYTES and frame[1] == _MASKED | 127


def message_of(frame: memoryview) -> bytes:
    """What is in a whole frame that `is_plain`."""
    return apply_mask(frame[_HEADER_BYTES:], bytes(frame[_HEADER_BYTES - 4 : _HEADER_BYTES]))
