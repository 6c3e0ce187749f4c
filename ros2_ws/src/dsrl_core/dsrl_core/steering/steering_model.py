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
"""One entry: the order of several would differ from process to process, and the bytes with it."""


@dataclass(frozen=True)
class NetworkSizes:
    """The learner's choice of networks; the robot's side takes any."""

    critics: int = 5
    critic_width: int = 64
    critic_layers: int = 2
    actor_width: int = 128
    actor_layers: int = 2


@dataclass(frozen=True)
class ModelShape:
    """What task and policy fix of a model: it must agree between learner and robot's side."""

    policy_sha256: str
    state_size: int
    state_chunk_size: int
    latent_size: int
    noise_bound: float


class SteeringModel(nn.Module):
    """Q^A (an ensemble over state-chunk features) and the distilled noise actor."""

    def __init__(self, shape: ModelShape, sizes: NetworkSizes) -> None:
        super().__init__()
        self.shape, self.sizes = shape, sizes
        self.critic = Ensemble(
            shape.state_chunk_size, sizes.critic_width, sizes.critic_layers, sizes.critics
        )
        self.actor = NoiseActor(
            shape.state_size,
            sizes.actor_width,
            sizes.actor_layers,
            shape.latent_size,
            shape.noise_bound,
        )

    def to_bytes(self) -> bytes:
        """safetensors with shape and sizes in the header; never pickle."""
        tensors = {name: value.contiguous() for name, value in self.state_dict().items()}
        about = {"shape": asdict(self.shape), "sizes": asdict(self.sizes)}
        return bytes(save(tensors, metadata={_HEADER: json.dumps(about)}))


@dataclass(frozen=True)
class ModelContext:
    """A task's features and noise map over one policy: what every steering model is made for."""

    policy: PolicySpec
    features: FeatureMap
    noise_map: NoiseMap

    @staticmethod
    def of(task: TaskSpec, policy: PolicySpec) -> ModelContext:
        features = FeatureMap(task.features, policy, task.critic_sees_chunk)
        noise_map = NoiseMap(task.steering.noise_shape, policy, task.steering.noise_bound)
        return ModelContext(policy, features, noise_map)

    @property
    def shape(self) -> ModelShape:
        return ModelShape(
            self.policy.weights_sha256,
            self.features.state_size,
            self.features.state_chunk_size,
            self.noise_map.latent_size,
            self.noise_map.bound,
        )

    def load(self, data: bytes) -> SteeringModel:
        """The model of `SteeringModel.to_bytes`.

        Raises:
            InvalidFile: not such bytes, or made for another policy, task or noise bound.
        """
        try:
            tensors = load(data)
            header = json.loads(_metadata(data)[_HEADER])
            shape, sizes = ModelShape(**header["shape"]), NetworkSizes(**header["sizes"])
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise InvalidFile(f"steering weights cannot be read: {error}") from error
        if shape != self.shape:
            expected = asdict(self.shape)
            wrong = [
                f"{name} is {value}, expected {expected[name]}"
                for name, value in asdict(shape).items()
                if value != expected[name]
            ]
            raise InvalidFile("steering weights do not fit: " + "; ".join(wrong))
        if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
            raise InvalidFile("steering weights are not all finite")
        model = SteeringModel(shape, sizes)
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise InvalidFile(f"steering weights do not fit their header: {error}") from error
        return model.eval().requires_grad_(False)


def _metadata(data: bytes) -> dict[str, str]:
    """The header's `__metadata__` (safetensors format: u64 length, then JSON)."""
    length = int.from_bytes(data[:8], "little")
    return dict(json.loads(data[8 : 8 + length])["__metadata__"])
