"""Messages over a plain socket, between processes of ours on one machine.

Both sides begin with `HELLO`. Then a message is a prefix (its number, how many parts it has, their
sizes) and the parts themselves, each read into memory of its own: no byte is copied on the way.
"""

from __future__ import annotations

import errno
import socket
import stat
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.wire.door import IPC, TCP
from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.policies.wire.messages import (
    ARRAYS_MAX,
    HEADER_SIZE_MAX_BYTES,
    MESSAGE_SIZE_MAX_BYTES,
    PROTOCOL,
    SOCKET_BUFFER_BYTES,
    Part,
)

HELLO: Final = b"\x93DSRL\r\n" + bytes([PROTOCOL])
"""What no browser, and no other protocol, begins with."""
_PARTS_MAX: Final = 1 + ARRAYS_MAX
_PREFIX: Final = struct.Struct(f"<QI{_PARTS_MAX}I")
_BACKLOG: Final = 16

Numbered = tuple[int, list[memoryview]]
"""A message's number and its parts."""


def prefix_of(number: int, parts: Sequence[Part]) -> bytes:
    """What goes before the parts of a message."""
    sizes = [len(part) for part in parts] + [0] * (_PARTS_MAX - len(parts))
    return _PREFIX.pack(number, len(parts), *sizes)


class Reader:
    """Puts messages together from bytes as they come; `None` from a call: more must come."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.has_hello = False
        self._prefix = memoryview(bytearray(_PREFIX.size))
        self._number = 0
        self._parts: list[memoryview] = []
        self._left = [self._prefix[: len(HELLO)]]

    @property
    def is_amid(self) -> bool:
        """Whether a part of a message, or of the hello, is still to come."""
        return not self.has_hello or bool(self._parts) or len(self._left[0]) < _PREFIX.size

    def read_hello(self) -> bool:
        """Whether the other side has said it now.

        Raises:
            MalformedMessage: it said something else.
            EOFError: it has left.
        """
        if not self.has_hello:
            if not self._fill():
                return False
            if self._prefix[: len(HELLO)] != HELLO:
                raise MalformedMessage("it does not speak this protocol")
            self.has_hello, self._left = True, [self._prefix]
        return True

    def read(self) -> Numbered | None:
        """A message, where it is whole now.

        Raises:
            MalformedMessage: larger than allowed, or none of ours.
            EOFError: it has left.
            OSError: the connection is broken, or its time is over.
        """
        if not self.read_hello():
            return None
        if not self._parts:
            if not self._fill():
                return None
            self._number, self._parts = self._announced()
            self._left = [part for part in self._parts if part]
        if not self._fill():
            return None
        parts = self._parts
        self._parts, self._left = [], [self._prefix]
        return self._number, parts

    def _announced(self) -> Numbered:
        number, count, *sizes = _PREFIX.unpack(self._prefix)
        if not 1 <= count <= _PARTS_MAX or any(sizes[count:]):
            raise MalformedMessage(f"a message of {count} parts; expected 1 to {_PARTS_MAX}")
        if sizes[0] > HEADER_SIZE_MAX_BYTES or sum(sizes) > MESSAGE_SIZE_MAX_BYTES:
            raise MalformedMessage(
                f"a message of {sum(sizes)} bytes, {sizes[0]} in its header; expected at most "
                f"{MESSAGE_SIZE_MAX_BYTES} and {HEADER_SIZE_MAX_BYTES}"
            )
        return number, [np.empty(size, np.uint8).data for size in sizes[:count]]

    def _fill(self) -> bool:
        """Whether all that was to come next is here."""
        while self._left:
            try:
                count = self._socket.recvmsg_into(self._left)[0]
            except BlockingIOError:
                return False
            if not count:
                raise EOFError("it has left")
            while self._left and count >= len(self._left[0]):
                count -= len(self._left.pop(0))
            if count:
                self._left[0] = self._left[0][count:]
        return True


def tune(connection: socket.socket) -> None:
    """A message goes at once and, as far as the system allows, in one piece."""
    if connection.family == socket.AF_UNIX:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
    else:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def connected(endpoint: str, timeout_s: float) -> socket.socket:
    """
    Raises:
        OSError: nobody is there.
    """
    if endpoint.startswith(IPC):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(timeout_s)
            connection.connect(endpoint.removeprefix(IPC))
        except BaseException:
            connection.close()
            raise
    else:
        connection = socket.create_connection(_address(endpoint), timeout_s)
    tune(connection)
    return connection


class Listening:
    """A socket that others can connect to: of an `ipc://` endpoint only its own user."""

    def __init__(self, endpoint: str) -> None:
        """
        Raises:
            InvalidFile: nobody can be served there.
        """
        try:
            if endpoint.startswith(IPC):
                self._file: Path | None = Path(endpoint.removeprefix(IPC))
                self.socket = _bound(self._file)
                self._node = self._file.stat().st_ino
                self.endpoint = endpoint
            else:
                self._file = None
                host, port = _address(endpoint)
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                self.socket = socket.create_server((host, port), family=family)
                named = endpoint.rpartition(":")[0]
                self.endpoint = f"{named}:{self.socket.getsockname()[1]}"
        except OSError as error:
            raise InvalidFile(f"nobody can be served at {endpoint}: {error}") from error

    def close(self) -> None:
        """Its file goes, unless another server has put its own there."""
        self.socket.close()
        if self._file is not None:
            with suppress(FileNotFoundError):
                if self._file.stat().st_ino == self._node:
                    self._file.unlink()


def _bound(file: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(file.stat().st_mode):
            if _is_served(file):
                raise OSError(errno.EADDRINUSE, "another server is there")
            # What a server that was killed has left.
            file.unlink()
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(str(file))
        # Nobody can connect before `listen`.
        file.chmod(0o600)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _is_served(file: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(file))
        except BlockingIOError:
            return True  # so many that no other one can be let in now
        except ConnectionRefusedError:
            return False
    return True


def _address(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.removeprefix(TCP).rpartition(":")
    if port != "*" and not port.isdigit():
        raise InvalidFile(f"endpoint '{endpoint}'; expected {IPC}FILE or {TCP}HOST:PORT")
    return host.strip("[]"), 0 if port == "*" else int(port)
