"""Reads the episodes that will be asked for next, while those before them are worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from dsrl_core.types import Episode

AHEAD: Final = 4
"""Episodes that lie read in memory at most."""


class ReadingAhead:
    """`read` with a thread of its own; asked for from one thread only.

    What was not expected is read when it is asked for, so that nothing is lost by not expecting
    it. A problem with an episode is raised where that episode is asked for.
    """

    def __init__(self, read: Callable[[int], Episode], ahead: int = AHEAD) -> None:
        self._read, self._ahead = read, ahead
        self._expected: deque[int] = deque()
        self._begun: dict[int, Future[Episode]] = {}
        # Its thread begins with the first episode that is expected, and ends when none refers to
        # this any more.
        self._thread = ThreadPoolExecutor(1, "reading_ahead")

    def expect(self, numbers: Iterable[int]) -> None:
        """These will be asked for, in this order, after those that are expected already."""
        self._expected.extend(numbers)
        self._begin()

    def __call__(self, number: int) -> Episode:
        """The episode; raises what `read` does."""
        self._pass_over_those_before(number)
        reading = self._begun.pop(number, None)
        self._begin()
        return self._read(number) if reading is None else reading.result()

    def _pass_over_those_before(self, number: int) -> None:
        """They were expected and are not needed after all."""
        if number not in self._begun and number not in self._expected:
            return
        while self._begun and next(iter(self._begun)) != number:
            self._begun.pop(next(iter(self._begun))).cancel()
        while number not in self._begun and self._expected.popleft() != number:
            pass

    def _begin(self) -> None:
        while self._expected and len(self._begun) < self._ahead:
            number = self._expected.popleft()
            if number not in self._begun:
                self._begun[number] = self._thread.submit(self._read, number)
