"""Servers and clients of `./dsrl bench policies`, each server and each robot a process of its own.

The peer is openpi's stock server and client, of a checkout outside of this repository; its policy
runs the same ONNX file.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from policies_models import CAMERAS, Bare, example, observed
from policies_timing import Ask, milliseconds

from dsrl_core.catalog import Catalog
from dsrl_core.policies import PolicyBackend, load_policy
from dsrl_core.policies.openpi import OpenPiPolicy
from dsrl_core.policies.serving_thread import Server, ServingThread
from dsrl_core.policies.wire import PolicyServer, RemotePolicy
from dsrl_core.policies.wire.keys import ClientKeys, ServerKeys, make_keys
from dsrl_core.policies.wire.websocket_server import WebsocketServer
from dsrl_core.specs import PolicySpec

IPC, CURVE, WEBSOCKET, STOCK = "socket, ipc", "ZeroMQ, tcp, CURVE", "websocket", "openpi, stock"
OURS: Final = (IPC, CURVE, WEBSOCKET)
TIMEOUT_S: Final = 10.0
_ROBOT: Final = "robot"
_HERE: Final = Path(__file__).parent


@contextmanager
def child(*task: object) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `run_child`; it ends when its standard input does."""
    command = [sys.executable, str(_HERE / "policies.py"), "--child", json.dumps(task)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield process
    finally:
        pipe_of(process.stdin).close()
        process.wait()
        pipe_of(process.stdout).close()


def pipe_of(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def told(process: subprocess.Popen[str]) -> Any:
    """The next line that a child says, JSON."""
    line = pipe_of(process.stdout).readline()
    if not line:
        raise RuntimeError(f"{process.args} ended with {process.wait()}")
    return json.loads(line)


def run_child(task: list[Any]) -> None:
    kind, *rest = task
    {"serve": serve, "stock": serve_stock, _ROBOT: ask_as_robot}[kind](*rest)


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


# Servers.


@contextmanager
def server(subject: str, folder: Path, policy: str, openpi: Path | None = None) -> Iterator[str]:
    """Where it answers."""
    kind = ("stock", str(openpi)) if subject == STOCK else ("serve", subject)
    with child(*kind, str(folder), policy) as process:
        yield str(told(process))


def serve(subject: str, folder: str, policy: str) -> None:
    """One of ours, until standard input ends."""
    spec = Catalog(policies=Path(folder) / "policies").policy(policy)
    made: list[Server] = []

    def opened(backend: PolicyBackend) -> Server:
        if subject == WEBSOCKET:
            made.append(WebsocketServer(backend, port=0))
        elif subject == CURVE:
            keys = ServerKeys.read(make_keys(Path(folder) / f"keys_{policy}", _ROBOT)[0])
            made.append(PolicyServer(backend, "tcp://127.0.0.1:*", keys))
        else:
            made.append(PolicyServer(backend, f"ipc://{folder}/{policy}"))
        return made[0]

    thread = ServingThread(lambda: load_policy(spec), opened)
    answering = made[0]
    if isinstance(answering, WebsocketServer):
        say(f"ws://127.0.0.1:{answering.port}")
    elif isinstance(answering, PolicyServer):
        say(answering.endpoint)
    sys.stdin.read()
    thread.close()


def serve_stock(openpi: str, folder: str, policy: str) -> None:
    """openpi's own server with the same model."""
    module = _module_at(Path(openpi) / "src/openpi/serving/websocket_policy_server.py", openpi)
    bare = Bare(Catalog(policies=Path(folder) / "policies").policy(policy))

    class Policy:
        def infer(self, obs: dict[str, Any]) -> dict[str, Any]:
            given = {key: obs[key][None] for key in ("observation", *CAMERAS)}
            noise = np.random.default_rng(0).standard_normal((1, 4, 5), dtype=np.float32)
            return {"actions": bare.run(given | {"noise": noise})[0]}

    Policy().infer(example())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answering = module.WebsocketPolicyServer(Policy(), "127.0.0.1", port)
    threading.Thread(target=answering.serve_forever, daemon=True).start()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    say(f"ws://127.0.0.1:{port}")
    sys.stdin.read()


def _module_at(file: Path, openpi: str) -> Any:
    _find_client(Path(openpi))
    found = importlib.util.spec_from_file_location("stock_server", file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _find_client(openpi: Path) -> None:
    sys.path.append(str(openpi / "packages/openpi-client/src"))


# Clients.


def asker(
    subject: str, endpoint: str, folder: Path, spec: PolicySpec, openpi: Path | None = None
) -> Ask:
    """What asks such a server for one decision; connected until this process ends."""
    seen = observed()
    if subject == STOCK:
        assert openpi is not None
        _find_client(openpi)
        stock = importlib.import_module("openpi_client.websocket_client_policy")
        client = stock.WebsocketClientPolicy(endpoint)
        given = {key: value for key, value in example().items() if key != "noise"}
        return partial(client.infer, given | {"prompt": ""})
    policy: PolicyBackend
    if subject == WEBSOCKET:
        at = {"backend": "openpi", "weights": "", "keys": {}, "settings": {"url": endpoint}}
        elsewhere = replace(spec, **at)
        policy = OpenPiPolicy(elsewhere)
    else:
        keys = None
        if subject == CURVE:
            keys = ClientKeys.read(folder / f"keys_{spec.name}" / _ROBOT)
        policy = RemotePolicy(endpoint, spec, TIMEOUT_S, keys)
    assert seen.images is not None
    values, images, noise = seen.values[None], seen.images[None], example()["noise"][None]
    return lambda: policy.decode(policy.encode(values, images), noise)


# Robots.


def ask_as_robot(
    subject: str, endpoint: str, folder: str, policy: str, openpi: str | None, seconds: float
) -> None:
    """Ask for so long, as often as standard input has a line; say how long each answer took."""
    spec = Catalog(policies=Path(folder) / "policies").policy(policy)
    ask = asker(subject, endpoint, Path(folder), spec, Path(openpi) if openpi else None)
    ask()
    say("ready")
    while sys.stdin.readline():
        until_s, found = time.monotonic() + seconds, []
        while time.monotonic() < until_s:
            found.append(milliseconds(ask))
        say(found)


class Robots:
    """Several that ask one server at once."""

    def __init__(self, processes: list[subprocess.Popen[str]]) -> None:
        self._processes = processes
        for process in processes:
            told(process)

    def ask(self, count: int) -> list[float]:
        """So many of them, all at the same time: milliseconds of all of their decisions."""
        asking = self._processes[:count]
        for process in asking:
            pipe_of(process.stdin).write("\n")
        return [each for process in asking for each in told(process)]


@contextmanager
def robots(count: int, *task: object) -> Iterator[Robots]:
    """`task`: see `ask_as_robot`."""
    with ExitStack() as stack:
        yield Robots([stack.enter_context(child(_ROBOT, *task)) for _ in range(count)])
