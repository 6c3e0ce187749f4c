"""Keys of CURVE, with which two machines of ours know each other and nobody else reads along.

`make_keys` makes one folder for the server and one for each robot, to be carried there by hand:

    server/server.secret      stays on the server
    server/clients/NAME.key   whom it lets in
    NAME/client.secret        stays on the robot
    NAME/server.key           whom it talks to
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zmq

from dsrl_core.errors import InvalidFile

_SERVER: Final = "server"
_SERVER_SECRET: Final = "server.secret"
_SERVER_KEY: Final = "server.key"
_CLIENT_SECRET: Final = "client.secret"
_CLIENTS: Final = "clients"
_KEY_LENGTH: Final = 40


@dataclass(frozen=True)
class ServerKeys:
    """A server's secret key, and the public keys of those whom it lets in, by name."""

    secret: bytes
    clients: dict[bytes, str]

    @property
    def public(self) -> bytes:
        return zmq.curve_public(self.secret)

    @staticmethod
    def read(folder: Path) -> ServerKeys:
        """
        Raises:
            InvalidFile: a key is absent or no key, or others may read the secret one.
        """
        clients = {_key(file): file.stem for file in sorted((folder / _CLIENTS).glob("*.key"))}
        if not clients:
            raise InvalidFile(
                f"{folder / _CLIENTS} holds no client's key; expected those that "
                "`./dsrl policy keys` makes"
            )
        return ServerKeys(_secret(folder / _SERVER_SECRET), clients)


@dataclass(frozen=True)
class ClientKeys:
    """A robot's secret key, and the public key of the server that it talks to."""

    secret: bytes
    server: bytes

    @property
    def public(self) -> bytes:
        return zmq.curve_public(self.secret)

    @staticmethod
    def read(folder: Path) -> ClientKeys:
        """
        Raises:
            InvalidFile: a key is absent or no key, or others may read the secret one.
        """
        return ClientKeys(_secret(folder / _CLIENT_SECRET), _key(folder / _SERVER_KEY))


def make_keys(folder: Path, client: str) -> tuple[Path, Path]:
    """The server's folder, made if there is none, and a new one for this client.

    Raises:
        InvalidFile: the client has its keys already, or its name is no file name.
    """
    if not client.replace("-", "").replace("_", "").isalnum() or client == _SERVER:
        raise InvalidFile(f"client '{client}'; expected letters and digits, and not '{_SERVER}'")
    server, own = folder / _SERVER, folder / client
    if own.exists():
        raise InvalidFile(f"{own} exists: remove it first, if its keys are to be made anew")
    for made in (folder, server, server / _CLIENTS, own):
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (server / _SERVER_SECRET).exists():
        _write(server / _SERVER_SECRET, zmq.curve_keypair()[1])
    public, secret = zmq.curve_keypair()
    _write(own / _CLIENT_SECRET, secret)
    _write(own / _SERVER_KEY, zmq.curve_public(_secret(server / _SERVER_SECRET)))
    _write(server / _CLIENTS / f"{client}.key", public)
    return server, own


def read_token(file: Path) -> str:
    """The word that opens a websocket, from a file that only its owner may read.

    Raises:
        InvalidFile: there is none, it is short, or others may read it.
    """
    token = _owners_only(file).decode(errors="replace").strip()
    if len(token) < 16 or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidFile(
            f"{file} holds no token; expected a line of at least 16 letters, such as "
            "`openssl rand -hex 32` gives"
        )
    return token


def _write(file: Path, key: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as content:
        content.write(key + b"\n")


def _secret(file: Path) -> bytes:
    return _checked(file, _owners_only(file))


def _owners_only(file: Path) -> bytes:
    try:
        mode = file.stat().st_mode
        content = file.read_bytes()
    except OSError as error:
        raise InvalidFile(f"{file} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise InvalidFile(f"{file} is open to others: chmod 600 {file}")
    return content


def _key(file: Path) -> bytes:
    try:
        return _checked(file, file.read_bytes())
    except OSError as error:
        raise InvalidFile(f"{file} cannot be read: {error.strerror}") from error


def _checked(file: Path, content: bytes) -> bytes:
    key = content.strip()
    try:
        if len(key) == _KEY_LENGTH:
            zmq.curve_public(key)
            return key
    except (ValueError, zmq.ZMQError):
        pass
    raise InvalidFile(f"{file} holds no key of {_KEY_LENGTH} letters")
