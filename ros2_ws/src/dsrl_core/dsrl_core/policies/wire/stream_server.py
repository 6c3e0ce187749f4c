"""Clients on the same machine, over plain sockets."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.policies.wire.messages import Part
from dsrl_core.policies.wire.stream import HELLO, Listening, Numbered, Reader, prefix_of, tune
from dsrl_core.policies.wire.switchboard import Gone, Line, Switchboard

_MESSAGE_S: Final = 10.0


class StreamLine(Line[Numbered]):
    """One client's connection."""

    def __init__(self, connection: socket.socket, hello_s: float) -> None:
        super().__init__(connection, hello_s)
        tune(connection)
        self._reader = Reader(connection)
        self._begin()
        self.write([HELLO])

    def read(self) -> Numbered | None:
        try:
            found = self._reader.read()
        except (EOFError, MalformedMessage) as error:
            raise Gone(str(error)) from error
        if self._reader.has_hello:
            self._patience_s = _MESSAGE_S
        if self._reader.is_amid:
            self._begin()
        else:
            self._end()
        return found


class StreamClients:
    """Those that are connected by plain sockets."""

    def __init__(self, endpoint: str, hello_s: float) -> None:
        """
        Raises:
            InvalidFile: nobody can be served there.
        """
        self._listening = Listening(endpoint)
        self.endpoint = self._listening.endpoint
        self._board: Switchboard[Numbered] = Switchboard(
            self._listening.socket, lambda connection: StreamLine(connection, hello_s)
        )

    @property
    def is_amid(self) -> bool:
        return self._board.is_amid

    def wait(self, waiting: dict[Line[Numbered], Numbered], timeout_s: float) -> bool:
        return self._board.wait(waiting, timeout_s)

    def answer(self, client: Line[Numbered], number: int, parts: Sequence[Part]) -> None:
        self._board.answer(client, [prefix_of(number, parts), *parts])

    def close(self) -> None:
        self._board.close()
        self._listening.close()
