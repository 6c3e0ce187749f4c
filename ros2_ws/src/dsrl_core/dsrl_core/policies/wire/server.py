"""A policy for processes, or machines, of ours: the fast path.

On this machine over a plain socket: `ipc://`, whose file only its owner can connect to, or TCP on
loopback; from elsewhere over ZeroMQ with keys (CURVE), by which both sides know each other. The
thread that reads is the one in which the policy runs: nothing is handed from thread to thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable, Sequence
from typing import Any, Final, Protocol

from dsrl_core.errors import DsrlError
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.serving import Request, Rhythm, Serving
from dsrl_core.policies.wire.curve_server import CurveClients
from dsrl_core.policies.wire.door import check_endpoint
from dsrl_core.policies.wire.keys import ServerKeys
from dsrl_core.policies.wire.messages import Message, Part, pack, unpack
from dsrl_core.policies.wire.metadata import metadata_of
from dsrl_core.policies.wire.requests import error_of, reply_of, request_of
from dsrl_core.policies.wire.stream_server import StreamClients

_LOG: Final = logging.getLogger(__name__)


class Clients(Protocol):
    """Who is connected: their messages come whole, and none of them holds another up."""

    endpoint: str
    """Where they are answered; with the port that was free where any could be taken."""

    @property
    def is_amid(self) -> bool:
        """Whether a part of some message is here."""
        ...

    def wait(self, waiting: dict[Any, Any], timeout_s: float) -> bool:
        """Add, by client, the number and parts of what comes within the time; whether any came."""
        ...

    def answer(self, client: Any, number: Any, parts: Sequence[Part]) -> None: ...

    def close(self) -> None: ...


_Waiting = dict[Hashable, tuple[object, Sequence[Part]]]


class PolicyServer:
    """Serves one backend on one endpoint; call `serve_once` from a loop, always from the thread in
    which this was made."""

    def __init__(
        self,
        backend: PolicyBackend,
        endpoint: str,
        keys: ServerKeys | None = None,
        handshake_s: float = 5.0,
    ) -> None:
        """Warms the policy up before anybody can connect.

        `handshake_s`: a client that has not said who it is by then is let go.

        Raises:
            InvalidFile: the endpoint is open to other machines, and there are no keys.
        """
        check_endpoint(endpoint, keys is not None)
        self._serving = Serving(backend)
        self._metadata = metadata_of(backend.spec)
        self._clients: Clients = (
            StreamClients(endpoint, handshake_s)
            if keys is None
            else CurveClients(endpoint, keys, handshake_s)
        )
        self.endpoint = self._clients.endpoint
        """Where it answers; of `tcp://127.0.0.1:*` with the port that was free."""
        self._rhythm = Rhythm()

    def serve_once(self, timeout_s: float) -> bool:
        """Answer what has come, if anything comes within the time; whether anything came."""
        waiting: _Waiting = {}
        if not self._clients.wait(waiting, timeout_s):
            return False
        self._gather(waiting)
        began_s = time.monotonic()
        self._answer(waiting)
        self._rhythm.answered(waiting, began_s, time.monotonic())
        return True

    def close(self) -> None:
        """Stop answering."""
        self._clients.close()

    def _gather(self, waiting: _Waiting) -> None:
        """Add what is there, and what is worth waiting for."""
        until_s = None
        while True:
            now_s = time.monotonic()
            wait_s = self._rhythm.wait_s(waiting, now_s, self._clients.is_amid)
            until_s = now_s + wait_s if until_s is None else until_s
            left_s = min(wait_s, until_s - now_s)
            if left_s <= 0.0 or not self._clients.wait(waiting, left_s):
                return

    def _answer(self, waiting: _Waiting) -> None:
        requests: list[Request] = []
        asking: list[tuple[Hashable, object, bool]] = []
        for client, (number, parts) in waiting.items():
            try:
                message = unpack(parts)
                requests.append(request_of(message, self._serving.backend.spec))
            except DsrlError as error:
                _LOG.warning("a message was refused: %s", error)
                self._reply(client, number, error_of(error))
                continue
            asking.append((client, number, message.values.get("metadata") is True))
        for (client, number, is_told), answer in zip(
            asking, self._serving.answer(requests, [client for client, *_ in asking]), strict=True
        ):
            told = self._metadata if is_told else None
            self._reply(client, number, reply_of(answer, told))

    def _reply(self, client: Hashable, number: object, message: Message) -> None:
        self._clients.answer(client, number, pack(message))
