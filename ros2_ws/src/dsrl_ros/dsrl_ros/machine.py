"""What processes on one machine share and must not trip over: a ROS domain, /dev/shm."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import struct
import time
from pathlib import Path
from typing import Final

from dsrl_core.errors import DsrlError
from dsrl_ros.namespaces import digest, where

_SHARED_MEMORY: Final = Path("/dev/shm")
_LOCKS: Final = re.compile(r"(fastrtps_(?:[0-9a-z]{16}|port\d{1,5}))_[es]l")
_YOUNG_S: Final = 3.0
"""Files younger than this may belong to a process that is just starting."""


_DISCOVERY: Final = ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY", "ROS_DISCOVERY_SERVER")
"""Environment variables by which somebody says how far nodes are seen."""


def stay_on_this_machine() -> None:
    """Let this process, and those that it starts, be seen on this machine only, unless somebody has
    said otherwise; ROS's own default is the whole network."""
    if not any(os.environ.get(name) for name in _DISCOVERY):
        os.environ[_DISCOVERY[0]] = "LOCALHOST"


class DomainLock:
    """Held while a graph runs on a ROS domain, in a namespace of its own or in none; the system
    lets it go when the process ends."""

    def __init__(self, domain: int, namespace: str = "") -> None:
        """
        Raises:
            DsrlError: another graph runs there; names its process.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        address = f"\0dsrl_ros.domain.{domain}{digest(namespace)}"
        try:
            self._socket.bind(address)
            self._socket.listen()
        except OSError:
            self._socket.close()
            raise DsrlError(
                f"a graph already runs on {where(domain, namespace)} (process {_owner(address)}): "
                "stop it, or choose another domain with ROS_DOMAIN_ID or another namespace"
            ) from None

    def release(self) -> None:
        self._socket.close()


def _owner(address: str) -> str:
    """Process id of whoever listens, for people."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1.0)
            client.connect(address)
            size = struct.calcsize("3i")
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            return str(struct.unpack("3i", credentials)[0])
    except OSError:
        return "unknown"


def clean_shared_memory() -> int:
    """Remove what killed processes of Fast DDS left in /dev/shm; how many segments and ports.

    A living process holds a lock on its lock file. The lock is taken before anything is removed.
    """
    cleaned = 0
    for path in _SHARED_MEMORY.glob("fastrtps_*"):
        match = _LOCKS.fullmatch(path.name)
        if match is None:
            continue
        try:
            if time.time() - path.stat().st_mtime < _YOUNG_S:
                continue
            handle = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for name in (match[1], f"sem.{match[1]}_mutex", path.name):
                (_SHARED_MEMORY / name).unlink(missing_ok=True)
            cleaned += 1
        except OSError:
            continue
        finally:
            os.close(handle)
    return cleaned
