"""What the learner hands to the noise actor: critic and actor as one versioned, checked package."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from dsrl_core.errors import InvalidFile
from dsrl_core.steering.image_encoder import ImageEncoder
from dsrl_core.steering.networks import Ensemble, NoiseActor
from dsrl_core.steering.task_context import TaskContext, TaskShape, task_columns

_HEADER: Final = "steering"
"""One entry: the order of several would differ from process to process, and the bytes with it."""


@dataclass(frozen=True)
class NetworkSizes:
    """The learner's choice of networks; the robot's side takes any."""

    critics: int = 5
    critic_width: int = 64
    critic_layers: int = 2
    actor_width: int = 128
    actor_layers: int = 2
    encoder_filters: int = 32
    encoder_size: int = 50
    """Of the image encoder's output, where the task asks for one."""


@dataclass(frozen=True)
class ModelShape:
    """What tasks and policies fix of a model: it must agree between learner and robot's side."""

    tasks: tuple[TaskShape, ...]
    critic_of: Literal["chunk", "noise"]
    """chunk: Q^A(s, a). noise: Q(s, w), which needs no decoding (DSRL-SAC)."""
    decoder: Literal["policy", "actions"] = "policy"
    """actions: the actor's output is the chunk itself, the frozen policy is not asked (RLPD)."""

    @property
    def first(self) -> TaskShape:
        return self.tasks[0]

    @property
    def features_size(self) -> int:
        """Of a task's own features; those of shorter ones are padded by zeros."""
        return max(task.state_size for task in self.tasks)

    @property
    def chunk_size(self) -> int:
        return max(task.chunk_size for task in self.tasks)

    @property
    def latent_size(self) -> int:
        return self.first.latent_size

    @property
    def noise_bound(self) -> float:
        return self.first.noise_bound


def model_shape(
    contexts: list[TaskContext],
    critic_of: Literal["chunk", "noise"],
    decoder: Literal["policy", "actions"] = "policy",
) -> ModelShape:
    """The shape of one model for all of these tasks.

    Raises:
        InvalidFile: their noises or images are not alike.
    """
    shapes = tuple(context.shape for context in contexts)
    for name in ("latent_size", "noise_bound", "images_shape"):
        values = {getattr(shape, name) for shape in shapes}
        if len(values) > 1:
            names = ", ".join(shape.name for shape in shapes)
            raise InvalidFile(
                f"tasks {names} cannot share a learner: {name} differs, {sorted(map(str, values))}"
            )
    return ModelShape(shapes, critic_of, decoder)


