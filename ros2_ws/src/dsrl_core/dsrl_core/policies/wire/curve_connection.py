"""A client's connection by ZeroMQ with keys: encrypted, both sides known to each other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from dsrl_core.policies.wire.curve_frames import frames_of, parts_of
from dsrl_core.policies.wire.errors import PolicyLost
from dsrl_core.policies.wire.keys import ClientKeys
from dsrl_core.policies.wire.messages import MESSAGE_SIZE_MAX_BYTES, SOCKET_BUFFER_BYTES, Part

_RECONNECT_MS: Final = 50
_RECONNECT_MAX_MS: Final = 1000
_HEARTBEAT_MS: Final = 1000
_SILENCE_MAX_MS: Final = 4000
_PENDING_MAX: Final = 4
"""Requests that a server which hangs leaves unread; what it has read it drops for newer ones."""
_LOST: Final = "the connection was lost"
_REASONS: Final = {
    zmq.Event.DISCONNECTED: _LOST,
    zmq.Event.HANDSHAKE_FAILED_AUTH: "it does not know this client's key",
    zmq.Event.HANDSHAKE_FAILED_PROTOCOL: "the handshake failed: has it keys, and are they its own?",
    zmq.Event.HANDSHAKE_FAILED_NO_DETAIL: "the handshake failed: are its keys the right ones?",
}


class CurveConnection:
    """Connects again by itself, more slowly the longer the server is away."""

    def __init__(self, endpoint: str, keys: ClientKeys) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        for option, value in (
            (zmq.LINGER, 0),
            # What nobody hears is not kept until somebody comes who would answer it too late.
            (zmq.IMMEDIATE, 1),
            (zmq.SNDHWM, _PENDING_MAX),
            (zmq.MAXMSGSIZE, MESSAGE_SIZE_MAX_BYTES),
            (zmq.SNDBUF, SOCKET_BUFFER_BYTES),
            (zmq.RCVBUF, SOCKET_BUFFER_BYTES),
            (zmq.RECONNECT_IVL, _RECONNECT_MS),
            (zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS),
            (zmq.HEARTBEAT_IVL, _HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, _SILENCE_MAX_MS),
        ):
            self._socket.setsockopt(option, value)
        self._socket.curve_secretkey = keys.secret
        self._socket.curve_publickey = keys.public
        self._socket.curve_serverkey = keys.server
        self._monitor = self._socket.get_monitor_socket(sum(_REASONS))
        self._socket.connect(endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        self._reason = "nobody is there"

    def ask(self, number: int, parts: Sequence[Part], until_s: float) -> list[memoryview]:
        """The parts of the answer with this number; others are dropped.

        Raises:
            PolicyLost: none by then, or the connection was lost meanwhile; says only why.
            MalformedMessage: what came is no answer.
        """
        self._hear_why()
        if not self._socket.poll(_left_ms(until_s), zmq.POLLOUT):
            self._hear_why()
            raise PolicyLost(self._reason)
        called = number.to_bytes(8, "big")
        self._socket.send_multipart([called, *frames_of(parts)])
        while time.monotonic() < until_s:
            ready = dict(self._poller.poll(_left_ms(until_s)))
            if self._socket in ready:
                answered, *reply = self._socket.recv_multipart(copy=False)
                if answered.bytes == called:
                    return parts_of(reply)
            elif self._monitor in ready and self._hear_why():
                raise PolicyLost(self._reason)
        raise PolicyLost("it is slow, or hangs")

    def close(self) -> None:
        """More often than once does no harm."""
        if self._socket.closed:
            return
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close()
        self._context.term()

    def _hear_why(self) -> bool:
        """Whether something happened to the connection."""
        has_happened = False
        while self._monitor.poll(0):
            reason = _REASONS[zmq.Event(recv_monitor_message(self._monitor)["event"])]
            has_happened = True
            # A refusal is followed by the loss of the connection, which says less.
            if reason != _LOST or self._reason not in _REASONS.values():
                self._reason = reason
        return has_happened


def _left_ms(until_s: float) -> int:
    return max(0, int(1000 * (until_s - time.monotonic())) + 1)
