"""Images as JPEG or PNG, for slow networks; their size is known before they are decoded.

OpenCV is loaded with the first one: the environments of other frameworks have none.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, Literal, get_args

import numpy as np

from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.types import UInt8Array

ImageFormat = Literal["raw", "jpeg", "png"]
IMAGE_FORMATS: Final = get_args(ImageFormat)
_SUFFIX: Final = {"jpeg": ".jpg", "png": ".png"}
_JPEG_QUALITY: Final = 95
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE: Final = b"\xff\xd8"
_NO_FRAME: Final = (0xC4, 0xC8, 0xCC)
"""JPEG segments numbered like a frame's start that are none."""


def compress(image: UInt8Array, kind: ImageFormat) -> bytes:
    """An RGB image (height, width, 3) as a file of this kind; JPEG changes it a little."""
    import cv2

    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if kind == "jpeg" else []
    _, content = cv2.imencode(_SUFFIX[kind], cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    return content.tobytes()


def decompress(content: bytes | memoryview, shape: Sequence[int]) -> UInt8Array:
    """The RGB image of a file, which must have this shape (height, width, 3).

    Raises:
        MalformedMessage: no JPEG or PNG, a broken one, or one of another size: that is refused
            before it is decoded.
    """
    import cv2

    found = size_of(content)
    if found != tuple(shape[:2]):
        raise MalformedMessage(
            f"a compressed image of (height, width) {found}; expected {tuple(shape[:2])}"
        )
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise MalformedMessage(f"an image that cannot be decoded: {error.err}") from error
    if image is None or image.shape != tuple(shape):
        raise MalformedMessage("an image that cannot be decoded")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def size_of(content: bytes | memoryview) -> tuple[int, int]:
    """(height, width) [px] that a JPEG or PNG says it has.

    Raises:
        MalformedMessage: it is neither.
    """
    data = bytes(content)
    if data[:8] == _PNG_SIGNATURE and len(data) >= 24 and data[12:16] == b"IHDR":
        width, height = struct.unpack(">II", data[16:24])
        return height, width
    if data[:2] == _JPEG_SIGNATURE:
        place = 2
        while place + 9 <= len(data) and data[place] == 0xFF:
            marker = data[place + 1]
            if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
                height, width = struct.unpack(">HH", data[place + 5 : place + 9])
                return height, width
            place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    raise MalformedMessage("an image that is neither JPEG nor PNG")
