"""Stanford's diffusion_policy: the low-dimensional U-Net's weights by the names of `ddim_unet`.

Its condition holds the oldest observation first, ours the newest; its normaliser is x * scale +
offset, ours (x - mean) / std.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile

_TARGET: Final = "DiffusionUnetLowdimPolicy"
_SAME_TIMES: Final = 100
"""Training steps with which our network's times are the ones that it was trained with."""
_BLOCK: Final = (
    (r"blocks\.0\.block\.(0|1)\.", r"enter.\1."),
    (r"blocks\.1\.block\.(0|1)\.", r"leave.\1."),
    (r"cond_encoder\.1\.", "film."),
    (r"residual_conv\.", "around."),
)
_NAMES: Final = (
    (r"^diffusion_step_encoder\.1\.", "time.0."),
    (r"^diffusion_step_encoder\.3\.", "time.2."),
    (r"^down_modules\.(\d+)\.2\.conv\.", r"shrink.\1."),
    (r"^up_modules\.(\d+)\.2\.conv\.", r"grow.\1."),
    (r"^down_modules\.(\d+)\.(0|1)\.", r"down.\1.\2."),
    (r"^mid_modules\.(0|1)\.", r"middle.\1."),
    (r"^up_modules\.(\d+)\.(0|1)\.", r"up.\1.\2."),
    (r"^final_conv\.0\.block\.(0|1)\.", r"last.0.\1."),
    (r"^final_conv\.1\.", "last.1."),
    *_BLOCK,
)


@dataclass(frozen=True)
class Converted:
    """Weights, and what a policy file has to say of them."""

    tensors: dict[str, Tensor]
    policy: dict[str, Any]


def convert(checkpoint: dict[str, Any]) -> Converted:
    """The policy in a checkpoint that `read_checkpoint` read.

    Raises:
        InvalidFile: a policy that `ddim_unet` cannot be; says why.
    """
    configuration = checkpoint["cfg"]
    policy = _map(configuration, "policy")
    target = str(policy.get("_target_", "")).split(".")[-1]
    if target != _TARGET:
        raise InvalidFile(
            f"the checkpoint holds a {target or 'policy without a name'}; expected {_TARGET}: "
            "policies on images or with transformers are not converted"
        )
    if not policy.get("obs_as_global_cond") or policy.get("pred_action_steps_only"):
        raise InvalidFile(
            "expected a policy with obs_as_global_cond, which gives all rows "
            "(pred_action_steps_only: false)"
        )
    use_ema = bool(_map(configuration, "training").get("use_ema"))
    weights = _map(checkpoint, "state_dicts").get("ema_model" if use_ema else "model")
    if not isinstance(weights, dict):
        raise InvalidFile(f"the checkpoint lacks {'ema_model' if use_ema else 'model'}")
    steps = _count(policy, "n_obs_steps")
    tensors, sizes = _tensors(weights, steps, _count(policy, "horizon"))
    first = steps - 1 if policy.get("oa_step_convention") else steps
    return Converted(
        tensors,
        {
            "backend": "ddim_unet",
            "weights": "weights.safetensors",
            "horizon": _count(policy, "n_action_steps"),
            "noise_horizon": _count(policy, "horizon"),
            "noise_dim": sizes["action"],
            "observation_steps": steps,
            "denoising_steps": 10,
            "architecture": {"width": sizes["width"], "layers": sizes["layers"]},
            "settings": _settings(_map(policy, "noise_scheduler")) | {"first_action": first},
        },
    )


def _tensors(
    weights: dict[str, Tensor], steps: int, rows: int
) -> tuple[dict[str, Tensor], dict[str, int]]:
    known = {name.removeprefix("model."): value for name, value in weights.items()}
    tensors: dict[str, Tensor] = {}
    for name, value in known.items():
        new = name
        for pattern, replacement in _NAMES:
            new = re.sub(pattern, replacement, new)
        if new != name:
            tensors[new] = value.detach().to(torch.float32).contiguous()
    try:
        scales = {
            key: [
                known[f"normalizer.params_dict.{key}.{part}"].float()
                for part in ("scale", "offset")
            ]
            for key in ("obs", "action")
        }
        widths = [len(tensors[f"down.{level}.1.enter.0.bias"]) for level in range(_levels(tensors))]
        embedded = len(tensors["time.2.bias"])
    except KeyError as error:
        raise InvalidFile(f"the checkpoint's weights lack {error}") from error
    _check(tensors, widths, embedded)
    observation = len(scales["obs"][0])
    order = [
        embedded + step * observation + column
        for step in reversed(range(steps))
        for column in range(observation)
    ]
    columns = torch.tensor([*range(embedded), *order])
    for name in [name for name in tensors if name.endswith("film.weight")]:
        if tensors[name].shape[1] != len(columns):
            raise InvalidFile(f"{name} sees {tensors[name].shape[1]} values, not {len(columns)}")
        tensors[name] = tensors[name][:, columns].contiguous()
    for ours, (scale, offset), times in (
        ("observation", scales["obs"], steps),
        ("chunk", scales["action"], rows),
    ):
        tensors[f"{ours}_std"] = (1.0 / scale).repeat(times)
        tensors[f"{ours}_mean"] = (-offset / scale).repeat(times)
    sizes = {"width": widths[0], "layers": len(widths), "action": len(scales["action"][0])}
    return tensors, sizes


def _check(tensors: dict[str, Tensor], widths: list[int], embedded: int) -> None:
    kernel, film = tensors["down.0.0.enter.0.weight"], tensors["down.0.0.film.bias"]
    if widths != [widths[0] * 2**level for level in range(len(widths))]:
        raise InvalidFile(f"down_dims are {widths}; expected each twice the one before")
    if embedded != widths[0]:
        raise InvalidFile(
            f"diffusion_step_embed_dim is {embedded}; expected {widths[0]}, the first of down_dims"
        )
    if kernel.shape[2] != 5 or len(film) != 2 * widths[0]:
        raise InvalidFile("expected kernel_size 5 and cond_predict_scale: true")


def _levels(tensors: dict[str, Tensor]) -> int:
    return 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("down."))


def _settings(scheduler: dict[str, Any]) -> dict[str, Any]:
    count, betas = scheduler.get("num_train_timesteps"), scheduler.get("beta_schedule")
    limits = (scheduler.get("beta_start", 1e-4), scheduler.get("beta_end", 2e-2))
    if count != _SAME_TIMES or (betas == "linear" and limits != (1e-4, 2e-2)):
        raise InvalidFile(
            f"noise_scheduler with {count} steps and betas {limits}; expected {_SAME_TIMES} steps "
            "and, where linear, betas from 0.0001 to 0.02"
        )
    return {
        "num_train_timesteps": count,
        "beta_schedule": betas,
        "prediction_type": scheduler.get("prediction_type", "epsilon"),
        "clip_sample_range": 1.0 if scheduler.get("clip_sample", True) else 0.0,
    }


def _map(parent: dict[str, Any], name: str) -> dict[str, Any]:
    found = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(found, dict):
        raise InvalidFile(f"the checkpoint lacks '{name}'")
    return found


def _count(policy: dict[str, Any], name: str) -> int:
    value = policy.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidFile(f"policy.{name} is {value!r}, expected a number of steps")
    return value
