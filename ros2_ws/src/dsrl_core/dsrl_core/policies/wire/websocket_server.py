"""A policy for openpi's clients, and for ours from machines without keys: one map, one reply map.

On connecting the server sends what it tells of its policy; then each message is an observation map
and each reply a map, errors included ({"error": {"kind", "message"}}): the connection stays. Who
comes is received beside the thread in which the policy runs (see `websocket_opening`); who is in is
read by that thread itself.
"""

from __future__ import annotations

import logging
import socket
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from websockets.server import ServerProtocol

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.serving import Request, Rhythm, Serving
from dsrl_core.policies.wire import openpi_messages
from dsrl_core.policies.wire.door import LOOPBACK
from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.policies.wire.metadata import metadata_of
from dsrl_core.policies.wire.openpi_requests import reply_of, request_of
from dsrl_core.policies.wire.requests import error_of
from dsrl_core.policies.wire.switchboard import Line, Switchboard
from dsrl_core.policies.wire.websocket_frames import Told
from dsrl_core.policies.wire.websocket_line import WebsocketLine
from dsrl_core.policies.wire.websocket_opening import Reception

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Asked:
    """A request, and the map that it came in."""

    line: WebsocketLine
    request: Request
    obs: dict[str, Any]


class WebsocketServer:
    """Serves one backend; call `serve_once` from a loop, always from the thread in which this was
    made."""

    def __init__(
        self,
        backend: PolicyBackend,
        host: str = "127.0.0.1",
        port: int = 8000,
        token: str = "",
        patience_s: float = 20.0,
    ) -> None:
        """Warms the policy up before anybody can connect.

        `token`: what a client must bring; `patience_s`: a client that has not finished its opening,
        or a message that it has begun, for so long, is let go.

        Raises:
            InvalidFile: it would be open to other machines without a token, or the port is taken.
        """
        if host not in LOOPBACK and not token:
            raise InvalidFile(
                f"host '{host}' would be open to other machines; expected a token, or one of "
                f"{', '.join(LOOPBACK)}"
            )
        self._spec, self._serving = backend.spec, Serving(backend)
        told = metadata_of(backend.spec) | {"batched_noise": True, "handles": True}
        self._metadata = openpi_messages.pack(told)
        self._patience_s = patience_s
        self._rhythm = Rhythm()
        self._drawn = np.random.default_rng()
        try:
            listening = _listening(host.strip("[]"), port)
        except OSError as error:
            raise InvalidFile(f"nobody can be served at {host}:{port}: {error}") from error
        self.port = int(listening.getsockname()[1])
        """Where it answers; of port 0 the one that was free."""
        self._board: Switchboard[Told] = Switchboard()
        self._reception = Reception(
            listening, token, patience_s, lambda: len(self._board), self._welcome
        )

    def serve_once(self, timeout_s: float) -> bool:
        """Answer what has come, if anything comes within the time; whether anything came."""
        waiting: dict[Line[Told], Told] = {}
        if not self._board.wait(waiting, timeout_s):
            return False
        came_s = time.monotonic()
        self._gather(waiting)
        self._answer(waiting, came_s)
        return True

    def close(self) -> None:
        """Stop answering."""
        self._reception.close()
        self._board.close()

    def _welcome(self, connection: socket.socket, protocol: ServerProtocol) -> None:
        """In the thread that receives."""
        line = WebsocketLine(connection, protocol, self._patience_s)
        line.write(line.tell(self._metadata))
        self._board.add(line)

    def _gather(self, waiting: dict[Line[Told], Told]) -> None:
        """Add what is there, and what is worth waiting for."""
        until_s = None
        while True:
            now_s = time.monotonic()
            wait_s = self._rhythm.wait_s(waiting, now_s, self._board.is_amid)
            until_s = now_s + wait_s if until_s is None else until_s
            left_s = min(wait_s, until_s - now_s)
            if left_s <= 0.0 or not self._board.wait(waiting, left_s):
                return

    def _answer(self, waiting: dict[Line[Told], Told], came_s: float) -> None:
        asked: list[_Asked] = []
        for line, told in waiting.items():
            assert isinstance(line, WebsocketLine)
            try:
                if isinstance(told, str):
                    raise MalformedMessage("a text; expected a msgpack message")
                obs = openpi_messages.unpack(told)
                asked.append(_Asked(line, request_of(obs, self._spec, self._drawn), obs))
            except DsrlError as error:
                _LOG.warning("a message was refused: %s", error)
                self._reply(line, dict(error_of(error).values), came_s)
        began_s = time.monotonic()
        answers = self._serving.answer(
            [each.request for each in asked], [each.line for each in asked]
        )
        ended_s = time.monotonic()
        self._rhythm.answered(waiting, began_s, ended_s)
        took_ms = 1000.0 * (ended_s - began_s)
        for each, answer in zip(asked, answers, strict=True):
            reply = reply_of(answer, each.obs, took_ms)
            reply["server_timing"] = {"infer_ms": took_ms}
            self._reply(each.line, reply, came_s)

    def _reply(self, line: WebsocketLine, reply: dict[str, Any], came_s: float) -> None:
        if line.before_ms is not None:
            reply.setdefault("server_timing", {})["prev_total_ms"] = line.before_ms
        self._board.answer(line, line.tell(openpi_messages.pack(reply)))
        line.before_ms = 1000.0 * (time.monotonic() - came_s)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
