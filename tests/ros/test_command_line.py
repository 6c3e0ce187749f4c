"""A person at two terminals: the graph in one, the buttons in the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.ledger import LedgerFollower

DSRL = [sys.executable, "-m", "dsrl_ros.cli"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DSRL, *arguments], capture_output=True, text=True, timeout=180)


def wait_until(what: str, condition: Callable[[], bool], timeout_s: float = 180.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, f"no {what} within {timeout_s} s"
        time.sleep(0.1)


@dataclass
class Terminal:
    """`dsrl up` with what it has printed so far."""

    process: subprocess.Popen[bytes]
    out: Path
    screen: Path

    def wait_for_text(self, text: str) -> None:
        wait_until(
            f"'{text}' in {self.screen.read_text()}", lambda: text in self.screen.read_text()
        )


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, domain: int) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("up")
    screen = folder / "screen.txt"
    command = [*DSRL, "up", "--task", "franka_pick", "--sim", "--out", str(folder / "out")]
    with screen.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    yield Terminal(process, folder / "out", screen)
    if process.poll() is None:
        process.kill()
        process.wait()


def test_it_asks_for_a_label_when_the_episode_is_over(up: Terminal) -> None:
    up.wait_for_text("Episode 0 is over (deadline); label it")
    assert "./dsrl label success | failure | discard | undo" in up.screen.read_text()


def test_a_second_graph_on_the_domain_is_refused(up: Terminal, tmp_path: Path, domain: int) -> None:
    second = run("up", "--sim", "--out", str(tmp_path / "second"))
    assert second.returncode == 2
    assert f"a graph already runs on ROS domain {domain}" in second.stderr
    assert str(up.process.pid) in second.stderr
    assert not list((tmp_path / "second" / "log").glob("*.log"))


def test_status_tells_what_is_waited_for(up: Terminal) -> None:
    shown = run("status").stdout
    assert "0 AWAITING_LABEL, mode train" in shown
    assert "chunk_player" in shown


def test_a_label_needs_no_number_and_the_next_episode_begins(up: Terminal) -> None:
    pressed = run("label", "failure", "--note", "missed by a finger")
    assert pressed.stdout == "episode 0: failure, entry 1\n", pressed.stderr
    up.wait_for_text("Episode 1 is over (deadline); label it")
    entries = LedgerFollower(up.out / "ledger.jsonl").new()
    assert [(entry.outcome, entry.note) for entry in entries] == [("failure", "missed by a finger")]
    store = EpisodeStore(up.out / "episodes")
    wait_until("record of episode 1", lambda: store.numbers() == [0, 1])


def test_undo_takes_the_last_label_back_and_it_can_be_given_anew(up: Terminal) -> None:
    assert run("label", "undo").stdout == "episode 0: undo, entry 2 (replaces entry 1)\n"
    assert run("label", "success", "--episode", "0").stdout == "episode 0: success, entry 3\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("label", "success", "--episode", "7"), "there is no episode 7; the last one is 1"),
        (("label", "undo", "--episode", "1"), "episode 1 is unlabelled"),
        (("label", "maybe"), "success"),
    ],
)
def test_a_wrong_label_is_refused_with_the_reason(
    up: Terminal, arguments: tuple[str, ...], words: str
) -> None:
    refused = run(*arguments)
    assert refused.returncode == 2
    assert words in refused.stderr


def test_stop_holds_the_arm_until_resume(up: Terminal) -> None:
    assert run("stop").stdout == "the arm is held (stop)\n"
    assert "the arm is held (stop): somebody pressed stop" in run("status").stdout
    assert run("resume").stdout == "the arm may move again\n"
    again = run("resume")
    assert again.returncode == 2
    assert "error: the arm is not held" in again.stderr
    assert "the arm is not held" in run("status").stdout


def test_pause_is_told_and_taken_back(up: Terminal) -> None:
    assert run("pause").stdout == "no further episode begins\n"
    assert "paused" in run("status").stdout
    assert run("pause", "--off").stdout == "the run goes on\n"
    assert "paused" not in run("status").stdout


def test_start_leaves_an_episode_unlabelled_and_goes_on(up: Terminal) -> None:
    assert run("start").stdout == "done\n"
    up.wait_for_text("Episode 2 is over (deadline); label it")
    assert run("label", "failure", "--episode", "1").stdout == "episode 1: failure, entry 4\n"


def test_ctrl_c_ends_every_process(up: Terminal) -> None:
    children = subprocess.run(
        ["pgrep", "-P", str(up.process.pid)], capture_output=True, text=True
    ).stdout.split()
    assert len(children) == 7

    up.process.send_signal(signal.SIGINT)

    assert up.process.wait(timeout=120) == 130
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert "Traceback" not in up.screen.read_text()


def test_label_without_a_graph_says_so(up: Terminal, domain: int) -> None:
    up.process.wait()
    alone = run("label", "success")
    assert alone.returncode == 2
    assert f"no running graph within 10 s on ROS domain {domain}" in alone.stderr


def test_nodes_do_not_outlive_a_killed_runner(tmp_path: Path) -> None:
    process = subprocess.Popen([*DSRL, "up", "--sim", "--out", str(tmp_path)])
    children: list[str] = []

    def started() -> bool:
        found = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True
        ).stdout.split()
        children[:] = found
        return (tmp_path / "ledger.jsonl").exists() and len(found) == 7

    wait_until("graph", started)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    def is_gone(child: str) -> bool:
        stat = Path(f"/proc/{child}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    wait_until("end of all nodes", lambda: all(map(is_gone, children)), 20.0)
