"""What a server tells of its policy, and whether that is the policy that a file describes."""

from __future__ import annotations

from typing import Any

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.wire.messages import PROTOCOL
from dsrl_core.specs import PolicySpec


def metadata_of(spec: PolicySpec) -> dict[str, Any]:
    """Plain values: names, shapes, units [SI] and what a client may ask for."""
    return {
        "protocol": PROTOCOL,
        "name": spec.name,
        "model_id": spec.weights_sha256,
        "noise_shape": list(spec.noise_shape),
        "noise_clip": spec.settings.get("noise_clip"),
        "chunk_shape": list(spec.chunk_shape),
        "action_names": [part.name for part in spec.action.fields for _ in range(part.size)],
        "action_dt": spec.action.period_s,
        "observation": [
            {"name": part.name, "size": part.size, "unit": part.unit} for part in spec.observation
        ],
        "observation_steps": spec.observation_steps,
        "cameras": [
            {"name": camera.name, "width": camera.width, "height": camera.height}
            for camera in spec.cameras
        ],
        "keys": spec.keys,
        "features_size": spec.features_size,
        "max_batch": spec.max_batch,
        "deterministic": True,
    }


def check_metadata(spec: PolicySpec, told: dict[str, Any], server: str, rows: int) -> None:
    """Refuse a server whose policy is not the one that the file describes.

    `rows`: how many actions a chunk of the server must have at least.

    Raises:
        InvalidFile: it takes no noise, or another one; it is another model, or one of fewer
            actions; it says that its policy is not deterministic.
    """
    problem = _problem(spec, told, rows)
    if problem:
        raise InvalidFile(f"the server at {server} {problem}; policy '{spec.name}' is refused")


def _problem(spec: PolicySpec, told: dict[str, Any], rows: int) -> str:
    noise_shape, model = told.get("noise_shape"), told.get("model_id")
    if noise_shape is None:
        return (
            "tells no noise_shape: it does not let its noise be given (a stock openpi server drops "
            "it silently). Start it with policies/workers/serve_openpi.py"
        )
    if not isinstance(noise_shape, list) or tuple(noise_shape) != spec.noise_shape:
        return f"takes noises {noise_shape}, the policy's file says {list(spec.noise_shape)}"
    if model != spec.weights_sha256:
        return f"serves model {model!r}, the policy's file pins '{spec.weights_sha256}'"
    chunk = told.get("chunk_shape")
    if not isinstance(chunk, list) or not chunk or not isinstance(chunk[0], int) or chunk[0] < rows:
        return f"gives chunks {chunk}, the policy's file plays {rows} rows"
    if told.get("deterministic") is False:
        return "says that its policy is stochastic even when its noise is given"
    return ""
