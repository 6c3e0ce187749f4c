"""A client's connection to a server of openpi's protocol."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from websockets.exceptions import InvalidStatus, WebSocketException

from dsrl_core.errors import DsrlError
from dsrl_core.policies.wire import openpi_messages
from dsrl_core.policies.wire.errors import MalformedMessage, PolicyLost, PolicyUnavailable
from dsrl_core.policies.wire.openpi_requests import REQUEST_ID
from dsrl_core.policies.wire.websocket_connection import WebsocketConnection

_BACK_OFF_S: Final = 0.1
_BACK_OFF_MAX_S: Final = 2.0
_REASON_LENGTH_MAX: Final = 500


class OpenPiConnection:
    """Connects again by itself, more slowly the longer the server is away.

    Nothing that comes late is taken for the answer to a later question: whenever something goes
    wrong the connection is given up.
    """

    def __init__(
        self, url: str, timeout_s: float, token: str, check: Callable[[dict[str, Any]], None]
    ) -> None:
        """`check` refuses a server by what it tells of itself, with a `DsrlError`."""
        self.url, self._timeout_s, self._check = url, timeout_s, check
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._socket: WebsocketConnection | None = None
        self._number = 0
        self._packer = openpi_messages.packer()
        self._back_off_s, self._next_try_s = _BACK_OFF_S, 0.0
        self._reason = ""
        self.metadata: dict[str, Any] = {}

    def open(self, within_s: float) -> None:
        """Wait for the server.

        Raises:
            PolicyLost: it is not there within the time, or does not let this client in.
            DsrlError: `check` refuses it.
        """
        until_s = time.monotonic() + within_s
        while True:
            try:
                self._connect(until_s)
                return
            except PolicyLost:
                if time.monotonic() + self._back_off_s > until_s:
                    raise
                time.sleep(self._back_off_s)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The reply map to an observation map.

        Raises:
            PolicyLost: none within the time; the connection is given up, and made anew by one of
                the next questions.
            PolicyUnavailable: the server is another one now, or answered with a text or with what
                is no answer to this.
        """
        until_s = time.monotonic() + self._timeout_s
        if self._socket is not None and not self._socket.is_open():
            self.close()
        socket = self._socket
        if socket is None:
            if time.monotonic() < self._next_try_s:
                raise PolicyLost(f"policy server at {self.url} is not there: {self._reason}")
            try:
                socket = self._connect(until_s)
            except PolicyUnavailable:
                raise
            except DsrlError as error:
                raise PolicyUnavailable(str(error)) from error
        self._number += 1
        try:
            packed = openpi_messages.pack(question | {REQUEST_ID: self._number}, self._packer)
            socket.send(packed, until_s)
            reply = _received(socket, until_s)
            if reply.get(REQUEST_ID, self._number) != self._number:
                raise MalformedMessage("that was the answer to another question")
        except (OSError, WebSocketException) as error:
            raise self._lost(error) from error
        except MalformedMessage as error:
            self.close()
            raise PolicyUnavailable(f"policy server at {self.url}: {error}") from error
        return reply

    def close(self) -> None:
        """Also of a connection that is closed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self, until_s: float) -> WebsocketConnection:
        try:
            socket = WebsocketConnection(self.url, self._headers, until_s)
        except InvalidStatus as error:
            said = (error.response.body or b"").decode(errors="replace").strip()
            raise self._lost(f"{error}: {said}") from error
        except (OSError, WebSocketException) as error:
            raise self._lost(error) from error
        try:
            self.metadata = _received(socket, until_s)
            self._check(self.metadata)
        except (OSError, WebSocketException) as error:
            socket.close()
            raise self._lost(error) from error
        except BaseException:
            socket.close()
            raise
        self._socket, self._back_off_s = socket, _BACK_OFF_S
        return socket

    def _lost(self, error: Exception | str) -> PolicyLost:
        self.close()
        self._reason = str(error) or type(error).__name__
        self._next_try_s = time.monotonic() + self._back_off_s
        self._back_off_s = min(2.0 * self._back_off_s, _BACK_OFF_MAX_S)
        return PolicyLost(
            f"policy server at {self.url} did not answer within {self._timeout_s:g} s: "
            f"{self._reason}"
        )


def _received(socket: WebsocketConnection, until_s: float) -> dict[str, Any]:
    told = socket.receive(until_s)
    if isinstance(told, str):
        # openpi's servers send the traceback, whose end says what it was.
        raise MalformedMessage(f"it failed: {told.strip()[-_REASON_LENGTH_MAX:]}")
    return openpi_messages.unpack(told)
