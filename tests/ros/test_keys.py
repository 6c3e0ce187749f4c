"""Single keys from a terminal, which is as before afterwards."""

from __future__ import annotations

import os
import pty
import sys
import termios
from pathlib import Path

import pytest

from dsrl_ros.cli.keys import Keys

CHILD = """
import sys, time
from dsrl_ros.cli.keys import Keys
with Keys() as keys:
    print("interactive" if keys.is_interactive else "no keys", flush=True)
    until = time.monotonic() + 20
    while keys.is_interactive and time.monotonic() < until:
        if key := keys.pressed():
            print(f"<{key}>", flush=True)
            if key == "q":
                break
        time.sleep(0.01)
"""


def test_keys_come_without_enter_and_the_terminal_is_restored() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", CHILD])
    before = termios.tcgetattr(terminal)
    seen = b""
    while b"interactive" not in seen:
        seen += os.read(terminal, 1000)
    assert not termios.tcgetattr(terminal)[3] & termios.ICANON
    os.write(terminal, b" rq")
    while b"<q>" not in seen:
        seen += os.read(terminal, 1000)
    os.waitpid(child, 0)
    assert b"< >" in seen
    assert b"<r>" in seen
    assert termios.tcgetattr(terminal)[3] == before[3]
    os.close(terminal)


def test_without_a_terminal_there_are_no_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "input").open("w+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with Keys() as keys:
            assert not keys.is_interactive
            assert keys.pressed() == ""
