"""A client's websocket once it is open; the frames are those of the library `websockets`."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol

from dsrl_core.policies.wire.switchboard import Bytes, Gone, Line
from dsrl_core.policies.wire.websocket_frames import (
    DATA,
    Told,
    is_plain,
    message_of,
    size_of,
    whole,
)

_ROOM_BYTES: Final = 1024 * 1024
_PIECES_MAX: Final = 4096


class WebsocketLine(Line[Told]):
    """Every question has its answer, in their order, also of a client that does not wait."""

    def __init__(
        self, connection: socket.socket, protocol: ServerProtocol, patience_s: float
    ) -> None:
        super().__init__(connection, patience_s)
        # A machine that is gone answers nothing any more; the system notices that of a ping.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(2000.0 * patience_s))
        self._protocol = protocol
        self._room = memoryview(bytearray(_ROOM_BYTES))
        self._pieces: list[Frame] = []
        self._questions: deque[Told] = deque()
        self._filled = 0
        self._owed, self._is_owing = 0, False
        self._pinged_s = time.monotonic()
        self.before_ms: float | None = None
        """What its question before took in all."""

    @property
    def has_more(self) -> bool:
        return bool(self._questions)

    def read(self) -> Told | None:
        if not self._questions:
            try:
                count = self.socket.recv_into(self._room[self._filled :])
            except BlockingIOError:
                return None
            if not count:
                raise Gone("it has left")
            self._filled += count
            self._sort()
        return self._questions.popleft() if self._questions else None

    def _sort(self) -> None:
        """Whole frames that are whole messages are read here, all others by the protocol: one that
        is larger than there is room for as it comes."""
        data = self._room[: self._filled]
        while data:
            if not self._owed:
                size = size_of(data)
                if size is None or len(data) < size <= len(self._room):
                    break
                self._owed = size
            frame, data = data[: self._owed], data[self._owed :]
            is_whole = len(frame) == self._owed and not self._is_owing
            self._owed -= len(frame)
            self._is_owing = self._owed > 0
            if is_whole and not self._pieces and is_plain(frame):
                self._questions.append(message_of(frame))
            else:
                self._take(frame)
        self._filled = len(data)
        self._room[: self._filled] = bytes(data)
        if data or self._owed or self._pieces:
            self._begin()
        elif not self.has_unsent:
            self._end()

    def _take(self, data: memoryview) -> None:
        """
        Raises:
            Gone: it closes, or breaks the protocol; that is answered.
        """
        protocol = self._protocol
        protocol.receive_data(data)  # type: ignore[arg-type]
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode in DATA:
                self._piece(event)
        if written := protocol.data_to_send():
            self.write([part for part in written if part])
        if protocol.state is not State.OPEN:
            raise Gone(f"it closes: {protocol.parser_exc or 'done'}")

    def tell(self, message: bytes) -> Sequence[Bytes]:
        """What is written to tell the client this."""
        self._protocol.send_binary(message)
        return self._protocol.data_to_send()

    def look(self, now_s: float) -> None:
        super().look(now_s)
        if now_s - self._pinged_s > self._patience_s and not self.has_unsent:
            # Proxies close what nothing goes over.
            self._pinged_s = now_s
            self._protocol.send_ping(b"")
            self.write(self._protocol.data_to_send())

    def _piece(self, frame: Frame) -> None:
        """A message may come in several; the protocol bounds their sizes together."""
        self._pieces.append(frame)
        if len(self._pieces) > _PIECES_MAX:
            raise Gone(f"a message in more than {_PIECES_MAX} pieces")
        if frame.fin:
            self._questions.append(whole(self._pieces))
            self._pieces = []
