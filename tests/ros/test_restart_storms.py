"""A process that dies again and again is given up; one that dies now and then is not."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from dsrl_ros.graph import Graph, GraphOptions, describe
from dsrl_ros.runner import RESTARTS_MAX, Runner, _Process


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    return describe(GraphOptions("franka_pick", tmp_path))


def die(runner: Runner, process: _Process, after_s: float) -> None:
    """As if it had been ready for so long when it was killed."""
    process.is_ready, process.ready_at_s = True, time.monotonic() - after_s
    runner._died(process, -signal.SIGKILL)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def runner(graph: Graph, told: list[str]) -> Runner:
    return Runner(graph, told.append)


def test_a_storm_ends_the_graph(runner: Runner, told: list[str]) -> None:
    process = runner._processes[0]
    for _ in range(RESTARTS_MAX):
        die(runner, process, after_s=1.0)
        assert runner.failure is None
    die(runner, process, after_s=1.0)
    assert f"given up after {RESTARTS_MAX} new starts" in str(runner.failure)
    assert len(told) == RESTARTS_MAX


def test_the_pause_grows_from_death_to_death(runner: Runner, told: list[str]) -> None:
    process = runner._processes[0]
    for _ in range(RESTARTS_MAX):
        die(runner, process, after_s=1.0)
    pauses = [float(text.split("again in ")[1].split()[0]) for text in told]
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == RESTARTS_MAX


def test_a_process_that_ran_well_for_a_while_is_counted_anew(runner: Runner) -> None:
    process = runner._processes[0]
    for _ in range(10 * RESTARTS_MAX):
        die(runner, process, after_s=3600.0)
    assert runner.failure is None
