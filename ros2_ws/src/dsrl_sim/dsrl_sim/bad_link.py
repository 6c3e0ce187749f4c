"""Two machines in one: network namespaces with a bad line between them, for tests and measurements.

Each namespace has a TUN device; this process carries packets from one to the other, later, and not
all of them. Needs root and /dev/net/tun.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from dsrl_core.errors import DsrlError

ADDRESSES: Final = ("10.77.43.1", "10.77.43.2")
"""Of the first and the second machine."""
_DEVICE: Final = "dsrl0"
_TUNSETIFF: Final = 0x400454CA
_TUN_WITHOUT_HEADER: Final = 0x0001 | 0x1000
_NEW_NETWORK: Final = 0x40000000
"""CLONE_NEWNET of linux/sched.h."""
_PACKET_MAX: Final = 65536
_TURN_S: Final = 0.05


class BadLink:
    """A line between two network namespaces; made by `bad_link`."""

    def __init__(self, names: tuple[str, str], delay_s: float, loss: float, seed: int) -> None:
        self.names = names
        self.delay_s, self.loss = delay_s, loss
        """One way [s], and the share of packets that are lost; both may be changed."""
        self.is_cut = False
        self.carried = self.dropped = 0
        self._random = np.random.default_rng(seed)
        self._ends = [_tun_in(name) for name in names]
        for name, address in zip(names, ADDRESSES, strict=True):
            for command in (
                "link set lo up",
                f"addr add {address}/24 dev {_DEVICE}",
                f"link set {_DEVICE} multicast on",
                f"link set {_DEVICE} up",
            ):
                _ip("-n", name, *command.split())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="line", daemon=True)
        self._thread.start()

    def command(self, machine: int, *arguments: str) -> list[str]:
        """A command line that runs this on the first (0) or second (1) machine, with shared memory
        of its own."""
        own = 'mount -t tmpfs tmpfs /dev/shm && exec "$@"'
        inside = ["unshare", "--mount", "sh", "-c", own, "sh", *arguments]
        return ["ip", "netns", "exec", self.names[machine], *inside]

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        for end in self._ends:
            os.close(end)

    def _carry(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []
        number = 0
        while not self._stop.is_set():
            until_s = min(_TURN_S, waiting[0][0] - time.monotonic()) if waiting else _TURN_S
            for end in select.select(self._ends, [], [], max(0.0, until_s))[0]:
                packet = os.read(end, _PACKET_MAX)
                if self.is_cut or self._random.random() < self.loss:
                    self.dropped += 1
                    continue
                other = self._ends[1 - self._ends.index(end)]
                number += 1
                heapq.heappush(waiting, (time.monotonic() + self.delay_s, number, other, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, other, packet = heapq.heappop(waiting)
                try:
                    os.write(other, packet)
                    self.carried += 1
                except OSError:
                    self.dropped += 1


@contextmanager
def bad_link(delay_s: float = 0.0, loss: float = 0.0, seed: int = 0) -> Iterator[BadLink]:
    """Two namespaces with a line of this delay (one way) and loss; gone afterwards.

    Raises:
        DsrlError: this machine does not let us.
    """
    names = (f"dsrl{os.getpid()}a", f"dsrl{os.getpid()}b")
    made = []
    try:
        for name in names:
            _ip("netns", "add", name)
            made.append(name)
        link = BadLink(names, delay_s, loss, seed)
        try:
            yield link
        finally:
            link.close()
    finally:
        for name in made:
            _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    try:
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise DsrlError("no network namespaces here: ip (iproute2) is not installed") from error
    except subprocess.CalledProcessError as error:
        raise DsrlError(
            f"no network namespaces here: ip {' '.join(arguments)}: {error.stderr.strip()}"
        ) from error


def _tun_in(name: str) -> int:
    """A TUN device in this namespace; its file descriptor is for everybody here."""
    libc = ctypes.CDLL(None, use_errno=True)
    opened: list[int] = []
    problems: list[str] = []

    def work() -> None:
        # A thread of its own: which namespace one is in, each thread has for itself.
        try:
            with Path(f"/run/netns/{name}").open() as namespace:
                if libc.setns(namespace.fileno(), _NEW_NETWORK):
                    raise OSError(ctypes.get_errno(), "setns")
            device = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(
                device, _TUNSETIFF, struct.pack("16sH", _DEVICE.encode(), _TUN_WITHOUT_HEADER)
            )
            opened.append(device)
        except OSError as error:
            problems.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if problems:
        raise DsrlError(f"no TUN device here: {problems[0]}")
    return opened[0]
