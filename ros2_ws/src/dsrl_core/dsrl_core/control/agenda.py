"""Which chunk is played, which one follows it, and what is to be asked for.

A chunk may be asked for while the one before still plays (`ahead`): what is left of that one is
committed, it will be played whatever comes, and the new chunk is for the state that it leads to.
It begins exactly where the present one ends.
"""

from __future__ import annotations

from dsrl_core.errors import InvalidValue
from dsrl_core.types import ChunkRequest, Float64Array


class Agenda:
    """Of one episode after the other."""

    def __init__(self, horizon: int, row_ns: int) -> None:
        self._horizon, self._row_ns = horizon, row_ns
        self._ahead = 0
        self.begin(0, None)

    @property
    def ahead(self) -> int:
        """Actions before the end of a chunk at which the next one is asked for; 0: at its end."""
        return self._ahead

    @ahead.setter
    def ahead(self, actions: int) -> None:
        """
        Raises:
            InvalidValue: a chunk has not so many actions.
        """
        if not 0 <= actions <= self._horizon:
            raise InvalidValue(
                f"the next chunk is asked for {actions} actions ahead; a chunk has "
                f"{self._horizon}, expected 0 to {self._horizon}"
            )
        self._ahead = actions

    @property
    def pending(self) -> ChunkRequest | None:
        """The request that waits for its chunk."""
        return self._pending

    @property
    def final(self) -> ChunkRequest | None:
        """The request that closed the episode."""
        return self._final

    @property
    def chunk(self) -> Float64Array | None:
        """What is played, (horizon, columns)."""
        return self._chunk

    @property
    def waits_since_ns(self) -> int | None:
        """Since when nothing is played for want of a chunk that was asked for; None: not so."""
        if self._pending is None or self._chunk is not None:
            return None
        return max(self._pending.stamp_ns, self._ended_ns)

    @property
    def is_idle(self) -> bool | None:
        """Whether the arm stands still between two chunks, for want of the next one; None: no
        episode runs, or its first chunk has not come."""
        if self.episode is None or self._final is not None or self._sequence == 0:
            return None
        return self._chunk is None

    def begin(self, now_ns: int, episode: int | None, deadline_ns: int = 0) -> None:
        """An episode begins; None: there is none, nothing is played and nothing asked for."""
        self.episode, self._start_ns, self._deadline_ns = episode, now_ns, deadline_ns
        self._chunk: Float64Array | None = None
        self._next: Float64Array | None = None
        self._pending: ChunkRequest | None = None
        self._answered: ChunkRequest | None = None
        self._final: ChunkRequest | None = None
        self._sequence = self._ended_ns = 0
        self._is_new = False

    @property
    def is_new(self) -> bool:
        """Whether the chunk begins with the next tick."""
        return self._is_new

    def take(self, chunk: Float64Array) -> bool:
        """The chunk for the pending request; whether it is played from the next tick on, and not
        after the present one."""
        assert self._pending is not None, "nobody asked for a chunk"
        self._sequence = self._pending.sequence + 1
        self._answered, self._pending = self._pending, None
        if self._chunk is not None:
            self._next = chunk
            return False
        self._chunk, self._is_new = chunk, True
        return True

    def row_at(self, time_ns: int) -> int:
        """The row of the present chunk that is under way at a time, its last one from then on."""
        return min((time_ns - self._start_ns) // self._row_ns, self._horizon - 1)

    def due(self, now_ns: int, time_ns: int) -> ChunkRequest | None:
        """Begin a new chunk, put a finished one away, and say what is wanted at this tick,
        `time_ns` of the motion."""
        if self._final is not None:
            return None
        if self._is_new:
            self._start_ns, self._is_new = time_ns, False
        if now_ns >= self._deadline_ns:
            return self.finish(now_ns, "deadline")
        if self._chunk is not None and time_ns >= self._end_ns:
            self._ended_ns = now_ns
            if self._next is not None:
                self._start_ns = self._end_ns
            self._chunk, self._next = self._next, None
        if self._pending is not None or self._next is not None:
            return None
        if self._chunk is None:
            if self._sequence == 0:
                return self._ask(now_ns, 0, "start")
            return self._ask(now_ns, self._horizon, "exhausted")
        if self._ahead and time_ns >= self._end_ns - self._ahead * self._row_ns:
            # Ticks need not fall on the beginnings of actions: one that has hardly begun is left.
            first = self.row_at(time_ns + self._row_ns // 2)
            return self._ask(now_ns, self._horizon, "ahead", self._chunk[first:])
        return None

    def finish(self, now_ns: int, reason: str) -> ChunkRequest:
        """Close the episode; nothing is played any more."""
        assert self.episode is not None, "an episode was begun"
        # A chunk that was asked for and never played counts as if it had not come in time, so that
        # the record does not depend on whether it did.
        unplayed = self._pending
        never_begun = self._is_new or now_ns <= self._start_ns
        if self._answered is not None and (self._next is not None or never_begun):
            unplayed = self._answered
        sequence, executed = self._sequence, 0
        if unplayed is not None:
            sequence, executed = unplayed.sequence, unplayed.previous_steps_executed
        if self._chunk is not None and not never_begun:
            executed = min((now_ns - self._start_ns) // self._row_ns, self._horizon)
        self._final = ChunkRequest(now_ns, self.episode, sequence, executed, reason, final=True)
        self._pending = self._chunk = self._next = None
        self._is_new = False
        return self._final

    @property
    def _end_ns(self) -> int:
        return self._start_ns + self._horizon * self._row_ns

    def _ask(
        self, now_ns: int, executed: int, reason: str, committed: Float64Array | None = None
    ) -> ChunkRequest:
        assert self.episode is not None
        rows = () if committed is None else tuple(map(tuple, committed.tolist()))
        self._pending = ChunkRequest(
            now_ns, self.episode, self._sequence, executed, reason, committed=rows
        )
        return self._pending
