"""What graphs on one machine share: domains and shared memory."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsrl_core.errors import DsrlError
from dsrl_ros.machine import DomainLock, clean_shared_memory

SHARED_MEMORY = Path("/dev/shm")
LONG_AGO = (1_000_000_000, 1_000_000_000)


def test_a_domain_is_held_by_one_and_free_again_afterwards(domain: int) -> None:
    lock = DomainLock(domain)
    with pytest.raises(DsrlError, match=f"ROS domain {domain} .process {os.getpid()}"):
        DomainLock(domain)
    lock.release()
    DomainLock(domain).release()


def test_a_killed_holder_lets_the_domain_go(domain: int) -> None:
    program = (
        "import sys; from dsrl_ros.machine import DomainLock; lock = DomainLock(int(sys.argv[1]));"
        "print(flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(domain)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(DsrlError, match=f"process {holder.pid}"):
        DomainLock(domain)
    holder.kill()
    holder.communicate()
    DomainLock(domain).release()


def make_segment(name: str) -> list[Path]:
    files = [SHARED_MEMORY / name, SHARED_MEMORY / f"{name}_el"]
    for file in files:
        file.touch()
        os.utime(file, LONG_AGO)
    return files


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not() -> None:
    left = make_segment("fastrtps_00000000000dead0")
    used = make_segment("fastrtps_0000000000011fe0")
    young = SHARED_MEMORY / "fastrtps_0000000000020e60_el"
    young.touch()
    try:
        with used[1].open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            assert clean_shared_memory() >= 1
            assert not any(file.exists() for file in left)
            assert all(file.exists() for file in (*used, young))
    finally:
        for file in (*left, *used, young):
            file.unlink(missing_ok=True)