class SteeringModel(nn.Module):
    """Critics (an ensemble over state and chunk, or state and noise) and the noise actor."""

    columns: Tensor
    episodes: Tensor
    """Labelled episodes of each task that were learned from, (tasks,)."""

    def __init__(self, shape: ModelShape, sizes: NetworkSizes) -> None:
        super().__init__()
        self.shape, self.sizes = shape, sizes
        self.register_buffer("columns", task_columns(shape.tasks), persistent=False)
        self.register_buffer("episodes", torch.zeros(len(shape.tasks), dtype=torch.int64))
        images, encoder_size = shape.first.images_shape, 0
        self.encoder: ImageEncoder | None = None
        if images is not None:
            encoder_size = sizes.encoder_size
            self.encoder = ImageEncoder(*images[:3], sizes.encoder_filters, encoder_size)
        self.state_size = shape.features_size + self.columns.shape[1] + encoder_size
        second = shape.chunk_size if shape.critic_of == "chunk" else shape.latent_size
        self.critic = Ensemble(
            self.state_size + second, sizes.critic_width, sizes.critic_layers, sizes.critics
        )
        self.actor = NoiseActor(
            self.state_size,
            sizes.actor_width,
            sizes.actor_layers,
            shape.latent_size,
            shape.noise_bound,
        )

    def state(
        self,
        features: Tensor,
        task: Tensor | int = 0,
        images: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """What actor and critics see of a state, (n, state_size).

        `features` (n, up to features_size) of the task, the number of the task (n,) or of all,
        images (n, cameras, height, width, 3) if there is an encoder; a generator augments them.
        """
        parts = [_padded(features, self.shape.features_size)]
        if self.columns.shape[1]:
            columns = self.columns[task]
            parts.append(columns.expand(len(features), -1) if isinstance(task, int) else columns)
        if self.encoder is not None:
            assert images is not None, "a task with an image encoder gives images"
            parts.append(self.encoder(images, generator))
        return torch.cat(parts, dim=-1) if len(parts) > 1 else parts[0]

    def value(
        self, states: Tensor, seconds: Tensor, critic: Ensemble | None = None, frozen: bool = False
    ) -> Tensor:
        """Every head's value, (critics, n); states (n, state_size) and what is valued: chunk
        features (n, up to chunk_size) or latents (n, latent_size). `critic`: another than the
        model's own, a target network say; `frozen`: see `Ensemble.forward`."""
        if self.shape.critic_of == "chunk":
            seconds = _padded(seconds, self.shape.chunk_size)
        inputs = torch.cat([states, seconds], dim=-1)
        return torch.as_tensor((critic or self.critic)(inputs, frozen))

    def to_bytes(self) -> bytes:
        """safetensors with shape and sizes in the header; never pickle."""
        tensors = {name: value.contiguous() for name, value in self.state_dict().items()}
        about = {"shape": asdict(self.shape), "sizes": asdict(self.sizes)}
        return bytes(save(tensors, metadata={_HEADER: json.dumps(about)}))


def load_model(data: bytes, context: TaskContext) -> tuple[SteeringModel, int]:
    """The model of `SteeringModel.to_bytes`, and the number of this task in it.

    Raises:
        InvalidFile: not such bytes, or made for another policy, task or noise bound.
    """
    try:
        tensors = load(data)
        header = json.loads(_metadata(data)[_HEADER])
        sizes, shape = NetworkSizes(**header["sizes"]), _shape(header["shape"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidFile(f"steering weights cannot be read: {error}") from error
    names = [task.name for task in shape.tasks]
    if context.shape.name not in names:
        raise InvalidFile(
            f"steering weights are for the tasks {', '.join(names)}; expected "
            f"'{context.shape.name}' among them"
        )
    number = names.index(context.shape.name)
    found, expected = asdict(shape.tasks[number]), asdict(context.shape)
    wrong = [f"{k} is {v}, expected {expected[k]}" for k, v in found.items() if v != expected[k]]
    if wrong:
        raise InvalidFile("steering weights do not fit: " + "; ".join(wrong))
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise InvalidFile("steering weights are not all finite")
    model = SteeringModel(shape, sizes)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise InvalidFile(f"steering weights do not fit their header: {error}") from error
    return model.eval().requires_grad_(False), number


def decoder_of(data: bytes) -> str:
    """What turns the noises of a model's actor into chunks: policy or actions.

    Raises:
        InvalidFile: these are no steering weights.
    """
    try:
        return str(json.loads(_metadata(data)[_HEADER])["shape"]["decoder"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidFile(f"steering weights cannot be read: {error}") from error


def _shape(header: dict[str, Any]) -> ModelShape:
    tasks = tuple(TaskShape.of(task) for task in header.pop("tasks"))
    if not tasks:
        raise ValueError("no task")
    return ModelShape(tasks, **header)


def _padded(values: Tensor, size: int) -> Tensor:
    missing = size - values.shape[-1]
    return nn.functional.pad(values, (0, missing)) if missing else values


def _metadata(data: bytes) -> dict[str, str]:
    """The header's `__metadata__` (safetensors format: u64 length, then JSON)."""
    length = int.from_bytes(data[:8], "little")
    return dict(json.loads(data[8 : 8 + length])["__metadata__"])
