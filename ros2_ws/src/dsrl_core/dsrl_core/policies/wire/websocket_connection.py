"""A client's websocket, read by the thread that asks; the frames are the library `websockets`'."""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosedError, WebSocketException
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import Event, State
from websockets.uri import parse_uri

from dsrl_core.policies.wire.messages import MESSAGE_SIZE_MAX_BYTES
from dsrl_core.policies.wire.websocket_frames import DATA, Told, frame_of, whole

_ROOM_BYTES: Final = 64 * 1024


class WebsocketConnection:
    """Open from its making to `close`; nothing takes longer than until the time told."""

    def __init__(self, url: str, headers: dict[str, str], until_s: float) -> None:
        """
        Raises:
            OSError: nobody is there, or not within the time.
            WebSocketException: what is there does not open; `InvalidStatus` with what it said.
        """
        uri = parse_uri(url)
        self._protocol = ClientProtocol(uri, max_size=MESSAGE_SIZE_MAX_BYTES)
        self._room = memoryview(bytearray(_ROOM_BYTES))
        connection = socket.create_connection((uri.host, uri.port), _left_s(until_s))
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if uri.secure:
                trusted = ssl.create_default_context()
                connection = trusted.wrap_socket(connection, server_hostname=uri.host)
            self._socket = connection
            self._events: deque[Event] = deque()
            self._open(headers, until_s)
        except BaseException:
            connection.close()
            raise

    def is_open(self) -> bool:
        """Whether the server has not closed it since the last answer, as far as can be seen from
        here. What has come unasked is forgotten: it answers no question."""
        try:
            self._socket.settimeout(0.0)
            while True:
                self._receive()
        except (BlockingIOError, ssl.SSLWantReadError):
            self._events.clear()
            return self._protocol.state is State.OPEN
        except (OSError, WebSocketException):
            return False

    def send(self, data: bytes, until_s: float) -> None:
        """
        Raises:
            OSError: the connection is lost, or the time is over.
            WebSocketException: the server has closed it.
        """
        frame = frame_of(data)
        if frame is None or self._protocol.state is not State.OPEN:
            self._protocol.send_binary(data)
        self._flush(until_s)
        if frame is not None:
            self._send(frame, until_s)

    def receive(self, until_s: float) -> Told:
        """The next message.

        Raises: as `send`.
        """
        pieces: list[Frame] = []
        while True:
            event = self._next(until_s)
            if isinstance(event, Frame) and event.opcode in DATA:
                pieces.append(event)
                if event.fin:
                    return whole(pieces)

    def close(self) -> None:
        self._socket.close()

    def _open(self, headers: dict[str, str], until_s: float) -> None:
        request = self._protocol.connect()
        request.headers.update(headers)
        self._protocol.send_request(request)
        self._flush(until_s)
        while not isinstance(self._next(until_s), Response):
            pass

    def _next(self, until_s: float) -> Event:
        while not self._events:
            self._socket.settimeout(_left_s(until_s))
            self._receive()
            self._flush(until_s)
        return self._events.popleft()

    def _receive(self) -> None:
        """Take bytes, and the events that they make."""
        protocol = self._protocol
        if count := self._socket.recv_into(self._room):
            protocol.receive_data(self._room[:count])  # type: ignore[arg-type]
        else:
            protocol.receive_eof()
        self._events += protocol.events_received()
        if protocol.handshake_exc is not None:
            raise protocol.handshake_exc
        if protocol.state is not State.OPEN and not self._events:
            raise ConnectionClosedError(protocol.close_rcvd, protocol.close_sent)

    def _send(self, parts: list[bytes], until_s: float) -> None:
        """TLS knows no `sendmsg`; and of what the system does not take at once the rest follows."""
        sent = 0
        self._socket.settimeout(_left_s(until_s))
        if not isinstance(self._socket, ssl.SSLSocket):
            sent = self._socket.sendmsg(parts)
        for part in parts:
            if sent < len(part):
                self._socket.settimeout(_left_s(until_s))
                self._socket.sendall(memoryview(part)[sent:])
            sent = max(0, sent - len(part))

    def _flush(self, until_s: float) -> None:
        for part in self._protocol.data_to_send():
            if part:
                self._socket.settimeout(_left_s(until_s))
                self._socket.sendall(part)


def _left_s(until_s: float) -> float:
    """
    Raises:
        TimeoutError: none.
    """
    left_s = until_s - time.monotonic()
    if left_s <= 0.0:
        raise TimeoutError("no answer within the time")
    return left_s
