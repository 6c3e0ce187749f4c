"""The policies of `./dsrl bench policies`: one that does nothing and one of 16 M parameters.

Both see two cameras of 224x224 and are ONNX files, so that ours and every peer run the very same.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from dsrl_core.catalog import Catalog
from dsrl_core.policies import PolicyBackend, weights_sha256
from dsrl_core.policies.exported import ExportedPolicy
from dsrl_core.policies.onnx_program import OnnxProgram
from dsrl_core.specs import PolicySpec, TaskSpec
from dsrl_core.types import Float32Array, Observation, UInt8Array

TASK: Final = "franka_pick"
SIDE_PX: Final = 224
CAMERAS: Final = ("scene", "wrist")
NO_OP, LARGE = "no_op", "large"
DENOISING_STEPS: Final = 5
MAX_BATCH: Final = 64
_HORIZON, _ACTIONS, _OBSERVED = 4, 5, 9
_WIDTH, _LAYERS, _PATCH, _CHANNELS = 2240, 4, 16, 128


class NoOp(nn.Module):
    """Noise is the chunk; a pixel of each camera and the state are looked at."""

    def forward(self, observation: Tensor, scene: Tensor, wrist: Tensor, noise: Tensor) -> Tensor:
        pixels = scene[:, 0, 0, :1].float() + wrist[:, 0, 0, :1].float()
        return 0.01 * noise + 0.0 * (pixels + observation[:, :1])[:, None]


class Large(nn.Module):
    """A flow policy of 16 M parameters: patches of both pictures, five steps of one MLP."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, _CHANNELS, _PATCH, _PATCH)
        seen = 2 * _CHANNELS + _OBSERVED + _HORIZON * _ACTIONS + 1
        sizes = [seen, *[_WIDTH] * _LAYERS]
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        self.out = nn.Linear(_WIDTH, _HORIZON * _ACTIONS)

    def forward(self, observation: Tensor, scene: Tensor, wrist: Tensor, noise: Tensor) -> Tensor:
        views = [self._seen(scene), self._seen(wrist), observation]
        chunk = noise.flatten(1)
        for step in range(DENOISING_STEPS):
            time = torch.full_like(chunk[:, :1], step / DENOISING_STEPS)
            value = torch.cat([*views, chunk, time], dim=1)
            for layer in self.hidden:
                value = torch.relu(layer(value))
            chunk = chunk + self.out(value) / DENOISING_STEPS
        return 0.01 * chunk.reshape(-1, _HORIZON, _ACTIONS)

    def _seen(self, picture: Tensor) -> Tensor:
        maps = torch.relu(self.patches(picture.permute(0, 3, 1, 2).float() / 255.0))
        return maps.mean(dim=(2, 3))


def parameters_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def make(folder: Path) -> Catalog:
    """Both as folders of a catalog."""
    for name, module in ((NO_OP, NoOp()), (LARGE, Large())):
        made = folder / name
        made.mkdir(parents=True)
        inputs = {key: torch.from_numpy(value[None]) for key, value in example().items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                str(made / "weights.onnx"),
                input_names=list(inputs),
                output_names=["chunk"],
                dynamic_axes={key: {0: "n"} for key in (*inputs, "chunk")},
                dynamo=False,
            )
        (made / "policy.yaml").write_text(yaml.safe_dump(_file(name, made / "weights.onnx")))
    return replace(Catalog.default(), policies=folder)


def _file(name: str, weights: Path) -> dict[str, Any]:
    """A policy file; observation and action are the shipped policy's: its task fits."""
    shipped = Catalog.default().policies / "franka_pick_flow" / "policy.yaml"
    values: dict[str, Any] = yaml.safe_load(shipped.read_text())
    values.pop("architecture")
    sides = {"width": SIDE_PX, "height": SIDE_PX}
    return values | {
        "name": name,
        "description": "Of a benchmark.",
        "backend": "onnx",
        "weights": weights.name,
        "weights_sha256": weights_sha256(weights),
        "denoising_steps": DENOISING_STEPS,
        "cameras": [{"name": camera, **sides} for camera in CAMERAS],
        "keys": {part["name"]: "observation" for part in values["observation"]},
        "max_batch": MAX_BATCH,
    }


def task_of(known: Catalog, policy: PolicySpec) -> TaskSpec:
    """The task, in which the actor's noise is taken as it is."""
    task = known.task(TASK)
    steering = replace(task.steering, selection="actor")
    return replace(task, policy=policy.name, steering=steering)


def example(seed: int = 0) -> dict[str, Any]:
    """What such a model is given, without the axis of the batch: by the model's names."""
    generator = np.random.default_rng(seed)
    shape = (SIDE_PX, SIDE_PX, 3)
    return {
        "observation": generator.uniform(-0.3, 0.3, _OBSERVED).astype(np.float32),
        **{camera: generator.integers(0, 256, shape, dtype=np.uint8) for camera in CAMERAS},
        "noise": generator.standard_normal((_HORIZON, _ACTIONS), dtype=np.float32),
    }


def observed(seed: int = 0) -> Observation:
    """The same as an observation of ours."""
    given = example(seed)
    views: UInt8Array = np.stack([given[camera] for camera in CAMERAS])
    return Observation(0, given["observation"], views)


class Bare:
    """The forward pass and nothing else, and our backend of the very same session.

    Two sessions of one file differ by milliseconds, by where their weights happen to lie.
    """

    def __init__(self, spec: PolicySpec) -> None:
        program = OnnxProgram(spec, spec.weights_path)
        self._session = program.session
        self._inputs = {key: value[None] for key, value in example().items()}
        self.backend: PolicyBackend = ExportedPolicy(spec, ".onnx", lambda *_: program)

    def run(self, inputs: dict[str, Any] | None = None) -> Float32Array:
        """Of inputs that are ready: by the model's names, with the axis of the batch."""
        chunk: Float32Array = self._session.run(None, inputs or self._inputs)[0]
        return chunk
