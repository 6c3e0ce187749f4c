"""Policies that are served beside a test, over every transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import Encoded, PolicyBackend, check_observations
from dsrl_core.policies.serving_thread import Server, ServingThread
from dsrl_core.policies.wire import PolicyServer
from dsrl_core.policies.wire.keys import ServerKeys
from dsrl_core.policies.wire.websocket_server import WebsocketServer
from dsrl_core.specs import CameraSpec, PolicySpec
from dsrl_core.types import Float32Array, UInt8Array
from tests.core.steering_setup import small_policy
from tests.core.vision_setup import small_vision_policy

_SERVED: list[ServingThread] = []


class Watched:
    """A policy, and what it was asked for: the rows of every call."""

    def __init__(self, policy: PolicyBackend) -> None:
        self.policy, self.spec = policy, policy.spec
        self.encoded: list[int] = []
        self.decoded: list[int] = []
        self.before_decoding: Callable[[Float32Array], None] = lambda noises: None

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        self.encoded.append(len(observations))
        return self.policy.encode(observations, images)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        self.decoded.append(len(noises))
        self.before_decoding(noises)
        return self.policy.decode(encoded, noises)

    def digest(self) -> str:
        return self.policy.digest()

    def close(self) -> None:
        self.policy.close()


class Looking:
    """A policy whose chunks tell what it saw: images come over the wire as they are."""

    def __init__(self, spec: PolicySpec) -> None:
        self.spec = spec

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        seen = [observations]
        if images is not None:
            seen.append(images.reshape(len(images), -1).mean(axis=1, keepdims=True))
        return Encoded(np.concatenate(seen, axis=1, dtype=np.float32))

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        total = encoded.features.sum(axis=1)[:, None, None] + noises.sum(axis=(1, 2), keepdims=True)
        return np.broadcast_to(total, (len(noises), *self.spec.chunk_shape)).astype(np.float32)

    def digest(self) -> str:
        return "0" * 64

    def close(self) -> None:
        pass


def looking_policy(folder: Path) -> PolicySpec:
    """The spec of `Looking` with two small cameras."""
    cameras = (CameraSpec("scene", 18, 14), CameraSpec("wrist", 18, 14))
    return replace(small_vision_policy(folder), cameras=cameras, features_size=0)


@contextmanager
def served(
    load: Callable[[], PolicyBackend], serve: Callable[[PolicyBackend], Server]
) -> Iterator[Server]:
    """A server in a thread of its own."""
    made: list[Server] = []

    def serving(backend: PolicyBackend) -> Server:
        made.append(serve(backend))
        return made[0]

    thread = ServingThread(load, serving)
    try:
        yield made[0]
    finally:
        thread.close()
        thread.check()


def elsewhere(spec: PolicySpec, backend: str, **settings: str | int | float | bool) -> PolicySpec:
    """The file of a policy that is served elsewhere."""
    return replace(spec, backend=backend, weights="", settings=settings, architecture={})


def small_openpi_policy(folder: Path) -> PolicySpec:
    """Behind a websocket, until `end_servers`."""
    spec, servers = small_policy(folder), []

    def serve(backend: PolicyBackend) -> Server:
        servers.append(WebsocketServer(backend, port=0))
        return servers[0]

    _SERVED.append(ServingThread(lambda: load_policy(spec), serve))
    return elsewhere(spec, "openpi", url=f"ws://127.0.0.1:{servers[0].port}")


def small_remote_policy(folder: Path) -> PolicySpec:
    """Behind a socket, until `end_servers`."""
    spec, endpoint = small_vision_policy(folder), f"ipc://{folder / 'elsewhere'}"
    _SERVED.append(
        ServingThread(lambda: load_policy(spec), lambda backend: PolicyServer(backend, endpoint))
    )
    return elsewhere(spec, "remote", endpoint=endpoint, timeout_s=10.0)


def end_servers() -> None:
    """Of the small policies above."""
    while _SERVED:
        _SERVED.pop().close()


def policy_server(
    endpoint: str, keys: ServerKeys | None = None
) -> Callable[[PolicyBackend], Server]:
    return lambda backend: PolicyServer(backend, endpoint, keys)
