"""Sweeps: which runs there are, what one that fails costs the others, and going on later."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.errors import DsrlError, InvalidFile, InvalidValue
from dsrl_core.sweeps.local import run_locally
from dsrl_core.sweeps.on_ray import library, run_on_ray
from dsrl_core.sweeps.plan import Cell, cells_of, numbers, variants_of
from dsrl_core.sweeps.results import Outcome, SweepFolder
from dsrl_sim.online_run import measure
from tests.core.sweep_setup import CRASHES, ENTRY, RAISES, SLEEPS, STARTED

TASK = "franka_pick"
WAIT_S = 60.0


def cells(*seeds: int) -> list[Cell]:
    return cells_of([TASK], {"a": {}, "b": {"noise_bound": 1.0}}, seeds, 10, [4, 0])


def perform(folder: SweepFolder, asked: list[Cell]) -> list[str]:
    """Run what is due; names of what was run."""
    due, run = folder.due(asked), []
    for cell, found in run_locally(ENTRY, due, 2):
        run.append(cell.name)
        if isinstance(found, str):
            folder.failed(cell, found)
        else:
            folder.keep(cell, found)
    return sorted(run)


def test_variants_are_files_and_every_combination_of_values(tmp_path: Path) -> None:
    file = tmp_path / "wide.yaml"
    file.write_text("settings: {batch: 64}\n")
    options = ["noise_bound=1.0,1.5", "settings.batch=128,256", "reward.discount=0.9"]
    found = variants_of([file], options)
    assert list(found) == [
        "wide",
        "noise_bound=1.0+batch=128+discount=0.9",
        "noise_bound=1.0+batch=256+discount=0.9",
        "noise_bound=1.5+batch=128+discount=0.9",
        "noise_bound=1.5+batch=256+discount=0.9",
    ]
    assert found["noise_bound=1.5+batch=256+discount=0.9"] == {
        "noise_bound": 1.5,
        "settings": {"batch": 256},
        "reward": {"discount": 0.9},
    }
    drawn = variants_of([], options, samples=2)
    assert len(drawn) == 2
    assert drawn == variants_of([], options, samples=2)
    assert variants_of([], []) == {"task": {}}


def test_one_setting_of_the_algorithm_leaves_the_others_as_the_task_has_them() -> None:
    task = Catalog().task(TASK)
    cell = Cell(TASK, "x", 0, 1, (0,), {"settings": {"batch": 64}, "noise_bound": 1.25})
    changed = cell.of_task(task)
    assert changed.steering.settings == {**task.steering.settings, "batch": 64}
    assert changed.steering.noise_bound == 1.25
    with pytest.raises(InvalidFile, match="noise_bund"):
        Cell(TASK, "x", 0, 1, (0,), {"noise_bund": 1.0}).of_task(task)


@pytest.mark.parametrize("wrong", ["noise_bound", "=1", "noise_bound=", "a..b=1", "a=[1"])
def test_an_option_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidValue, match="--set"):
        variants_of([], [wrong])


def test_two_variants_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidValue, match=r"two variants are called 'discount=0\.9'"):
        variants_of([], ["reward.discount=0.9,0.90"])


def test_numbers_are_lists_and_ranges() -> None:
    assert numbers("0,2,5-7,2", "--seeds") == [0, 2, 5, 6, 7]
    with pytest.raises(InvalidValue, match="--seeds is '1;2', expected numbers such as"):
        numbers("1;2", "--seeds")


def test_runs_that_fail_are_told_of_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder, asked = SweepFolder(tmp_path), cells(0, 5, RAISES, CRASHES)
    assert perform(folder, asked) == sorted(cell.name for cell in asked)
    text = folder.write_tables(asked)
    assert "4 of 8 runs are finished, 4 failed." in text
    assert f"- {TASK}-a-{RAISES}: ValueError: this run cannot be" in text
    assert f"- {TASK}-b-{CRASHES}: killed by signal {signal.SIGABRT.value}" in text
    assert f"| {TASK} | a | 2 | 25 (0): 0 50 | 65 (40): 40 90 | 10 (10): 10 10 | 0 |" in text
    with (tmp_path / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert rows[0] | {"wall_s": ""} == {
        "task": TASK,
        "variant": "a",
        "seed": "0",
        "episodes": "0",
        "successes": "0",
        "resets": "10",
        "wall_s": "",
    }
    assert len(json.loads((tmp_path / "sweep.json").read_text())["failed"]) == 4


def test_what_is_finished_is_not_repeated_and_what_failed_is(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    perform(folder, cells(0, RAISES))
    again = SweepFolder(tmp_path)
    failed = [f"{TASK}-{variant}-{RAISES}" for variant in "ab"]
    assert perform(again, cells(0, RAISES, 1)) == sorted([*failed, f"{TASK}-a-1", f"{TASK}-b-1"])
    other = cells_of([TASK], {"a": {}}, [0], 20, [0, 4])
    with pytest.raises(InvalidFile, match=r"other settings: resets was 10, now 20; give another"):
        again.due(other)
    (tmp_path / "cells" / f"{TASK}-a-0.json").write_text("{")
    with pytest.raises(InvalidFile, match="is no finished run"):
        again.due(cells(0))


def test_runs_end_when_the_sweep_is_killed(tmp_path: Path) -> None:
    started = tmp_path / "started"
    text = (
        "from dsrl_core.sweeps.local import run_locally\n"
        "from dsrl_core.sweeps.plan import Cell\n"
        f"list(run_locally({ENTRY!r}, [Cell({TASK!r}, 'a', {SLEEPS}, 1, (0,))], 1))\n"
    )
    environment = os.environ | {STARTED: str(started)}
    with subprocess.Popen([sys.executable, "-c", text], env=environment) as sweep:
        _wait(lambda: started.exists() and started.read_text() != "")
        sweep.kill()
    process = int(started.read_text())
    _wait(lambda: not _is_running(process))


def _is_running(process: int) -> bool:
    """A zombie waits for whoever has adopted it, and runs no more."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _wait(condition: Any) -> None:
    until_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_a_run_learns_and_is_measured() -> None:
    cell = Cell(TASK, "short", 3, 1, (0, 1), {"warm_up_episodes": 1})
    outcome = Outcome(**measure(cell))
    assert set(outcome.greedy) == {"0", "1"}
    assert set(outcome.actor) == {"1"}
    assert len(outcome.training) == 2
    assert outcome.updates > 0


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DsrlError, match=r"pip install ray==.*or run on this machine .*--local"):
        library()


def test_on_ray_the_same_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    folder = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", f"{os.environ.get('PYTHONPATH', '')}:{folder}")
    asked = cells(0, RAISES)
    found = {cell.name: what for cell, what in run_on_ray(ENTRY, asked, 2, None)}
    local = {cell.name: what for cell, what in run_locally(ENTRY, asked, 2)}
    assert set(found) == set(local)
    for name, what in found.items():
        if isinstance(what, str):
            assert "ValueError: this run cannot be" in what
        else:
            assert what == local[name]
