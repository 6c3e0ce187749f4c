"""Takes from this very process what reading a file does not need; nothing gives it back.

Only Python's standard library, and nothing of ours: a new network namespace has to be entered
before any library has started a thread. Each function says whether the kernel did as asked.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterable
from pathlib import Path

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_READ = 0b1100
"""Of files and folders."""
_WRITE = 0x1FF2 | 1 << 14
"""Writing, truncating, making and removing."""
_FILE_RIGHTS = (1 << 12, 1 << 13, 1 << 14, 1 << 14, 1 << 15)
"""The last right that each version of Landlock knows, from the first on."""
_TCP, _SCOPES = 0b11, 0b11
_GIB = 1 << 30


def leave_network() -> bool:
    """Into a network namespace of its own, which has no way out."""
    library = ctypes.CDLL(None, use_errno=True)
    return bool(library.unshare(_NEWUSER | _NEWNET) == 0 or library.unshare(_NEWNET) == 0)


def limit(memory_gb: float, cpu_s: int, file_gb: float) -> None:
    """Memory beyond what is in use, time on a processor, size of a file; no core dump."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    memory = used + int(memory_gb * _GIB)
    file_size = int(file_gb * _GIB)
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def leave_files(readable: Iterable[str], writable: str) -> bool:
    """Only these may be read, only in that folder be written, no program be started (Landlock).

    With kernels that know how, also no TCP, no signal to and no abstract socket of another process.
    """
    library = ctypes.CDLL(None, use_errno=True)
    version = library.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        return False
    known = (_FILE_RIGHTS[min(version, len(_FILE_RIGHTS)) - 1] << 1) - 1
    rules = _Ruleset(known, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = library.syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0)
    if ruleset < 0:
        return False
    for path, rights in [(path, _READ) for path in readable] + [(writable, _READ | _WRITE)]:
        if not Path(path).exists():
            continue
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = rights & known if Path(path).is_dir() else 0b100
        beneath = _Beneath(allowed, place)
        failed = library.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(beneath), 0)
        os.close(place)
        if failed:
            return False
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    restricted = bool(library.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    os.close(ruleset)
    return restricted
