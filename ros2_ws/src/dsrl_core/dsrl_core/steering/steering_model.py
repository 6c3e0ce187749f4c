"""What the learner hands to the noise actor: critic and actor as one versioned, checked package."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from dsrl_core.errors import InvalidFile
from dsrl_core.specs import PolicySpec, TaskSpec
from dsrl_core.steering.features import FeatureMap
from dsrl_core.steering.networks import Ensemble, NoiseActor
from dsrl_core.steering.noise_map import NoiseMap

_HEADER: Final = "steering"


@dataclass(frozen=True)
class ModelShape:
    """Everything that must agree between the learner and the robot's side."""

    policy_sha256: str
    state_size: int
    state_chunk_size: int
    latent_size: int
    noise_bound: float
    critics: int
    critic_width: int
    critic_layers: int
    actor_width: int
    actor_layers: int


class SteeringModel(nn.Module):
    """Q^A (an ensemble over state-chunk features) and the distilled noise actor."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.critic = Ensemble(
            shape.state_chunk_size, shape.critic_width, shape.critic_layers, shape.critics
        )
        self.actor = NoiseActor(
            shape.state_size,
            shape.actor_width,
            shape.actor_layers,
            shape.latent_size,
            shape.noise_bound,
        )

    def to_bytes(self) -> bytes:
        """safetensors with the shape in its header; never pickle."""
        tensors = {name: value.contiguous() for name, value in self.state_dict().items()}
        return save(tensors, metadata={_HEADER: json.dumps(asdict(self.shape))})


@dataclass(frozen=True)
class ModelContext:
    """What task and policy fix of a steering model; the rest is the learner's choice."""

    policy: PolicySpec
    features: FeatureMap
    noise_map: NoiseMap

    @staticmethod
    def of(task: TaskSpec, policy: PolicySpec) -> ModelContext:
        features = FeatureMap(task.features, policy)
        noise_map = NoiseMap(task.steering.noise_shape, policy, task.steering.noise_bound)
        return ModelContext(policy, features, noise_map)

    def shape(
        self, critics: int, critic_width: int, critic_layers: int, actor_width: int, actor_layers: int
    ) -> ModelShape:
        return ModelShape(
            self.policy.weights_sha256,
            self.features.state_size,
            self.features.state_chunk_size,
            self.noise_map.latent_size,
            self.noise_map.bound,
            critics,
            critic_width,
            critic_layers,
            actor_width,
            actor_layers,
        )

    def load(self, data: bytes) -> SteeringModel:
        """The model of `SteeringModel.to_bytes`.

        Raises:
            InvalidFile: not such bytes, or made for another policy, task or noise bound.
        """
        try:
            tensors = load(data)
            shape = ModelShape(**json.loads(_metadata(data)[_HEADER]))
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise InvalidFile(f"steering weights cannot be read: {error}") from error
        here = self.shape(
            shape.critics,
            shape.critic_width,
            shape.critic_layers,
            shape.actor_width,
            shape.actor_layers,
        )
        if shape != here:
            wrong = [
                f"{name} is {value}, expected {getattr(here, name)}"
                for name, value in asdict(shape).items()
                if value != getattr(here, name)
            ]
            raise InvalidFile("steering weights do not fit: " + "; ".join(wrong))
        model = SteeringModel(shape)
        model.load_state_dict(tensors)
        if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
            raise InvalidFile("steering weights are not all finite")
        return model.eval().requires_grad_(False)


def _metadata(data: bytes) -> dict[str, str]:
    """The header's `__metadata__` (safetensors format: u64 length, then JSON)."""
    length = int.from_bytes(data[:8], "little")
    return dict(json.loads(data[8 : 8 + length])["__metadata__"])
