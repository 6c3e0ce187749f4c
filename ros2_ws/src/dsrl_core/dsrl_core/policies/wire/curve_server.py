"""Clients with keys, over ZeroMQ, which puts whole messages together beside the policy's thread: a
slow or broken client holds nobody up."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import zmq

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.wire.curve_frames import frames_of, parts_of
from dsrl_core.policies.wire.door import Door
from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.policies.wire.keys import ServerKeys
from dsrl_core.policies.wire.messages import MESSAGE_SIZE_MAX_BYTES, SOCKET_BUFFER_BYTES, Part

_PENDING_MAX: Final = 16
"""Requests that one client may have waiting here; it sends one at a time."""
_AT_ONCE_MAX: Final = 256
_HEARTBEAT_MS: Final = 2000
_SILENCE_MAX_MS: Final = 10_000
_LOG: Final = logging.getLogger(__name__)

Waiting = dict[bytes, tuple[bytes, list[memoryview]]]
"""By client, the number and parts of what it asked last."""


class CurveClients:
    """Those that are connected by ZeroMQ."""

    is_amid = False
    """ZeroMQ does not tell of messages that are not whole."""

    def __init__(self, endpoint: str, keys: ServerKeys, handshake_s: float) -> None:
        """
        Raises:
            InvalidFile: nobody can be served there.
        """
        self._context = zmq.Context()
        self._door = Door(self._context, keys)
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
        self._socket.curve_server = True
        self._socket.curve_secretkey = keys.secret
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise InvalidFile(f"nobody can be served at {endpoint}: {error}") from error
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def wait(self, waiting: Waiting, timeout_s: float) -> bool:
        """Add what has come, if anything comes within the time; whether anything came. A client
        asks for one thing at a time: what it asks for now takes the place of what it has given up
        waiting for."""
        if not self._socket.poll(int(1000 * timeout_s)):
            return False
        for _ in range(_AT_ONCE_MAX):
            try:
                identity, *frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            if frames:
                number = frames[0].bytes
                try:
                    parts = parts_of(frames[1:])
                except MalformedMessage as error:
                    _LOG.warning("a message was refused: %s", error)
                    # No parts are no message, and the answer says so.
                    parts = []
                waiting[identity.bytes] = (number, parts)
        return bool(waiting)

    def answer(self, client: bytes, number: bytes, parts: Sequence[Part]) -> None:
        self._socket.send_multipart([client, number, *frames_of(parts)])

    def close(self) -> None:
        self._socket.close()
        self._door.close()
        self._context.term()
