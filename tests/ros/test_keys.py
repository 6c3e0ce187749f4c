"""Single keys from a terminal, which is as before afterwards."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dsrl_core.status import EpisodeStatus, Phase
from dsrl_ros.cli.keys import Keys
from dsrl_ros.cli.run_in_words import is_over
from dsrl_ros.cli.up import heed
from dsrl_ros.cli.up_several import heeded

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


class Pressed:
    """Keys that were pressed one after the other."""

    def __init__(self, *keys: str) -> None:
        self._keys = list(keys)

    def pressed(self) -> str:
        return self._keys.pop(0) if self._keys else ""


class Asked:
    """A client of which only stop and resume are used."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def serve(self, _: float) -> None:
        pass

    def hold(self) -> tuple[bool, str]:
        self.asked.append("stop")
        return True, "the arm is held (stop)"

    def resume(self) -> tuple[bool, str]:
        self.asked.append("resume")
        return True, "the arm may move again"


PRESSED = pytest.mark.parametrize(
    ("keys", "asked"),
    [
        ((" ",), ["stop"]),
        (("r", "y"), ["resume"]),
        (("r", "", "y"), ["resume"]),
        (("r", "n"), []),
        (("r", " "), ["stop"]),
        (("x",), []),
        (("y",), []),
        ((), []),
    ],
)


@PRESSED
def test_space_stops_and_r_resumes_after_a_question(
    keys: tuple[str, ...], asked: list[str]
) -> None:
    client: Any = Asked()
    pressed: Any = Pressed(*keys)
    heed(pressed, client, Console(file=io.StringIO()))
    assert client.asked == asked


@PRESSED
def test_the_same_keys_are_for_all_of_several_robots(
    keys: tuple[str, ...], asked: list[str]
) -> None:
    clients: Any = {"left": Asked(), "right": Asked()}
    pressed: Any = Pressed(*keys)
    list(heeded(pressed, clients))
    assert [client.asked for client in clients.values()] == [asked, asked]


def test_a_run_is_over_also_where_it_was_given_up() -> None:
    before = EpisodeStatus()
    assert not is_over(before, 0), "the word from before the run"
    assert not is_over(replace(before, phase=Phase.RUNNING, run_mode="train"), 0)
    assert is_over(replace(before, run_mode="train"), 0)
    assert not is_over(replace(before, episode=7, run_mode="train"), 8), "an earlier run"
