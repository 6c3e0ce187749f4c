"""A policy over ZeroMQ: the fast path between processes, or two machines, of ours.

On this machine over an `ipc://` socket, whose file lies in a folder that only its owner can enter,
or over TCP on loopback; from elsewhere only with keys (CURVE), by which both sides know each other.
The thread that reads the socket is the one in which the policy runs: ZeroMQ has already put whole
messages together by then, so that a slow or broken client holds nobody up, and nothing is handed
from thread to thread.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Final

import zmq

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.serving import Request, Rhythm, Serving
from dsrl_core.policies.wire.door import IPC, Door, check_endpoint
from dsrl_core.policies.wire.keys import ServerKeys
from dsrl_core.policies.wire.messages import (
    MESSAGE_SIZE_MAX_BYTES,
    SOCKET_BUFFER_BYTES,
    Message,
    pack,
    unpack,
)
from dsrl_core.policies.wire.metadata import metadata_of
from dsrl_core.policies.wire.requests import error_of, reply_of, request_of

_PENDING_MAX: Final = 16
"""Requests that one client may have waiting here; it sends one at a time."""
_AT_ONCE_MAX: Final = 256
_HEARTBEAT_MS: Final = 2000
_SILENCE_MAX_MS: Final = 10_000
_LOG: Final = logging.getLogger(__name__)

_Waiting = dict[bytes, tuple[bytes, list[zmq.Frame]]]
"""By client, the number and parts of what it asked last."""


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
        self._context = zmq.Context()
        self._door = Door(self._context, keys) if keys is not None else None
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.MAXMSGSIZE, MESSAGE_SIZE_MAX_BYTES),
            (zmq.SNDBUF, SOCKET_BUFFER_BYTES),
            (zmq.RCVBUF, SOCKET_BUFFER_BYTES),
            (zmq.RCVHWM, _PENDING_MAX),
            (zmq.SNDHWM, _PENDING_MAX),
            (zmq.HANDSHAKE_IVL, int(1000 * handshake_s)),
            (zmq.HEARTBEAT_IVL, _HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, _SILENCE_MAX_MS),
        ):
            self._socket.setsockopt(option, value)
        if keys is not None:
            self._socket.curve_server = True
            self._socket.curve_secretkey = keys.secret
        self.endpoint = ""
        """Where it answers; of `tcp://127.0.0.1:*` with the port that was free."""
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise InvalidFile(f"nobody can be served at {endpoint}: {error}") from error
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._rhythm = Rhythm()

    def serve_once(self, timeout_s: float) -> bool:
        """Answer what has come, if anything comes within the time; whether anything came."""
        if not self._socket.poll(int(timeout_s * 1000)):
            return False
        waiting: _Waiting = {}
        self._receive(waiting)
        self._gather(waiting)
        began_s = time.monotonic()
        self._answer(waiting)
        self._rhythm.answered(waiting, began_s, time.monotonic())
        return True

    def close(self) -> None:
        """Stop answering; ZeroMQ leaves its socket's file behind."""
        self._socket.close()
        if self._door is not None:
            self._door.close()
        self._context.term()
        if self.endpoint.startswith(IPC):
            Path(self.endpoint.removeprefix(IPC)).unlink(missing_ok=True)

    def _receive(self, waiting: _Waiting) -> None:
        """Take what is there. A client asks for one thing at a time: what it asks for now takes
        the place of what it has given up waiting for."""
        for _ in range(_AT_ONCE_MAX):
            try:
                identity, *parts = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if parts:
                waiting[identity.bytes] = (parts[0].bytes, parts[1:])

    def _gather(self, waiting: _Waiting) -> None:
        now_s = time.monotonic()
        until_s = now_s + self._rhythm.wait_s(waiting, now_s)
        while (now_s := time.monotonic()) < until_s and self._rhythm.wait_s(waiting, now_s):
            if not self._socket.poll(max(1, int(1000 * (until_s - now_s)))):
                return
            self._receive(waiting)

    def _answer(self, waiting: _Waiting) -> None:
        requests: list[Request] = []
        asking: list[tuple[bytes, bytes, bool]] = []
        for identity, (number, frames) in waiting.items():
            try:
                message = unpack([frame.buffer for frame in frames])
                requests.append(request_of(message, self._serving.backend.spec))
            except DsrlError as error:
                _LOG.warning("a message was refused: %s", error)
                self._reply(identity, number, error_of(error))
                continue
            asking.append((identity, number, message.values.get("metadata") is True))
        for (identity, number, is_told), answer in zip(
            asking, self._serving.answer(requests), strict=True
        ):
            told = self._metadata if is_told else None
            self._reply(identity, number, reply_of(answer, told))

    def _reply(self, identity: bytes, number: bytes, message: Message) -> None:
        self._socket.send_multipart([identity, number, *pack(message)])
