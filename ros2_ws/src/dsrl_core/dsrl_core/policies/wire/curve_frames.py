"""A message's parts as frames of ZeroMQ: large ones in pieces.

A frame is encrypted as a whole, and sent and decrypted after that: in pieces the two machines (or
cores) work at the same time, and an image takes little more than half the time.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
import zmq

from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.policies.wire.messages import ARRAYS_MAX, MESSAGE_SIZE_MAX_BYTES, Part

PIECE_BYTES: Final = 32 * 1024
_SIZE: Final = struct.Struct("<I")


def frames_of(parts: Sequence[Part]) -> list[Part]:
    """The sizes of the parts, and their pieces."""
    frames: list[Part] = [b"".join(_SIZE.pack(len(part)) for part in parts)]
    for part in parts:
        whole = memoryview(part)
        frames += [whole[at : at + PIECE_BYTES] for at in range(0, len(whole), PIECE_BYTES)]
    return frames


def parts_of(frames: Sequence[zmq.Frame]) -> list[memoryview]:
    """
    Raises:
        MalformedMessage: the frames are not those of parts of the told sizes.
    """
    if not frames or len(frames[0]) % _SIZE.size or len(frames[0]) > (1 + ARRAYS_MAX) * _SIZE.size:
        raise MalformedMessage("a message without the sizes of its parts")
    sizes = [size for (size,) in _SIZE.iter_unpack(frames[0].buffer)]
    if sum(sizes) > MESSAGE_SIZE_MAX_BYTES:
        raise MalformedMessage(f"a message of {sum(sizes)} bytes")
    pieces = iter(frames[1:])
    parts = []
    for size in sizes:
        part = np.empty(size, np.uint8)
        for at in range(0, size, PIECE_BYTES):
            piece = next(pieces, None)
            if piece is None or len(piece) != min(PIECE_BYTES, size - at):
                raise MalformedMessage("a message whose parts have other sizes than told")
            part[at : at + len(piece)] = np.frombuffer(piece.buffer, np.uint8)
        parts.append(part.data)
    if next(pieces, None) is not None:
        raise MalformedMessage("a message of more parts than told")
    return parts
