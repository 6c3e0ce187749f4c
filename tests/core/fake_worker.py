"""The worker of a framework that does not exist: a linear policy, and the ways in which one fails.

`settings.does` of the policy file: how it starts. The first value of a noise: what happens then.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time

import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.policies.backend import Encoded, PolicyBackend, check_decode, check_observations
from dsrl_core.policies.wire.stream import Numbered
from dsrl_core.policies.wire.stream_server import StreamClients
from dsrl_core.policies.wire.switchboard import Line
from dsrl_core.policies.workers.serving import main
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

DIES, CRASHES, HANGS, REFUSES = 666.0, 667.0, 668.0, 669.0


class LinearPolicy:
    """A chunk is the noise plus the observation's mean."""

    def __init__(self, spec: PolicySpec) -> None:
        self.spec = spec
        if spec.settings.get("does") == "has a child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            (spec.folder / "child").write_text(str(child.pid))

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        return Encoded(observations.mean(axis=1, keepdims=True))

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        what = noises[0, 0, 0]
        if what == DIES:
            sys.stderr.write("out of memory, as it were\n")
            os._exit(3)
        if what == CRASHES:
            ctypes.string_at(0)
        if what == HANGS:
            time.sleep(600.0)
        if what == REFUSES:
            raise InvalidValue("not with me")
        return (noises + encoded.features[:, :, None]).astype(np.float32)

    def digest(self) -> str:
        return "ab" * 32

    def close(self) -> None:
        """Nothing is held."""


def load(spec: PolicySpec) -> PolicyBackend:
    does = spec.settings.get("does")
    if does == "fails":
        raise RuntimeError("the checkpoint is of another version")
    if does == "never ready":
        time.sleep(600.0)
    if does == "fails the second time":
        again = spec.folder / "again"
        if again.exists():
            raise RuntimeError("the weights are gone")
        again.touch()
    if does == "garbage":
        _answer_garbage(sys.argv[sys.argv.index("--endpoint") + 1])
    return LinearPolicy(spec)


def _answer_garbage(endpoint: str) -> None:
    clients = StreamClients(endpoint, 5.0)
    while True:
        waiting: dict[Line[Numbered], Numbered] = {}
        clients.wait(waiting, 1.0)
        for client, (number, _) in waiting.items():
            clients.answer(client, number, [b"\xc1 no msgpack"])


if __name__ == "__main__":
    main(load, lambda: "fake 1.0")
