"""Who may open a websocket: asked and answered beside the thread in which the policy runs.

So `/healthz`, and everybody who comes, is answered while the policy thinks, and who opens slowly
holds nobody up.
"""

from __future__ import annotations

import hmac
import http
import logging
import socket
import threading
from collections.abc import Callable
from typing import Final

from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from dsrl_core.policies.wire.messages import MESSAGE_SIZE_MAX_BYTES
from dsrl_core.policies.wire.switchboard import CLIENTS_MAX, Gone, Line, Switchboard

HEALTH: Final = "/healthz"
_SCHEMES: Final = ("Bearer", "Api-Key")
"""Of the header `Authorization`: everybody's, and openpi's."""
_ROOM_BYTES: Final = 4096
_TURN_S: Final = 0.1
_LOG: Final = logging.getLogger(__name__)


class Opening(Line[HttpRequest]):
    """A connection over which nothing but the request to open has come."""

    def __init__(self, connection: socket.socket, patience_s: float) -> None:
        super().__init__(connection, patience_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = connection.getpeername()
        self.protocol = ServerProtocol(max_size=MESSAGE_SIZE_MAX_BYTES)
        self._begin()

    def read(self) -> HttpRequest | None:
        data = self.socket.recv(_ROOM_BYTES)
        if not data:
            raise Gone("it has left")
        self.protocol.receive_data(data)
        events = self.protocol.events_received()
        if self.protocol.handshake_exc is not None:
            self.write_all()
            raise Gone(f"it opens no websocket: {self.protocol.handshake_exc}")
        if not events:
            return None
        if not data.endswith(b"\r\n\r\n") or not isinstance(events[0], HttpRequest):
            raise Gone("it spoke before it was let in")
        return events[0]

    def answer(self, response: Response) -> bool:
        """Whether it is let in by this."""
        self.protocol.send_response(response)
        self.write_all()
        return self.protocol.state is State.OPEN

    def write_all(self) -> None:
        self.write([part for part in self.protocol.data_to_send() if part])


class Reception:
    """Listens, and gives the connections of those who are let in to `welcome`."""

    def __init__(
        self,
        listening: socket.socket,
        token: str,
        patience_s: float,
        count: Callable[[], int],
        welcome: Callable[[socket.socket, ServerProtocol], None],
    ) -> None:
        """`count`: how many are connected; `welcome` is called from a thread of this one's own."""
        self._listening, self._token = listening, token
        self._count, self._welcome = count, welcome
        self._board: Switchboard[HttpRequest] = Switchboard(
            listening, lambda connection: Opening(connection, patience_s)
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reception", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._board.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            came: dict[Line[HttpRequest], HttpRequest] = {}
            self._board.wait(came, _TURN_S)
            for line, request in came.items():
                assert isinstance(line, Opening)
                try:
                    self._receive(line, request)
                except OSError as error:
                    self._board.drop(line, error)

    def _receive(self, opening: Opening, request: HttpRequest) -> None:
        refusal = self._refusal(opening, request)
        if opening.answer(refusal or opening.protocol.accept(request)):
            self._board.take(opening)
            self._welcome(opening.socket, opening.protocol)
        else:
            self._board.drop(opening, "it was answered")

    def _refusal(self, opening: Opening, request: HttpRequest) -> Response | None:
        """Or the answer to the question whether this server lives; None: it may open."""
        reject = opening.protocol.reject
        if request.path == HEALTH:
            return reject(http.HTTPStatus.OK, "OK\n")
        scheme, _, brought = request.headers.get("Authorization", "").partition(" ")
        if self._token and not (
            scheme in _SCHEMES and hmac.compare_digest(brought.encode(), self._token.encode())
        ):
            _LOG.warning("%s was refused: no token, or another", opening.address)
            return reject(http.HTTPStatus.UNAUTHORIZED, "expected Authorization: Bearer TOKEN\n")
        if self._count() >= CLIENTS_MAX:
            _LOG.warning("%s was refused: %d are connected", opening.address, CLIENTS_MAX)
            return reject(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many clients\n")
        return None
