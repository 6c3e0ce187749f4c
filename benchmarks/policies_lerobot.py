"""LeRobot's asynchronous server and its client's calls, in an environment of LeRobot's.

`run_here` runs in that environment and imports nothing of ours. Its policy does nothing, and there
is neither pre- nor post-processing: what is left is the way there and back. One decision is what
LeRobot's robot client does for one: an observation sent, actions asked for.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

_WARM_UPS = 5
_SIDE_PX, _HORIZON, _ACTIONS = 224, 4, 5
_STATE = ("x", "y", "z", "yaw", "gripper")


class NotHere(Exception):
    """Why LeRobot cannot be measured here."""


def grpc_times(python: Path | None, latency_s: float, count: int) -> list[float]:
    """Milliseconds of so many decisions; `latency_s`: see `run_here`.

    Raises:
        NotHere: no such environment, or one without what it takes.
    """
    if python is None or not python.is_file():
        raise NotHere(f"no Python at --lerobot {python}")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    call = f"import policies_lerobot; policies_lerobot.run_here({latency_s}, {count})"
    answer = subprocess.run(
        [str(python), "-c", call], env=environment, capture_output=True, text=True
    )
    if answer.returncode:
        raise NotHere((answer.stderr.strip().splitlines() or ["it said nothing"])[-1])
    found: list[float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def run_here(latency_s: float, count: int) -> None:
    """Serve in a process of its own, ask, and print the milliseconds as JSON.

    `latency_s`: the server answers no earlier than so long after it was asked; -1: its default.
    """
    command = "import policies_lerobot; policies_lerobot.serve_here"
    with subprocess.Popen(
        [sys.executable, "-c", f"{command}({latency_s})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        print(json.dumps(_times(port, count)))
        process.stdin.close()


def serve_here(latency_s: float) -> None:
    """LeRobot's servicer around a policy that does nothing, until standard input ends."""
    import torch

    grpc: Any = importlib.import_module("grpc")
    configs: Any = importlib.import_module("lerobot.async_inference.configs")
    servers: Any = importlib.import_module("lerobot.async_inference.policy_server")
    services: Any = importlib.import_module("lerobot.transport.services_pb2_grpc")
    features = {
        f"observation.images.{name}": SimpleNamespace(shape=(3, _SIDE_PX, _SIDE_PX))
        for name in ("scene", "wrist")
    }
    config = configs.PolicyServerConfig()
    if latency_s >= 0:
        config.inference_latency = latency_s
    servicer = servers.PolicyServer(config)
    servicer.logger.disabled = True
    servicer.policy = SimpleNamespace(
        config=SimpleNamespace(image_features=features),
        predict_action_chunk=lambda given: torch.zeros(1, _HORIZON, _ACTIONS),
    )
    servicer.preprocessor = servicer.postprocessor = lambda value: value
    servicer.actions_per_chunk = _HORIZON
    servicer.lerobot_features = {
        "observation.state": {"dtype": "float32", "shape": [len(_STATE)], "names": list(_STATE)},
        **{
            name: {
                "dtype": "image",
                "shape": [_SIDE_PX, _SIDE_PX, 3],
                "names": ["height", "width", "channels"],
            }
            for name in features
        },
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    services.add_AsyncInferenceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


def _times(port: int, count: int) -> list[float]:
    grpc: Any = importlib.import_module("grpc")
    helpers: Any = importlib.import_module("lerobot.async_inference.helpers")
    messages: Any = importlib.import_module("lerobot.transport.services_pb2")
    services: Any = importlib.import_module("lerobot.transport.services_pb2_grpc")
    transport: Any = importlib.import_module("lerobot.transport.utils")
    stub = services.AsyncInferenceStub(
        grpc.insecure_channel(f"127.0.0.1:{port}", transport.grpc_channel_options())
    )
    stub.Ready(messages.Empty())
    generator = np.random.default_rng(0)
    shape = (_SIDE_PX, _SIDE_PX, 3)
    seen = {name: generator.integers(0, 256, shape, dtype=np.uint8) for name in ("scene", "wrist")}
    seen |= {name: 0.1 for name in _STATE} | {"task": ""}
    found = []
    for step in range(_WARM_UPS + count):
        began_s = time.perf_counter()
        timed = helpers.TimedObservation(time.time(), step, seen, must_go=True)
        parts = transport.send_bytes_in_chunks(
            pickle.dumps(timed), messages.Observation, log_prefix="", silent=True
        )
        stub.SendObservations(parts)
        reply = stub.GetActions(messages.Empty())
        if not reply.data:
            raise RuntimeError("LeRobot's server gave no actions; see its log")
        pickle.loads(reply.data)  # noqa: S301 LeRobot's client does so; of our own child
        found.append(1000.0 * (time.perf_counter() - began_s))
    return found[_WARM_UPS:]
