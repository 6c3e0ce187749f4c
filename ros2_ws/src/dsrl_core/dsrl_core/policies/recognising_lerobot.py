"""What a LeRobot checkpoint's config.json tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.recognised import Recognised, read_json

_STEPS: Final = {
    "smolvla": "num_steps",
    "pi0": "num_inference_steps",
    "pi05": "num_inference_steps",
}
_DDIM_STEPS: Final = 10
_ACTION: Final = "action"


def lerobot_facts(path: Path) -> Recognised:
    """From the folder that `save_pretrained` wrote.

    Raises:
        InvalidFile: it lacks what every such file has.
    """
    config = read_json(path / "config.json")
    kind = str(config["type"])
    inputs, outputs = (
        _features(path, config, "input_features"),
        _features(path, config, "output_features"),
    )
    if _ACTION not in outputs:
        raise InvalidFile(f"{path / 'config.json'}: output_features has no '{_ACTION}'")
    size = outputs[_ACTION][0]
    seen = {key: shape for key, shape in inputs.items() if len(shape) == 3}
    history = int(config.get("n_obs_steps", 1))
    facts: dict[str, Any] = {"observation_steps": history}
    played = config.get("n_action_steps")
    if played:
        facts["horizon"] = int(played)
    if kind == "diffusion":
        facts |= {
            "noise_horizon": int(config["horizon"]),
            "noise_dim": size,
            "settings": {"first_action": history - 1},
            "denoising_steps": int(config.get("num_inference_steps") or _DDIM_STEPS),
        }
    elif kind in _STEPS:
        facts |= {
            "noise_horizon": int(config["chunk_size"]),
            "noise_dim": int(config["max_action_dim"]),
            "denoising_steps": int(config.get(_STEPS[kind]) or _DDIM_STEPS),
        }
    cameras = [
        {"name": key.rsplit(".", 1)[-1], "width": shape[2], "height": shape[1]}
        for key, shape in seen.items()
    ]
    if cameras:
        facts["cameras"] = cameras
        facts["keys"] = {key.rsplit(".", 1)[-1]: key for key in seen}
    states = {key: shape[0] for key, shape in inputs.items() if len(shape) == 1}
    notes = (f"type {kind}; an action has {size} values",)
    return Recognised(f"a LeRobot checkpoint ({kind})", "lerobot", facts, states, "", notes)


def _features(path: Path, config: dict[str, Any], name: str) -> dict[str, list[int]]:
    found = config.get(name)
    try:
        return {key: [int(size) for size in entry["shape"]] for key, entry in found.items()}  # type: ignore[union-attr]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidFile(
            f"{path / 'config.json'}: {name} is {str(found)[:80]}; expected a map of features with "
            "their shapes"
        ) from error
