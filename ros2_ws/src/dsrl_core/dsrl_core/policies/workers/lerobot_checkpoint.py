"""Reads a LeRobot checkpoint from its folder alone, and refuses one that the file misdescribes."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.model_io import ModelIO
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

NOT_STEERABLE: Final = {
    "xvla": "it takes a noise and ignores it",
    "groot": "it takes no noise",
    "wall_x": "it takes no noise",
    "multi_task_dit": "it takes no noise",
    "act": "it draws no noise",
    "vqbet": "it has no noise that is a vector",
    "tdmpc": "it plans, and has no noise",
    "sac": "it is no generative policy",
    "pi0_fast": "it writes its actions as words",
}
"""Types of LeRobot's policies that no noise steers, and why."""
_LANGUAGE: Final = {
    "smolvla": "num_steps",
    "pi0": "num_inference_steps",
    "pi05": "num_inference_steps",
}
"""Policies with a vision-language backbone, and what each calls its number of steps."""
_OPERATORS: Final = ("nms", "qnms")
_KEPT: Final[list[torch.library.Library]] = []
"""An operator is known as long as the library that defines it is."""


@dataclass(frozen=True)
class Checkpoint:
    """A policy of LeRobot's with its processors."""

    spec: PolicySpec
    kind: str
    policy: Any
    preprocess: Any
    postprocess: Any
    io: ModelIO

    @property
    def config(self) -> Any:
        return self.policy.config

    @property
    def device(self) -> torch.device:
        return next(self.policy.parameters()).device  # type: ignore[no-any-return]

    def batch(self, observations: Float32Array, images: UInt8Array | None) -> dict[str, Any]:
        """What LeRobot's model sees: normalised, on its device, images channels first in [0, 1]."""
        given: dict[str, Any] = {}
        for key, value in self.io.inputs(observations, images).items():
            tensor = torch.from_numpy(np.ascontiguousarray(value))
            given[key] = tensor if value.dtype == np.float32 else _image(tensor)
        given["task"] = [self.spec.prompt] * len(observations)
        return dict(self.preprocess(given))

    def chunks(self, actions: Tensor) -> Float32Array:
        """The model's actions (n, rows, columns) as chunks in our units."""
        return self.io.chunks(self.postprocess(actions).float().cpu().numpy())

    def digest(self) -> str:
        """sha256 over the weights by name, as they are in memory now."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.policy.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def import_lerobot() -> None:
    """Import what every checkpoint needs.

    torchvision's build for CUDA has no operators beside a torch for the CPU alone, and then does
    not even import. No policy here uses any of them, but their names have to be known.
    """
    try:
        import_module("torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in _OPERATORS:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)
        import_module("torchvision")
    import_module("lerobot.policies.factory")


def load_checkpoint(spec: PolicySpec) -> Checkpoint:
    """
    Raises:
        InvalidFile: no checkpoint, of a type that no noise steers, or not what the file says.
    """
    import_lerobot()
    configs = import_module("lerobot.configs.policies").PreTrainedConfig
    factory = import_module("lerobot.policies.factory")
    folder = spec.weights_path
    if not (folder / "config.json").is_file():
        raise InvalidFile(f"policy '{spec.name}': {folder} has no config.json of LeRobot's")
    # Its logger tells every key of a config; what is wrong with one comes as an error.
    logging.getLogger("lerobot").setLevel(logging.WARNING)
    kind = str(configs.from_pretrained(folder).type)
    if kind in NOT_STEERABLE:
        raise InvalidFile(
            f"policy '{spec.name}': a {kind} of LeRobot's cannot be steered: {NOT_STEERABLE[kind]}"
        )
    if kind not in ("diffusion", *_LANGUAGE) and spec.settings.get("inject_noise") is not True:
        raise InvalidFile(
            f"policy '{spec.name}': type '{kind}' is not known here; where it draws its noise by "
            "one torch.randn, settings.inject_noise: true feeds it one"
        )
    config = configs.from_pretrained(folder, cli_overrides=_overrides(spec, kind))
    policy_class = factory.get_policy_class(kind)
    policy = policy_class.from_pretrained(folder, config=config, strict=True)
    policy.eval().requires_grad_(False)
    replaced = {"device_processor": {"device": str(config.device)}}
    if tokenizer := _folder(spec, "tokenizer"):
        replaced["tokenizer_processor"] = {"tokenizer_name": str(tokenizer)}
    preprocess, postprocess = factory.make_pre_post_processors(
        config, pretrained_path=str(folder), preprocessor_overrides=replaced
    )
    io = ModelIO(spec)
    _check(spec, config, kind, io)
    return Checkpoint(spec, kind, policy, preprocess, postprocess, io)


def _overrides(spec: PolicySpec, kind: str) -> list[str]:
    overrides = []
    if "device" in spec.settings:
        overrides.append(f"--device={spec.settings['device']}")
    if kind == "diffusion":
        # DDPM, its default, draws noise at every step. Backbone weights would be downloaded, only
        # to be overwritten.
        overrides += ["--noise_scheduler_type=DDIM", "--pretrained_backbone_weights=null"]
        overrides += [f"--num_inference_steps={spec.denoising_steps}"]
    elif kind in _LANGUAGE:
        overrides += [f"--{_LANGUAGE[kind]}={spec.denoising_steps}"]
    if kind == "smolvla":
        overrides += ["--load_vlm_weights=false"]
        if backbone := _folder(spec, "backbone"):
            overrides += [f"--vlm_model_name={backbone}"]
    return overrides


def _folder(spec: PolicySpec, name: str) -> Path | None:
    """A folder that the policy file's settings name, beside it."""
    if name not in spec.settings:
        return None
    folder = spec.folder / str(spec.settings[name])
    if not folder.is_dir():
        raise InvalidFile(f"policy '{spec.name}': settings.{name}: there is no folder {folder}")
    return folder.absolute()


