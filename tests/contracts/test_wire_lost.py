"""Whatever becomes of a server: there is an answer in time, and it is found again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsrl_core.policies.wire import PolicyLost, PolicyUnavailable, RemotePolicy
from dsrl_core.policies.wire.messages import Message, pack
from dsrl_core.policies.wire.stream import HELLO, Reader, prefix_of
from dsrl_core.specs import PolicySpec
from tests.contracts.wire_setup import PATIENT_S, ask, expected
from tests.core.serving_setup import (
    looking_policy,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def spec(tmp_path: Path) -> PolicySpec:
    return looking_policy(tmp_path)


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path / 'policy'}"


@contextmanager
def pretender(endpoint: str, *replies: Any) -> Iterator[None]:
    """A server that answers each request with the next of these bytes."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(endpoint.removeprefix("ipc://"))
        listening.listen()

        def serve() -> None:
            connection = listening.accept()[0]
            connection.settimeout(PATIENT_S)
            reader = Reader(connection)
            connection.sendall(HELLO)
            with connection, suppress(EOFError):
                for reply in replies:
                    asked = reader.read()
                    assert asked is not None
                    connection.sendall(reply(asked[0]))
                reader.read()

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def of_parts(number: int, *parts: Any) -> bytes:
    return b"".join([prefix_of(number, parts), *parts])


def test_the_answer_to_another_request_is_not_taken_for_this_ones(
    spec: PolicySpec, endpoint: str
) -> None:
    wrong = pack(Message({"digest": "another"}))
    with (
        pretender(endpoint, lambda number: of_parts(number - 1, *wrong)),
        closing(RemotePolicy(endpoint, spec, 0.5)) as remote,
        pytest.raises(PolicyLost, match="did not answer"),
    ):
        remote.digest()


def test_answers_that_are_none_are_refused(spec: PolicySpec, endpoint: str) -> None:
    chunks = np.zeros((3, 4, 4), np.float32)
    with (
        pretender(
            endpoint,
            lambda number: of_parts(number, b"garbage"),
            lambda number: of_parts(number, b""),
            lambda number: of_parts(number, *pack(Message({}, {"chunks": chunks}))),
            lambda number: of_parts(number, *pack(Message({"error": "odd"}))),
        ),
        closing(RemotePolicy(endpoint, spec, PATIENT_S)) as remote,
    ):
        for why in ("something else", "something else", r"expected float32 \(3, 4, 5\)", "odd"):
            with pytest.raises(PolicyUnavailable, match=why):
                ask(remote)


SERVER = """
import sys, time
from pathlib import Path
from dsrl_core.policies.wire import PolicyServer
from tests.core.serving_setup import Looking, looking_policy
class Slow(Looking):
    is_warm = False
    def decode(self, encoded, noises):
        if self.is_warm and sys.argv[3] == "slow":
            print("asked", flush=True)
            time.sleep(600)
        self.is_warm = True
        return super().decode(encoded, noises)
server = PolicyServer(Slow(looking_policy(Path(sys.argv[1]))), sys.argv[2])
print("ready", flush=True)
while True:
    server.serve_once(1.0)
"""


@contextmanager
def process(folder: Path, endpoint: str, kind: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVER, str(folder), endpoint, kind]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield server
        server.kill()


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_a_server_that_dies_in_mid_reply_is_told_at_once_and_found_again(
    spec: PolicySpec, tmp_path: Path, endpoint: str, transport: str
) -> None:
    if transport == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as free:
            endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with closing(RemotePolicy(endpoint, spec, PATIENT_S)) as remote:
        with process(tmp_path, endpoint, "slow") as server:

            def kill() -> None:
                assert server.stdout is not None
                assert server.stdout.readline() == "asked\n"
                server.kill()

            killer = threading.Thread(target=kill)
            killer.start()
            with pytest.raises(PolicyLost, match="the connection was lost"):
                ask(remote)
            killer.join()
        with process(tmp_path, endpoint, "fast"):
            np.testing.assert_array_equal(ask(remote), expected(spec))


def test_a_server_that_hangs_is_lost_until_it_goes_on(
    spec: PolicySpec, tmp_path: Path, endpoint: str
) -> None:
    with (
        process(tmp_path, endpoint, "fast") as server,
        closing(RemotePolicy(endpoint, spec, 0.3)) as remote,
        closing(RemotePolicy(endpoint, spec, PATIENT_S)) as patient,
    ):
        np.testing.assert_array_equal(ask(patient), expected(spec))
        os.kill(server.pid, signal.SIGSTOP)
        for _ in range(8):
            with pytest.raises(PolicyLost, match=r"did not answer within 0\.3 s"):
                ask(remote)
        os.kill(server.pid, signal.SIGCONT)
        np.testing.assert_array_equal(ask(patient), expected(spec))
