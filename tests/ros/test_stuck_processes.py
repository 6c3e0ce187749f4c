"""A process that lives and gives no sign of it is ended and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsrl_ros import node as nodes
from dsrl_ros.graph import GraphOptions, describe
from dsrl_ros.node import ALIVE, READY, DsrlNode, spin
from dsrl_ros.parameters import PolicyServerParameters
from dsrl_ros.runner import RESTARTS_MAX, SILENT_S, Runner, _Process


class Stuck(DsrlNode[PolicyServerParameters]):
    """Its callback never comes back."""

    def __init__(self) -> None:
        super().__init__("stuck", PolicyServerParameters)
        self.wall_timer(0.5, self._wait_for_ever)

    def _wait_for_ever(self) -> None:
        while True:
            time.sleep(0.1)


def test_a_node_that_is_stuck_in_a_call_says_where_and_ends() -> None:
    """As any who started it sees, the launch system too."""
    process = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, timeout=120, check=False
    )
    assert process.returncode == 1
    assert "Timeout" in process.stderr
    assert "_wait_for_ever" in process.stderr


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def runner(tmp_path: Path, told: list[str]) -> Runner:
    """Not started: the test says when it looks."""
    runner = Runner(describe(GraphOptions("franka_pick", tmp_path)), told.append)
    for other in runner._processes[1:]:
        other.start_at_s = float("inf")
    return runner


@pytest.fixture
def writing(runner: Runner) -> Iterator[int]:
    """The end of the pipe that the first process, which is ready, writes its signs to."""
    process = runner._processes[0]
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process.popen, process.signs = subprocess.Popen(["sleep", "1000"]), reading
    os.write(writing, READY)
    runner._look()
    assert process.is_ready
    yield writing
    os.close(writing)
    if process.popen is not None:
        process.popen.kill()
        process.popen.wait()


def silent(process: _Process, for_s: float) -> None:
    process.heard_at_s = time.monotonic() - for_s


def look_until_it_is_told(runner: Runner, told: list[str]) -> None:
    process = runner._processes[0]
    assert process.popen is not None
    until_s = time.monotonic() + 30.0
    while not told and runner.failure is None and time.monotonic() < until_s:
        runner._look()
        time.sleep(0.01)


def test_a_stopped_process_is_ended_and_will_be_started_again(
    runner: Runner, writing: int, told: list[str]
) -> None:
    process = runner._processes[0]
    assert process.popen is not None
    process.popen.send_signal(signal.SIGSTOP)
    silent(process, SILENT_S + 1.0)

    look_until_it_is_told(runner, told)

    assert process.popen is None
    assert process.start_at_s > time.monotonic() - 30.0
    name = process.node.name
    assert told == [
        f"{name} gave no sign of life for {SILENT_S:.0f} s and was ended; started again in 0.5 s "
        f"(1 of {RESTARTS_MAX})"
    ]


def test_one_that_gives_signs_is_left_alone(runner: Runner, writing: int, told: list[str]) -> None:
    process = runner._processes[0]
    silent(process, SILENT_S + 1.0)
    os.write(writing, ALIVE)

    runner._look()

    assert process.popen is not None
    assert process.popen.poll() is None
    assert not process.is_stuck


def test_a_runner_that_was_away_itself_does_not_blame_the_processes(
    runner: Runner, writing: int
) -> None:
    process = runner._processes[0]
    silent(process, 10 * SILENT_S)
    runner._looked_at_s = time.monotonic() - 10 * SILENT_S

    runner._look()

    assert not process.is_stuck


def test_one_that_starts_may_take_longer_than_one_that_runs(runner: Runner, writing: int) -> None:
    process = runner._processes[0]
    process.silent_max_s = 120.0
    silent(process, SILENT_S + 1.0)

    runner._look()

    assert not process.is_stuck


def test_a_process_killed_while_it_starts_again_counts_as_one_more_death(
    runner: Runner, told: list[str]
) -> None:
    process = runner._processes[0]
    process.was_ever_ready = True
    runner._died(process, -signal.SIGKILL)
    assert runner.failure is None
    assert len(told) == 1


if __name__ == "__main__":
    nodes.STUCK_S = 3.0
    spin(Stuck)
