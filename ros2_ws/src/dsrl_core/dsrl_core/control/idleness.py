"""For how many set-points the arm has nothing to play, because the next chunk is not there."""

from __future__ import annotations

from collections import deque
from typing import Final

_LATELY: Final = 3000


class Idleness:
    """Counts set-points from an episode's first chunk on, and those of them at which the arm waits
    for a chunk. The wait for the first one is none of these: nobody can ask for it ahead."""

    def __init__(self) -> None:
        self.set_points = 0
        """Since the start of the process; the newest one, which may be taken back, left out."""
        self.idle = 0
        self._lately: deque[bool] = deque(maxlen=_LATELY)
        self._newest: bool | None = None

    def see(self, is_idle: bool | None) -> None:
        """Another set-point; None: it is none of these."""
        if self._newest is not None:
            self.set_points += 1
            self.idle += self._newest
            self._lately.append(self._newest)
        self._newest = is_idle

    def rewind(self) -> None:
        """The newest one was not sent."""
        self._newest = None

    @property
    def share(self) -> float:
        """Of the set-points; 0 if there were none."""
        return self.idle / self.set_points if self.set_points else 0.0

    @property
    def share_lately(self) -> float:
        """Of the latest ones."""
        return sum(self._lately) / len(self._lately) if self._lately else 0.0
