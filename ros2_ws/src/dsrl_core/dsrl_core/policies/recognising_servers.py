"""What a policy server tells of itself when somebody connects."""

from __future__ import annotations

from typing import Any, Final, TypeGuard

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.recognised import Recognised
from dsrl_core.policies.wire.openpi_connection import OpenPiConnection

SCHEMES: Final = ("ws://", "wss://")
_WAIT_S: Final = 5.0


def server_facts(url: str) -> Recognised:
    """Connects, reads what the server tells, and leaves.

    Raises:
        PolicyUnavailable: nobody answers there.
        InvalidFile: it tells no noise or no model: it would drop a noise silently.
    """
    connection = OpenPiConnection(url, _WAIT_S, "", lambda _: None)
    try:
        connection.open(_WAIT_S)
        told = connection.metadata
    finally:
        connection.close()
    noise, chunk, model = (told.get(key) for key in ("noise_shape", "chunk_shape", "model_id"))
    if not _is_shape(noise) or not _is_shape(chunk) or not isinstance(model, str):
        raise InvalidFile(
            f"the server at {url} tells no noise_shape, chunk_shape and model_id, so that it would "
            "drop a noise silently, as a stock openpi server does. Start it with "
            "policies/workers/serve_openpi.py"
        )
    facts: dict[str, Any] = {
        "weights": "",
        "weights_sha256": model,
        "noise_horizon": noise[0],
        "noise_dim": noise[1],
        "horizon": chunk[0],
        # Of a served policy nobody asks; its server knows.
        "denoising_steps": 1,
        "settings": {"url": url},
    }
    for name in ("observation_steps", "features_size", "max_batch"):
        if isinstance(told.get(name), int):
            facts[name] = told[name]
    if isinstance(told.get("cameras"), list) and told["cameras"]:
        facts["cameras"] = told["cameras"]
    if told.get("keys"):
        facts["keys"] = told["keys"]
    notes = [f"an action has {chunk[1]} values"]
    if told.get("observation"):
        notes.append(f"its observation: {told['observation']}")
    return Recognised("a policy server", "openpi", facts, notes=tuple(notes))


def _is_shape(value: object) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list) and len(value) == 2 and all(isinstance(size, int) for size in value)
    )
