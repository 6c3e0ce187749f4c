"""Two machines that find each other through a discovery server, over a line that is late, loses
packets and is cut: what is reliable arrives, and who is gone is missed. Real network namespaces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dsrl_core.errors import DsrlError
from dsrl_sim.bad_link import ADDRESSES, BadLink, bad_link

WAIT_S = 120.0
PORT = "11811"
COUNT = 40
NODE = """
import json, sys, time
import rclpy
from dsrl_interfaces.msg import EpisodeLabel, EpisodeStatus
from dsrl_ros import topics
from rclpy.experimental.events_executor import EventsExecutor

says, file, count = sys.argv[1] == "says", sys.argv[2], int(sys.argv[3])
rclpy.init()
node = rclpy.create_node("says" if says else "hears")
executor = EventsExecutor()
executor.add_node(node)
told = {"labels": [], "lost": 0, "back": 0}

def note(key):
    told[key] += 1
    keep()

def keep():
    with open(file, "w") as out:
        json.dump(told, out)

def heard(message):
    told["labels"].append(message.entry)
    keep()

if says:
    status = topics.EPISODE.publisher(node)
    status.publish(EpisodeStatus())
    labels = topics.LABEL_LEDGER.publisher(node)
    for entry in range(count):
        labels.publish(EpisodeLabel(entry=entry))
        executor.spin_once(timeout_sec=0.1)
else:
    topics.EPISODE.subscribe(node, lambda _: None, lambda: note("lost"), lambda: note("back"))
    topics.LABEL_LEDGER.subscribe(node, heard)
keep()
while True:
    executor.spin_once(timeout_sec=0.2)
"""


@pytest.fixture
def line() -> Iterator[BadLink]:
    if shutil.which("fast-discovery-server") is None:
        pytest.skip("there is no fast-discovery-server here")
    try:
        with bad_link(delay_s=0.05, loss=0.02) as link:
            yield link
    except DsrlError as error:
        pytest.skip(str(error))


def test_over_a_bad_line_nothing_reliable_is_lost_and_a_cut_is_noticed(
    line: BadLink, tmp_path: Path
) -> None:
    environment = os.environ | {
        "ROS_DOMAIN_ID": "0",
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
        "ROS_DISCOVERY_SERVER": f"{ADDRESSES[1]}:{PORT}",
    }
    server = ["fast-discovery-server", "-i", "0", "-l", ADDRESSES[1], "-p", PORT]
    program, heard = [sys.executable, "-c", NODE], tmp_path / "heard"
    commands = (
        line.command(1, *server),
        line.command(1, *program, "hears", str(heard), str(COUNT)),
        line.command(0, *program, "says", str(tmp_path / "said"), str(COUNT)),
    )
    with ExitStack() as stack:
        for command in commands:
            process = stack.enter_context(subprocess.Popen(command, env=environment))
            stack.callback(process.kill)
        wait_for(heard, lambda told: told["back"] == 1 and 5 in told["labels"])
        line.is_cut = True
        wait_for(heard, lambda told: told["lost"] == 1)
        line.is_cut = False
        told = wait_for(heard, lambda told: told["back"] == 2 and len(told["labels"]) >= COUNT)
        assert sorted(set(told["labels"])) == list(range(COUNT))
    assert line.dropped > 0


def wait_for(file: Path, condition: object) -> dict[str, list[int]]:
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            told: dict[str, list[int]] = json.loads(file.read_text())
        except (OSError, ValueError):
            told = {}
        if told and condition(told):  # type: ignore[operator]
            return told
        assert time.monotonic() < until_s, told
        time.sleep(0.1)
