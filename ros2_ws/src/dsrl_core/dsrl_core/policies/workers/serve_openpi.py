"""Serves a policy of openpi so that its noise can be given; runs in openpi's own environment.

    uv run serve_openpi.py --config pi0_droid --dir checkpoints/pi0_droid [--port 8000]

openpi stays as it is: its policies take a noise, only its server has no way to pass one. Here the
policy is wrapped: `noise` is taken out of the observation map, checked and handed over. What it
expects, and which model this is, is told to every client on connecting.

Only this machine can connect, since openpi's server asks nobody who they are: from elsewhere go
through a tunnel (ssh -L 8000:localhost:8000 gpu).
"""

from __future__ import annotations

import argparse
import hashlib
import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

OBSERVATIONS_MAX = 16
"""Observations that are kept for further noises."""
_OURS = ("noise", "features", "observation_key", "request_id")


class WithNoise:
    """An openpi policy that takes its noise from the observation map."""

    def __init__(self, policy: Any, noise_shape: tuple[int, int]) -> None:
        self._policy, self._noise_shape = policy, noise_shape
        self._known: OrderedDict[bytes, dict[str, Any]] = OrderedDict()

    def infer(self, obs: dict[str, Any]) -> dict[str, Any]:
        """The policy's reply, `actions` stacked for several noises; or what was wrong."""
        asked = {name: obs.pop(name) for name in _OURS if name in obs}
        echo = {"request_id": asked["request_id"]} if "request_id" in asked else {}
        key = asked.get("observation_key")
        if isinstance(key, bytes):
            if not obs and key not in self._known:
                return _error("unknown_encoding", "this observation is not known here") | echo
            obs = obs or self._known[key]
            self._known[key] = obs
            self._known.move_to_end(key)
            while len(self._known) > OBSERVATIONS_MAX:
                self._known.popitem(last=False)
        try:
            noises = self._noises(asked["noise"]) if "noise" in asked else None
            if noises is None:
                return dict(self._policy.infer(dict(obs))) | echo
            replies = [self._policy.infer(dict(obs), noise=noise) for noise in noises]
        except Exception as error:
            logging.exception("a request failed")
            return _error(type(error).__name__, str(error)) | echo
        reply = dict(replies[-1]) | echo
        if np.ndim(asked["noise"]) == 3:
            reply["actions"] = np.stack([np.asarray(one["actions"]) for one in replies])
        return reply

    def _noises(self, given: Any) -> Any:
        """Writable float32 (n, rows, columns)."""
        noise = np.array(given, dtype=np.float32)
        noises = noise[None] if noise.ndim == 2 else noise
        if noises.ndim != 3 or noises.shape[1:] != self._noise_shape:
            raise ValueError(f"noise of shape {noise.shape}; expected {self._noise_shape}")
        if not np.isfinite(noises).all():
            raise ValueError("noise that is not all finite")
        return noises


def metadata_of(
    noise_shape: tuple[int, int], model_id: str, base: dict[str, Any]
) -> dict[str, Any]:
    """What every client is told on connecting, beside what the policy itself tells."""
    return base | {
        "protocol": 2,
        "model_id": model_id,
        "noise_shape": list(noise_shape),
        "chunk_shape": [noise_shape[0], None],
        "features_size": 0,
        "max_batch": 64,
        "batched_noise": True,
        "handles": True,
        "deterministic": True,
    }


def sha256_of(folder: Path) -> str:
    """Of a checkpoint's files with their names; as the service computes it for a folder."""
    digest = hashlib.sha256()
    for file in sorted(part for part in folder.rglob("*") if part.is_file()):
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{found}\n".encode())
    return digest.hexdigest()


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message}}


def main() -> None:
    """Load the checkpoint and serve it until a signal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="openpi's training config, e.g. pi0_droid")
    parser.add_argument("--dir", required=True, type=Path, help="the checkpoint's folder")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--default-prompt")
    parser.add_argument("--model-id", help="[default: sha256 of the checkpoint's files]")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)

    from openpi.policies import policy_config  # type: ignore[import-not-found]
    from openpi.serving import websocket_policy_server  # type: ignore[import-not-found]
    from openpi.training import config as training  # type: ignore[import-not-found]

    config = training.get_config(arguments.config)
    policy = policy_config.create_trained_policy(
        config, arguments.dir, default_prompt=arguments.default_prompt
    )
    noise_shape = (config.model.action_horizon, config.model.action_dim)
    model_id = arguments.model_id or sha256_of(arguments.dir)
    logging.info("noise %s, model_id %s (weights_sha256 of policy.yaml)", noise_shape, model_id)
    websocket_policy_server.WebsocketPolicyServer(
        WithNoise(policy, noise_shape),
        host="127.0.0.1",
        port=arguments.port,
        metadata=metadata_of(noise_shape, model_id, dict(policy.metadata)),
    ).serve_forever()


if __name__ == "__main__":
    main()
