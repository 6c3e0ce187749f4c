"""Small pictures of the latest episodes in memory, and not ever more of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from dsrl_core.data.film_strips import Strip
from dsrl_core.types import UInt8Array

FRAMES_MAX: Final = 8
"""Of an episode; when there are more, every other one is dropped."""
EPISODES_MAX: Final = 60
_WIDTH: Final = 160
"""Of a small picture [px]; a full strip of all episodes is about 25 MB."""
_FIRST_GAP_S: Final = 0.5


@dataclass
class _Strip:
    gap_s: float = _FIRST_GAP_S
    frames: list[tuple[float, UInt8Array]] = field(default_factory=list)


class FilmStrips:
    """Frames of episodes, evenly spread over each."""

    def __init__(self) -> None:
        self._strips: OrderedDict[int, _Strip] = OrderedDict()

    def add(self, episode: int, elapsed_s: float, image: UInt8Array) -> bool:
        """Take a picture into an episode's strip unless one is there of nearly the same moment.

        `image`: (height, width, 3). Whether it was taken.
        """
        strip = self._strips.setdefault(episode, _Strip())
        if strip.frames and elapsed_s < strip.frames[-1][0]:
            # The number is that of another run's episode now.
            strip = self._strips[episode] = _Strip()
        if strip.frames and elapsed_s - strip.frames[-1][0] < strip.gap_s:
            return False
        if len(strip.frames) == FRAMES_MAX:
            strip.frames = strip.frames[::2]
            strip.gap_s *= 2
        strip.frames.append((elapsed_s, small(image)))
        self._bound()
        return True

    def put(self, episode: int, strip: Strip) -> None:
        """A whole strip, of an episode that was filmed before."""
        self._strips[episode] = _Strip(frames=list(strip))
        self._bound()

    def of(self, episode: int) -> Strip:
        """Seconds into the episode and small picture, in order; none where there was no camera."""
        strip = self._strips.get(episode)
        return tuple(strip.frames) if strip else ()

    def _bound(self) -> None:
        while len(self._strips) > EPISODES_MAX:
            self._strips.popitem(last=False)


def small(image: UInt8Array) -> UInt8Array:
    """As it is kept."""
    height, width = image.shape[:2]
    size = (_WIDTH, max(1, round(_WIDTH * height / width)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, dtype=np.uint8)
