"""A task over one policy, compiled: what actor and critics see, and which noises they choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile
from dsrl_core.specs import PolicySpec, TaskSpec
from dsrl_core.steering.features import FeatureMap
from dsrl_core.steering.noise_map import NoiseMap


@dataclass(frozen=True)
class TaskShape:
    """What a task and its policy fix of a steering model."""

    name: str
    policy_sha256: str
    state_size: int
    chunk_size: int
    """Features of a chunk."""
    latent_size: int
    noise_bound: float
    images_shape: tuple[int, int, int, int] | None = None
    """(views, height, width, 3), where actor and critics have an encoder of their own."""
    prompt_features: tuple[float, ...] = ()

    @staticmethod
    def of(header: dict[str, Any]) -> TaskShape:
        """From its JSON form, in which tuples are lists."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in header.items()
        }
        return TaskShape(**values)


@dataclass(frozen=True)
class TaskContext:
    """A task's features and noise map over one policy."""

    task: TaskSpec
    policy: PolicySpec
    features: FeatureMap
    noise_map: NoiseMap

    @staticmethod
    def of(task: TaskSpec, policy: PolicySpec) -> TaskContext:
        """
        Raises:
            DsrlError: task and policy do not fit together.
        """
        if task.image_encoder and not policy.cameras:
            raise InvalidFile(
                f"task '{task.name}' asks for an image encoder, but policy '{policy.name}' has no "
                "cameras"
            )
        return TaskContext(task, policy, FeatureMap(task, policy), NoiseMap(task.steering, policy))

    @property
    def shape(self) -> TaskShape:
        return TaskShape(
            self.task.name,
            self.policy.weights_sha256,
            self.features.state_size,
            self.features.chunk_size,
            self.noise_map.latent_size,
            self.noise_map.bound,
            self.policy.images_shape if self.task.image_encoder else None,
            self.task.prompt_features,
        )


def task_columns(tasks: Sequence[TaskShape]) -> Tensor:
    """(tasks, k): what tells each of the tasks from the others; no columns for a single one.

    The prompts' features where every task has them, else one column per task: the first layers'
    weights of these columns are the task's embedding.

    Raises:
        InvalidFile: some have prompt features and others not, or of another size.
    """
    sizes = {len(task.prompt_features) for task in tasks}
    if len(sizes) > 1:
        raise InvalidFile(f"prompt_features of sizes {sorted(sizes)}; expected one size for all")
    if len(tasks) == 1:
        return torch.zeros(1, 0)
    if sizes != {0}:
        return torch.tensor([task.prompt_features for task in tasks])
    return torch.eye(len(tasks))
