"""Images out of files, of encoded bytes and of videos, as RGB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from dsrl_core.data.importers.source import BadEpisode
from dsrl_core.types import UInt8Array

_RATE_TOLERANCE = 1e-3
"""Relative, between a video's frame rate and the dataset's."""


def decode_image(data: bytes, place: str) -> UInt8Array:
    """An encoded image (PNG, JPEG) as (height, width, 3).

    Raises:
        BadEpisode: it is damaged, or no image of colours.
    """
    image = (
        cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    )
    return rgb(image, place)


def read_image(path: Path, place: str) -> UInt8Array:
    """An image file as (height, width, 3).

    Raises:
        BadEpisode: it is missing, damaged, or no image of colours.
    """
    try:
        return decode_image(path.read_bytes(), place)
    except OSError as error:
        raise BadEpisode(f"{place}: {path} cannot be read: {error.strerror}") from error


def rgb(image: UInt8Array | None, place: str) -> UInt8Array:
    """An image as OpenCV decodes it, as RGB; transparency is dropped."""
    if image is None:
        raise BadEpisode(f"{place} cannot be decoded as an image")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4):
        raise BadEpisode(
            f"{place} is {image.dtype} of shape {image.shape}, expected 8-bit colours (a depth "
            "map cannot be imported)"
        )
    return np.ascontiguousarray(image[..., 2::-1])


class VideoReader:
    """Frames of a video by number, in rising order: seeking is not exact in every codec."""

    def __init__(self, path: Path, fps: float) -> None:
        """
        Raises:
            BadEpisode: it is missing, cannot be decoded, or has another frame rate.
        """
        self.path, self._next = path, 0
        self._capture = self._open()
        found = float(self._capture.get(cv2.CAP_PROP_FPS))
        if abs(found - fps) > _RATE_TOLERANCE * fps:
            self.close()
            raise BadEpisode(f"{path} has {found:g} frames per second, the dataset {fps:g}")

    def frames(self, numbers: Sequence[int]) -> list[UInt8Array]:
        """The frames (height, width, 3) of these numbers, from 0.

        Raises:
            BadEpisode: the video is shorter, or damaged there.
        """
        if numbers and numbers[0] < self._next:
            self.close()
            self._capture, self._next = self._open(), 0
        return [self._frame(number) for number in numbers]

    def close(self) -> None:
        """Close the file; again has no effect."""
        self._capture.release()

    def _frame(self, number: int) -> UInt8Array:
        while self._next <= number:
            if not self._capture.grab():
                raise BadEpisode(
                    f"{self.path} (codec {self._codec()}) ends or cannot be decoded at frame "
                    f"{self._next}, frame {number} is needed; a codec that is not supported here, "
                    "as AV1, is converted by ffmpeg -i IN -c:v libx264 -crf 10 OUT"
                )
            self._next += 1
        _, image = self._capture.retrieve()
        return rgb(image, f"{self.path}, frame {number}")

    def _codec(self) -> str:
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        return code.to_bytes(4, "little").decode("latin-1")

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            reason = "cannot be opened as a video" if self.path.exists() else "is missing"
            raise BadEpisode(f"{self.path} {reason}")
        return capture