def _check(spec: PolicySpec, config: Any, kind: str, io: ModelIO) -> None:
    """Refuse what LeRobot would silently make something else of."""
    columns = config.output_features["action"].shape[0]
    if kind == "diffusion":
        noise, first = (config.horizon, columns), config.n_obs_steps - 1
        _require(spec, "settings.first_action", spec.settings.get("first_action", 0), first)
    elif kind in _LANGUAGE:
        noise = (config.chunk_size, config.max_action_dim)
    else:
        noise = spec.noise_shape
    _require(spec, "noise_horizon (else horizon) and noise_dim", spec.noise_shape, noise)
    _require(spec, "observation_steps", spec.observation_steps, config.n_obs_steps)
    _require(spec, "the action's size", spec.action_dim, columns)
    given = {part.name: part for part in spec.observation}
    sizes = {key: 0 for key in io.state_keys}
    for name, part in given.items():
        if key := spec.keys.get(name, name):
            sizes[key] += part.size
    wanted = {key: feature.shape for key, feature in config.input_features.items()}
    seen = {key for key, shape in wanted.items() if len(shape) == 3}
    _require(spec, "the fields' keys", sizes, {k: s[0] for k, s in wanted.items() if k not in seen})
    if kind == "diffusion":
        _require(spec, "the cameras' keys", set(io.camera_keys), seen)
        for camera in spec.cameras:
            key = spec.keys.get(camera.name, camera.name)
            if key:
                shape = (3, camera.height, camera.width)
                _require(spec, f"camera {camera.name}", shape, tuple(wanted[key]))
    elif unknown := set(io.camera_keys) - seen:
        _require(spec, "the cameras' keys", unknown, seen)


def _require(spec: PolicySpec, what: str, told: object, found: object) -> None:
    if told != found:
        raise InvalidFile(
            f"policy '{spec.name}': {what}: the file says {told}, the checkpoint in "
            f"{spec.weights_path} says {found}"
        )


def _image(values: Tensor) -> Tensor:
    """(..., height, width, 3) uint8 to (..., 3, height, width) in [0, 1]."""
    return values.movedim(-1, -3).float() / 255.0
