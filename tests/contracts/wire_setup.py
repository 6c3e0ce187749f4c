"""What a policy that tells what it saw is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.openpi import OpenPiPolicy
from dsrl_core.policies.serving_thread import Server
from dsrl_core.policies.wire import PolicyServer
from dsrl_core.policies.wire.connection import Way
from dsrl_core.policies.wire.curve_connection import CurveConnection
from dsrl_core.policies.wire.keys import ClientKeys, ServerKeys, make_keys
from dsrl_core.policies.wire.stream_connection import StreamConnection
from dsrl_core.specs import PolicySpec
from tests.core.serving_setup import (
    Looking,
    elsewhere,
    served,
)
from tests.core.vision_setup import random_views

NOISES = np.random.default_rng(0).standard_normal((3, 4, 5), dtype=np.float32)
PATIENT_S = 20.0


def ask(remote: PolicyBackend) -> np.ndarray:
    values, images = random_views(remote.spec, 1)
    return remote.decode(remote.encode(values, images), NOISES)


def expected(spec: PolicySpec) -> np.ndarray:
    values, images = random_views(spec, 1)
    policy = Looking(spec)
    return policy.decode(policy.encode(values, images), NOISES)


def port_of(server: Any) -> int:
    return int(server.endpoint.rpartition(":")[2])


def remote_of(spec: PolicySpec, url: str, **settings: Any) -> OpenPiPolicy:
    given = {"url": url, "timeout_s": PATIENT_S, "connect_s": PATIENT_S} | settings
    return OpenPiPolicy(replace(elsewhere(spec, "openpi", **given), folder=spec.folder))


WAYS = ("ipc", "tcp", "keys")
"""Between processes of ours: plain sockets of both kinds, and ZeroMQ with keys."""


@contextmanager
def served_by(
    way: str, policy: PolicyBackend, folder: Path, **options: Any
) -> Iterator[tuple[PolicyServer, ClientKeys | None]]:
    """A server, and what a client needs to be let in."""
    endpoint = f"ipc://{folder / 'policy'}" if way == "ipc" else "tcp://127.0.0.1:*"
    server_keys = client_keys = None
    if way == "keys":
        own, robots = make_keys(folder / "keys", "robot")
        server_keys, client_keys = ServerKeys.read(own), ClientKeys.read(robots)
    made: list[PolicyServer] = []

    def serve(backend: PolicyBackend) -> Server:
        made.append(PolicyServer(backend, endpoint, server_keys, **options))
        return made[0]

    with served(lambda: policy, serve):
        yield made[0], client_keys


def raw(server: PolicyServer, keys: ClientKeys | None) -> Way:
    """What carries parts to a server that are no message, too."""
    endpoint = server.endpoint
    return StreamConnection(endpoint) if keys is None else CurveConnection(endpoint, keys)
