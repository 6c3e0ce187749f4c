"""Which episodes are looked at anew when returns are computed: all, or so many at a time.

A learner's updates must not slow down as the replay grows: beyond a limit of rows the episodes take
turns, those that were never looked at first. Then nothing is remembered of an episode from turn to
turn, its noises are decoded anew, and so fewer rows have their turn at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dsrl_core.learning.remembering import Memory
from dsrl_core.learning.training_set import Key, TrainingSet


class Turns:
    """Order of refreshing; all episodes of up to `rows_max` rows, or some, and at least one."""

    SHARE: Final = 0.25
    """Of `rows_max`, that have their turn at a time when not all fit in."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._last: dict[Key, int] = {}
        self._round = 0

    def next(self, data: TrainingSet) -> Iterator[tuple[Key, slice]]:
        """The episodes whose turn it is, with their rows."""
        self._round += 1
        episodes = data.episodes()
        limit = self._rows_max
        if sum(data.rows_of(key).stop - data.rows_of(key).start for key in episodes) > limit:
            limit = int(self.SHARE * limit)
            episodes.sort(key=lambda key: self._last.get(key, 0))
        taken = 0
        for key in episodes:
            rows = data.rows_of(key)
            if taken and taken + rows.stop - rows.start > limit:
                return
            taken += rows.stop - rows.start
            self._last[key] = self._round
            yield key, rows

    def state(self) -> Memory:
        last = [[*key, turn] for key, turn in self._last.items()]
        return Memory({}, {"round": self._round, "last": last})

    def put_back(self, memory: Memory) -> None:
        self._round = int(memory.facts["round"])
        self._last = {(task, number): turn for task, number, turn in memory.facts["last"]}
