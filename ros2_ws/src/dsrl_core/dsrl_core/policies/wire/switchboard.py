"""Connections of several clients, read and written in one thread that waits for none of them.

The thread in which the policy runs reads them itself: nothing is handed from thread to thread. Who
sends slowly, or takes no answer, holds nobody up and is let go when its time is over.
"""

from __future__ import annotations

import logging
import select
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Generic, TypeVar

CLIENTS_MAX: Final = 64
_ACCEPTED_AT_ONCE_MAX: Final = 16
_LOOK_EVERY_S: Final = 0.1
_FULL_PAUSE_S: Final = 0.05
_GONE: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_LOG: Final = logging.getLogger(__name__)

Asked = TypeVar("Asked")
Bytes = bytes | bytearray | memoryview


class Gone(Exception):
    """A client has left, or is to be let go; says why."""


class Line(ABC, Generic[Asked]):
    """One client's connection: bytes that come and go as they can, and the questions they make."""

    def __init__(self, connection: socket.socket, patience_s: float) -> None:
        """`patience_s`: a question that has begun must be whole, and an answer taken, by then."""
        connection.setblocking(False)
        self.socket, self._patience_s = connection, patience_s
        self._unsent = memoryview(b"")
        self._overdue_s: float | None = None

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    @property
    def is_amid(self) -> bool:
        """Whether it is about to ask, or to take an answer."""
        return self._overdue_s is not None

    @property
    def has_more(self) -> bool:
        """Whether `read` gives another question without anything that has yet to come."""
        return False

    @abstractmethod
    def read(self) -> Asked | None:
        """Take what is there: a question where that makes it whole, else None.

        Raises:
            Gone: the client has left, or what it sends is none of ours.
            OSError: the connection is broken.
        """

    def write(self, parts: Sequence[Bytes]) -> None:
        """Send as much as the client takes now; `go_on` sends the rest.

        Raises:
            OSError: the connection is broken.
        """
        sent = 0
        if not self._unsent:
            with suppress(BlockingIOError):
                sent = self.socket.sendmsg(parts)
            if sent == sum(map(len, parts)):
                return
        rest = b"".join((self._unsent, *parts))
        self._unsent = memoryview(rest)[sent:]
        self._begin()

    def go_on(self) -> None:
        """Send more of what the client has not taken yet."""
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return
        if not self._unsent:
            self._end()

    def look(self, now_s: float) -> None:
        """Now and then, from `Switchboard`.

        Raises:
            Gone: it is overdue.
        """
        if self._overdue_s is not None and now_s > self._overdue_s:
            raise Gone(f"it was at one message for more than {self._patience_s:g} s")

    def _begin(self) -> None:
        """A message is on its way."""
        if self._overdue_s is None:
            self._overdue_s = time.monotonic() + self._patience_s

    def _end(self) -> None:
        self._overdue_s = None


