"""`./dsrl policy serve`: a policy for robots elsewhere; needs no ROS graph."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsrl_core.errors import DsrlError

if TYPE_CHECKING:
    from dsrl_core.policies.backend import PolicyBackend
    from dsrl_core.policies.serving_thread import Server

_LOOK_S = 1.0


def serve(
    name: Annotated[str, typer.Argument(help="The policy, as `./dsrl policy list` shows it.")],
    host: Annotated[
        str,
        typer.Option(
            help="Websocket: the address to listen at; others than this machine's "
            "own need --token-file."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Websocket: the port.")] = 8000,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the word that clients must bring (chmod 600).")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="In the websocket's place, e.g. tcp://0.0.0.0:5555 with --keys, or ipc://FILE."
        ),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="The server's folder that `./dsrl policy keys` made.")
    ] = None,
) -> None:
    """Serve a policy until Ctrl+C, by openpi's websocket protocol or to machines with keys."""
    if endpoint is None and keys is not None:
        raise DsrlError("--keys are for --endpoint; a websocket takes --token-file")
    if endpoint is not None and token_file is not None:
        raise DsrlError("--token-file is for a websocket; --endpoint takes --keys")
    # Here, because they take seconds to load, which nobody waits for who asks for help only.
    from dsrl_core.policies import load_policy
    from dsrl_core.policies.serving_thread import ServingThread
    from dsrl_core.policies.wire import PolicyServer
    from dsrl_core.policies.wire.keys import ServerKeys, read_token
    from dsrl_core.policies.wire.websocket_server import WebsocketServer
    from dsrl_ros.paths import catalog

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    spec = catalog().policy(name)
    where: list[str] = []

    def make(backend: PolicyBackend) -> Server:
        if endpoint is not None:
            server = PolicyServer(backend, endpoint, ServerKeys.read(keys) if keys else None)
            where.append(server.endpoint)
            return server
        token = read_token(token_file) if token_file else ""
        websocket = WebsocketServer(backend, host, port, token)
        where.append(f"ws://{host}:{websocket.port}")
        return websocket

    serving = ServingThread(lambda: load_policy(spec), make)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    typer.echo(
        f"policy '{name}' (model_id {spec.weights_sha256}) is served at {where[0]}; Ctrl+C ends it"
    )
    try:
        while not stop.wait(_LOOK_S):
            serving.check()
    finally:
        serving.close()
