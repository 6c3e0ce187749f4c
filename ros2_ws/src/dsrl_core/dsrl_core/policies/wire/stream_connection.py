"""A client's connection to a server on the same machine, over a plain socket."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from dsrl_core.policies.wire.errors import MalformedMessage, PolicyLost
from dsrl_core.policies.wire.messages import Part
from dsrl_core.policies.wire.stream import HELLO, Numbered, Reader, connected, prefix_of

_RETRY_S: Final = 0.05
SLOW: Final = "it is slow, or hangs"


class StreamConnection:
    """Connected by the first question, and again whenever the connection was lost.

    An answer that is late is not waited for: its connection is given up, so that nothing else can
    be taken for the answer to a later question.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._open: _Open | None = None

    def ask(self, number: int, parts: Sequence[Part], until_s: float) -> list[memoryview]:
        """The parts of the answer with this number; others are dropped.

        Raises:
            PolicyLost: none by then, or the connection was lost meanwhile; says only why.
        """
        connection = self._opened(until_s)
        try:
            connection.send([prefix_of(number, parts), *parts], until_s)
            while True:
                answered, reply = connection.receive(until_s)
                if answered == number:
                    return reply
        except TimeoutError as error:
            self.close()
            raise PolicyLost(SLOW) from error
        except (EOFError, OSError) as error:
            self.close()
            raise PolicyLost("the connection was lost") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """More often than once does no harm."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _opened(self, until_s: float) -> _Open:
        """A connection that has not been lost, as far as can be seen from here."""
        if self._open is not None:
            if not self._open.has_ended():
                return self._open
            self.close()
        while True:
            try:
                self._open = _Open(self._endpoint, until_s)
                return self._open
            except TimeoutError as error:
                raise PolicyLost(SLOW) from error
            except (EOFError, MalformedMessage) as error:
                raise PolicyLost(
                    "the handshake failed: has it keys, and are they its own?"
                ) from error
            except OSError as error:
                if time.monotonic() + _RETRY_S > until_s:
                    why = SLOW if isinstance(error, BlockingIOError) else "nobody is there"
                    raise PolicyLost(why) from error
                time.sleep(_RETRY_S)


class _Open:
    """A connection over which both sides have said hello; nothing here takes longer than told."""

    def __init__(self, endpoint: str, until_s: float) -> None:
        self._socket = connected(endpoint, _left_s(until_s))
        try:
            self._socket.setblocking(False)
            self._reader = Reader(self._socket)
            self._readable, self._writable, self._ended = (
                _poll(self._socket, event)
                for event in (select.POLLIN, select.POLLOUT, select.POLLRDHUP)
            )
            self.send([HELLO], until_s)
            _wait(self._readable, until_s)
            while not self._reader.read_hello():
                _wait(self._readable, until_s)
        except BaseException:
            self._socket.close()
            raise

    def has_ended(self) -> bool:
        """Whether the other side has gone since the last answer."""
        return bool(self._ended.poll(0))

    def send(self, parts: list[Part], until_s: float) -> None:
        sent = 0
        with suppress(BlockingIOError):
            sent = self._socket.sendmsg(parts)
        for part in parts:
            rest = memoryview(part)[sent:]
            sent = max(0, sent - len(part))
            while rest:
                _wait(self._writable, until_s)
                with suppress(BlockingIOError):
                    rest = rest[self._socket.send(rest) :]

    def receive(self, until_s: float) -> Numbered:
        while True:
            _wait(self._readable, until_s)
            found = self._reader.read()
            if found is not None:
                return found

    def close(self) -> None:
        self._socket.close()


def _poll(connection: socket.socket, event: int) -> select.poll:
    poll = select.poll()
    poll.register(connection, event)
    return poll


def _wait(poll: select.poll, until_s: float) -> None:
    poll.poll(1000.0 * _left_s(until_s))


def _left_s(until_s: float) -> float:
    """
    Raises:
        TimeoutError: none.
    """
    left_s = until_s - time.monotonic()
    if left_s <= 0.0:
        raise TimeoutError
    return left_s