class Switchboard(Generic[Asked]):
    """The lines of one server; everything but `add` from one thread."""

    def __init__(
        self,
        listening: socket.socket | None = None,
        line_of: Callable[[socket.socket], Line[Asked]] | None = None,
    ) -> None:
        """`line_of` makes the line of a connection that `listening` accepts."""
        self._epoll = select.epoll()
        self._lines: dict[int, Line[Asked]] = {}
        self._listening, self._line_of = listening, line_of
        self._looked_s = 0.0
        self._with_more: list[Line[Asked]] = []
        self._unheard: set[Line[Asked]] = set()
        if listening is not None:
            listening.setblocking(False)
            self._epoll.register(listening, select.EPOLLIN)

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def is_amid(self) -> bool:
        """Whether a part of some question is here."""
        return any(line.is_amid and not line.has_unsent for line in self._all())

    def add(self, line: Line[Asked]) -> None:
        """From any thread."""
        number = line.socket.fileno()
        self._lines[number] = line
        self._epoll.register(number, select.EPOLLIN | select.EPOLLRDHUP)

    def wait(self, asked: dict[Line[Asked], Asked], timeout_s: float) -> bool:
        """Add questions that become whole within the time; returns as soon as there is one."""
        until_s = time.monotonic() + timeout_s
        left_s = timeout_s
        while True:
            more, self._with_more = self._with_more, []
            for line in more:
                self._read(line, asked)
            has_come = bool(more)
            for number, events in self._epoll.poll(0 if more else min(left_s, _LOOK_EVERY_S)):
                has_come |= self._attend(number, events, asked)
            now_s = time.monotonic()
            if now_s - self._looked_s > _LOOK_EVERY_S:
                self._look(now_s)
            left_s = until_s - now_s
            if has_come or left_s <= 0.0:
                return has_come

    def answer(self, line: Line[Asked], parts: Sequence[Bytes]) -> None:
        """Send to a client; one that has left meanwhile is none."""
        try:
            line.write(parts)
        except OSError as error:
            self.drop(line, error)
            return
        if line.has_unsent:
            # It is not heard until it has taken its answer: what is kept for it is bounded.
            self._listen(line, select.EPOLLOUT)
        elif line in self._unheard:
            self._listen(line, select.EPOLLIN)
        if line.has_more:
            self._with_more.append(line)

    def take(self, line: Line[Asked]) -> None:
        """Hear this one no more; its connection stays open and is somebody else's."""
        number = line.socket.fileno()
        self._epoll.unregister(number)
        del self._lines[number]

    def drop(self, line: Line[Asked], why: object) -> None:
        """Let a client go; one that has gone already is none."""
        number = line.socket.fileno()
        if self._lines.get(number) is line:
            _LOG.info("a client is let go: %s", why)
            del self._lines[number]
            self._unheard.discard(line)
            line.socket.close()

    def close(self) -> None:
        """Let everybody go, and hear nobody any more."""
        if self._listening is not None:
            self._listening.close()
        for line in self._all():
            line.socket.close()
        self._lines.clear()
        self._epoll.close()

    def _attend(self, number: int, events: int, asked: dict[Line[Asked], Asked]) -> bool:
        line = self._lines.get(number)
        if line is None:
            self._accept()
            return False
        if events & _GONE:
            # Also of one that has asked: it waits no longer.
            asked.pop(line, None)
            self.drop(line, "it has left")
            return False
        if events & select.EPOLLOUT:
            try:
                line.go_on()
            except OSError as error:
                self.drop(line, error)
            else:
                if not line.has_unsent:
                    self._listen(line, select.EPOLLIN)
            return False
        if line in asked:
            # It has asked again before it was answered.
            self._listen(line, 0)
            self._unheard.add(line)
            return False
        return self._read(line, asked)

    def _read(self, line: Line[Asked], asked: dict[Line[Asked], Asked]) -> bool:
        try:
            question = line.read()
        except (Gone, OSError) as error:
            self.drop(line, error)
            return False
        if line.has_unsent:
            self._listen(line, select.EPOLLOUT)
        if question is None:
            return False
        asked[line] = question
        return True

    def _accept(self) -> None:
        assert self._listening is not None
        assert self._line_of is not None
        for _ in range(_ACCEPTED_AT_ONCE_MAX):
            try:
                connection = self._listening.accept()[0]
            except BlockingIOError:
                return
            except OSError as error:
                _LOG.warning("a client cannot be let in: %s", error)
                time.sleep(_FULL_PAUSE_S)
                return
            if len(self._lines) >= CLIENTS_MAX:
                _LOG.warning("a client was refused: %d are connected", CLIENTS_MAX)
                connection.close()
                continue
            try:
                self.add(self._line_of(connection))
            except OSError:
                connection.close()

    def _look(self, now_s: float) -> None:
        self._looked_s = now_s
        for line in self._all():
            try:
                line.look(now_s)
            except (Gone, OSError) as error:
                self.drop(line, error)

    def _listen(self, line: Line[Asked], to: int) -> None:
        self._unheard.discard(line)
        self._epoll.modify(line.socket, to | select.EPOLLRDHUP)

    def _all(self) -> list[Line[Asked]]:
        return list(self._lines.values())
