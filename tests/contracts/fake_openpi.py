"""Modules named as openpi's, which behave as its stock server does; its launch script, run on them.

The server: metadata on connecting, one map in, one reply map out, `server_timing` added; an error
goes out as a text, and the connection is closed.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
import types
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from websockets.asyncio.server import ServerConnection, serve

from dsrl_core.policies.wire import openpi_messages

HORIZON, DIM = 6, 5


class Policy:
    """Its actions tell what it saw: state, image, prompt and noise."""

    metadata: ClassVar[dict[str, Any]] = {"robot": "fake"}

    def infer(self, obs: dict[str, Any], *, noise: Any = None) -> dict[str, Any]:
        if noise is None:
            noise = np.random.default_rng().standard_normal((HORIZON, DIM))
        noise[0] += 0.0  # it must be writable
        if obs["prompt"] == "fail":
            raise RuntimeError("CUDA out of memory")
        total = float(np.sum(obs["state"])) + float(np.mean(obs["image"])) + len(obs["prompt"])
        return {"actions": np.asarray(noise) + total, "policy_timing": {"infer_ms": 1.0}}


class WebsocketPolicyServer:
    def __init__(self, policy: Any, host: str, port: int, metadata: dict[str, Any]) -> None:
        self._policy, self._host, self._port, self._metadata = policy, host, port, metadata

    def serve_forever(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        async with serve(self._attend, self._host, self._port, compression=None) as server:
            print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
            await server.serve_forever()

    async def _attend(self, connection: ServerConnection) -> None:
        await connection.send(openpi_messages.pack(self._metadata))
        async for data in connection:
            try:
                assert isinstance(data, bytes)
                reply = self._policy.infer(openpi_messages.unpack(data))
                reply["server_timing"] = {"infer_ms": 1.0}
                await connection.send(openpi_messages.pack(reply))
            except Exception:
                await connection.send(traceback.format_exc())
                await connection.close(1011, "Internal server error")
                return


def _module(name: str, **content: Any) -> None:
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


def main() -> None:
    """`stock`: openpi's own server; otherwise the launch script with these arguments."""
    config = types.SimpleNamespace(
        model=types.SimpleNamespace(action_horizon=HORIZON, action_dim=DIM)
    )
    for name in ("openpi", "openpi.policies", "openpi.serving", "openpi.training"):
        _module(name)
    _module(
        "openpi.policies.policy_config",
        create_trained_policy=lambda config, folder, default_prompt: Policy(),
    )
    _module("openpi.serving.websocket_policy_server", WebsocketPolicyServer=WebsocketPolicyServer)
    _module("openpi.training.config", get_config=lambda name: config)
    if sys.argv[1:] == ["stock"]:
        WebsocketPolicyServer(Policy(), "127.0.0.1", 0, Policy.metadata).serve_forever()
        return
    script = Path(__file__).parents[2] / (
        "ros2_ws/src/dsrl_core/dsrl_core/policies/workers/serve_openpi.py"
    )
    exec(compile(script.read_text(), str(script), "exec"), {"__name__": "__main__", "__doc__": "-"})


if __name__ == "__main__":
    main()
