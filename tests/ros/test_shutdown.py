"""A signal at any moment: what a callback does is done to its end, then the process ends, silently.

The node here is never idle: it publishes, hears itself, asks itself and watches a lease.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from dsrl_ros import topics
from dsrl_ros.node import READY_VARIABLE, DsrlNode, spin

TIMES = 5
LATEST_S = 0.2
SERVICE = "busy/answer"


@dataclass(frozen=True)
class NoParameters:
    """busy"""


class Busy(DsrlNode[NoParameters]):
    """Has something to do all the time."""

    def __init__(self) -> None:
        super().__init__("busy", NoParameters)
        self._publisher = topics.JOINT_STATES.publisher(self)
        self._alive = topics.ACTION_CHUNK.publisher(self)
        self._client = self.create_client(Trigger, SERVICE)
        self._message = JointState(position=[0.0] * 7)
        topics.JOINT_STATES.subscribe(self, lambda _: None, raw=True)
        topics.ACTION_CHUNK.subscribe(self, lambda _: None, on_lost=lambda: None)
        self.create_service(Trigger, SERVICE, lambda _, answer: answer)
        for _ in range(3):
            self.wall_timer(0.001, self._work)

    def _work(self) -> None:
        for _ in range(3):
            self._publisher.publish(self._message)
        self._client.call_async(Trigger.Request())


def start() -> subprocess.Popen[str]:
    """The node as a process, ready."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, READY_VARIABLE: str(writing)},
        pass_fds=(writing,),
    )
    os.close(writing)
    assert os.read(reading, 1) == b"\n", process.communicate()[0]
    os.close(reading)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", range(TIMES))
def test_it_ends_without_a_word(number: signal.Signals, moment: int) -> None:
    process = start()
    time.sleep(random.Random(moment).uniform(0.0, LATEST_S))
    assert process.poll() is None
    process.send_signal(number)
    assert (process.communicate(timeout=60)[0], process.returncode) == ("", 0)


if __name__ == "__main__":
    spin(Busy)
