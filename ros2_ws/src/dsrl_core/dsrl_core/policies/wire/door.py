"""Who may enter: on this machine whoever reaches the socket, from elsewhere whoever has a key."""

from __future__ import annotations

import logging
from typing import Any, Final

import zmq
import zmq.utils.z85
from zmq.auth.thread import ThreadAuthenticator

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.wire.keys import ServerKeys

IPC: Final = "ipc://"
TCP: Final = "tcp://"
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_LOG: Final = logging.getLogger(__name__)


class Door:
    """Lets those in whose keys are known, and logs whom it refuses."""

    def __init__(self, context: zmq.Context[Any], keys: ServerKeys) -> None:
        self._keys = keys
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(domain="*", credentials_provider=self)

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether the client with this public key may enter."""
        public = key if len(key) == 40 else zmq.utils.z85.encode(key)
        name = self._keys.clients.get(public)
        if name is None:
            _LOG.warning(
                "a client with the unknown key %s was refused; known: %s",
                public.decode(),
                ", ".join(self._keys.clients.values()),
            )
            return False
        _LOG.info("client '%s' has connected", name)
        return True

    def close(self) -> None:
        self._authenticator.stop()


def check_endpoint(endpoint: str, has_keys: bool) -> None:
    """Refuse to listen to other machines without keys.

    Raises:
        InvalidFile: it would be so, or the endpoint is neither ipc:// nor tcp://.
    """
    if endpoint.startswith(IPC):
        return
    if not endpoint.startswith(TCP):
        raise InvalidFile(f"endpoint '{endpoint}'; expected {IPC}FILE or {TCP}HOST:PORT")
    host = endpoint.removeprefix(TCP).rpartition(":")[0]
    if host not in LOOPBACK and not has_keys:
        raise InvalidFile(
            f"endpoint '{endpoint}' would be open to other machines; expected keys "
            f"(`./dsrl policy keys`), {IPC} or one of {', '.join(LOOPBACK)}"
        )
