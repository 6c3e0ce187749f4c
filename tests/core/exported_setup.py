"""Small policies that were exported, for tests of what loads them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dsrl_core.policies import weights_sha256
from dsrl_core.specs import CameraSpec, PolicySpec
from tests.core.steering_setup import CATALOG

HORIZON, ACTIONS, OBSERVED = 4, 5, 9


class Network(nn.Module):
    """f(observation, noise): something that is neither constant nor linear."""

    def __init__(self, observed: int = OBSERVED) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden = nn.Linear(observed + HORIZON * ACTIONS, 16)
        self.out = nn.Linear(16, HORIZON * ACTIONS)

    def forward(self, observation: Tensor, noise: Tensor) -> Tensor:
        joined = torch.cat([observation, noise.flatten(1)], dim=1)
        return self.out(torch.tanh(self.hidden(joined))).reshape(-1, HORIZON, ACTIONS)


class Seeing(nn.Module):
    """f(observation, image, noise) with images (n, 3, h, w) in 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = Network(OBSERVED + 3)

    def forward(self, observation: Tensor, image: Tensor, noise: Tensor) -> Tensor:
        return self.rest(torch.cat([observation, image.mean(dim=(2, 3))], dim=1), noise)


class Encoder(nn.Module):
    def forward(self, observation: Tensor) -> Tensor:
        return torch.cat([observation, observation.square()], dim=1)


def exported(folder: Path, backend: str, **changes: Any) -> PolicySpec:
    """The shipped policy's file for weights that `export` wrote to `folder`."""
    spec = replace(
        CATALOG.policy("franka_pick_flow"),
        backend=backend,
        folder=folder,
        keys={part: "observation" for part in ("tool_position", "tool_yaw", "gripper_width")}
        | {"object_position": "observation", "object_yaw": "observation"},
        **changes,
    )
    return replace(spec, weights_sha256=weights_sha256(spec.weights_path))


def save_onnx(module: nn.Module, path: Path, *inputs: Tensor, batch: bool = True) -> None:
    names = list(module.forward.__annotations__)[: len(inputs)]
    axes = {name: {0: "n"} for name in (*names, "chunk")} if batch else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            inputs,
            str(path),
            input_names=names,
            output_names=["chunk"],
            dynamic_axes=axes,
            dynamo=False,
        )


def save_script(module: nn.Module, path: Path, *inputs: Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(module.eval(), inputs), str(path))


def save_program(module: nn.Module, path: Path, *inputs: Tensor) -> None:
    names = list(module.forward.__annotations__)[: len(inputs)]
    rows = torch.export.Dim("n")
    shapes = {name: {0: rows} for name in names}
    torch.export.save(torch.export.export(module.eval(), inputs, dynamic_shapes=shapes), path)


SAVE: dict[str, tuple[str, Callable[..., None]]] = {
    "onnx": (".onnx", save_onnx),
    "torchscript": (".ts", save_script),
    "torch_export": (".pt2", save_program),
}


def observation(rows: int = 2) -> Tensor:
    return torch.zeros(rows, OBSERVED)


def noise(rows: int = 2) -> Tensor:
    return torch.zeros(rows, HORIZON, ACTIONS)


def small_exported_policy(backend: str, folder: Path) -> PolicySpec:
    """Of a state vector."""
    suffix, save = SAVE[backend]
    save(Network(), folder / f"policy{suffix}", observation(), noise())
    return exported(folder, backend, weights=f"policy{suffix}")


def seeing_exported_policy(backend: str, folder: Path) -> PolicySpec:
    """With one camera."""
    suffix, save = SAVE[backend]
    image = torch.zeros(2, 3, 6, 8)
    save(Seeing(), folder / f"policy{suffix}", observation(), image, noise())
    spec = exported(
        folder,
        backend,
        weights=f"policy{suffix}",
        cameras=(CameraSpec("scene", 8, 6),),
        settings={"image_layout": "chw", "image_values": "unit"},
    )
    return replace(spec, keys={**spec.keys, "scene": "image"})


def two_part_policy(backend: str, folder: Path) -> PolicySpec:
    """Whose encoder runs once."""
    suffix, save = SAVE[backend]
    parts = folder / "parts"
    parts.mkdir()

    class Decoder(Network):
        def forward(self, features: Tensor, noise: Tensor) -> Tensor:
            return super().forward(features, noise)

    save(Encoder(), parts / f"encode{suffix}", observation())
    features = torch.zeros(2, 2 * OBSERVED)
    save(Decoder(2 * OBSERVED), parts / f"decode{suffix}", features, noise())
    return exported(folder, backend, weights="parts", features_size=2 * OBSERVED)
