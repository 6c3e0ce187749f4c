"""A flow-matching policy on a state vector: an MLP velocity field, integrated by Euler steps.

Flow matching (Lipman et al. 2023) along straight paths x_t = (1 - t) w + t a: the field
v(x_t, t, s) regresses a - w. Integrated as an ODE from w ~ N(0, I) it is a deterministic decoder
a = pi_dp(s, w).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.backend import Encoded, check_decode, check_observations
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

TIME_FREQUENCIES = 4

_Network = TypeVar("_Network", bound=nn.Module)


@dataclass(frozen=True)
class FlowShape:
    """Sizes that the weights must have."""

    observation_size: int
    horizon: int
    action_dim: int
    width: int
    layers: int

    @property
    def chunk_size(self) -> int:
        return self.horizon * self.action_dim


class FlowNetwork(nn.Module):
    """Velocity field v(x, t, s) with the normalisation of observations and chunks inside."""

    observation_mean: Tensor
    observation_std: Tensor
    chunk_mean: Tensor
    chunk_std: Tensor

    def __init__(self, shape: FlowShape) -> None:
        super().__init__()
        self.shape = shape
        inputs = shape.observation_size + shape.chunk_size + 2 * TIME_FREQUENCIES
        widths = [inputs] + [shape.width] * shape.layers
        hidden: list[nn.Module] = []
        for before, after in pairwise(widths):
            hidden += [nn.Linear(before, after), nn.SiLU()]
        self.field = nn.Sequential(*hidden, nn.Linear(shape.width, shape.chunk_size))
        self.register_buffer("observation_mean", torch.zeros(shape.observation_size))
        self.register_buffer("observation_std", torch.ones(shape.observation_size))
        self.register_buffer("chunk_mean", torch.zeros(shape.chunk_size))
        self.register_buffer("chunk_std", torch.ones(shape.chunk_size))

    def normalise(self, observations: Tensor) -> Tensor:
        """(batch, observation_size) to zero mean and unit variance over the demonstrations."""
        return (observations - self.observation_mean) / self.observation_std

    def velocity(self, x: Tensor, time: Tensor, features: Tensor) -> Tensor:
        """x (batch, chunk_size), time (batch, 1), features: the field at x, as x is shaped."""
        return torch.as_tensor(self.field(torch.cat([x, _embed(time), features], dim=-1)))


class FlowDecoder:
    """A network made ready to be integrated: what no call changes is computed once.

    The first layer falls into the parts of x, of time and of the features: the time's is known
    beforehand, the features' once per observation (encode once, decode many).
    """

    def __init__(self, network: FlowNetwork, steps: int) -> None:
        first, size = network.field[0], network.shape.chunk_size
        assert isinstance(first, nn.Linear)
        of_x, rest = first.weight[:, :size], first.weight[:, size:]
        of_time, of_features = rest[:, : 2 * TIME_FREQUENCIES], rest[:, 2 * TIME_FREQUENCIES :]
        times = torch.arange(steps)[:, None] / steps
        self._steps = steps
        self._of_x, self._of_features, self._bias = of_x.T, of_features.T, first.bias
        self._of_times = _embed(times) @ of_time.T
        self._rest = network.field[1:]
        self._mean, self._std = network.chunk_mean, network.chunk_std

    def integrate(self, features: Tensor, noise: Tensor) -> Tensor:
        """Noise (n, chunk_size) to chunks (n, chunk_size) in physical units, by Euler steps."""
        fixed = features @ self._of_features + self._bias
        x = noise
        for of_time in self._of_times:
            x = x + self._rest(x @ self._of_x + (fixed + of_time)) / self._steps
        return x * self._std + self._mean

    def chunks(self, features: Tensor, noises: Float32Array, spec: PolicySpec) -> Float32Array:
        """Features (n or 1, inputs), noises (n, horizon, noise_dim) to (n, horizon, action_dim)."""
        flat = torch.from_numpy(np.array(noises, dtype=np.float32)).flatten(1)
        return self.integrate(features, flat).reshape(-1, *spec.chunk_shape).numpy()


def _embed(time: Tensor) -> Tensor:
    angles = time * (torch.pi * 2.0 ** torch.arange(TIME_FREQUENCIES))
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1)


class FlowMlpPolicy:
    """`PolicyBackend` of a `FlowNetwork` stored as safetensors."""

    def __init__(self, spec: PolicySpec) -> None:
        self.spec = spec
        self._network = load_weights(FlowNetwork(shape_of(spec)), spec)
        with torch.inference_mode():
            self._decoder = FlowDecoder(self._network, spec.denoising_steps)

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        with torch.inference_mode():
            features = self._network.normalise(torch.from_numpy(np.asarray(observations)))
        return Encoded(features.numpy())

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        with torch.inference_mode():
            return self._decoder.chunks(torch.from_numpy(encoded.features), noises, self.spec)

    def digest(self) -> str:
        return digest_of(self._network)

    def close(self) -> None:
        """Nothing is held outside this process's memory."""


def save(network: nn.Module, path: str) -> None:
    """Write the weights as safetensors."""
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)


def digest_of(network: nn.Module) -> str:
    """sha256 over the weights by name, as they are in memory now."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def shape_of(spec: PolicySpec) -> FlowShape:
    """The sizes that a policy file asks for."""
    sizes = architecture_of(spec, "width", "layers")
    return FlowShape(spec.observation_size, spec.horizon, spec.action_dim, *sizes)


def architecture_of(spec: PolicySpec, *names: str) -> tuple[int, ...]:
    """Sizes that a policy file's architecture must tell, in the order asked.

    Raises:
        InvalidFile: one is missing.
    """
    missing = set(names) - spec.architecture.keys()
    if missing:
        raise InvalidFile(
            f"policy '{spec.name}': architecture lacks {', '.join(sorted(missing))}; "
            f"expected {', '.join(names)}"
        )
    return tuple(spec.architecture[name] for name in names)


def load_weights(network: _Network, spec: PolicySpec) -> _Network:
    """The network with the weights of a policy's file, never to be trained again.

    Raises:
        InvalidFile: no safetensors file, or tensors of other names or shapes than the network's.
    """
    expected = network.state_dict()
    try:
        found = load_file(spec.weights_path)
    except Exception as error:  # safetensors raises its own kinds for each malformed header
        raise InvalidFile(f"{spec.weights_path} is not a safetensors file: {error}") from error
    missing, unknown = expected.keys() - found.keys(), found.keys() - expected.keys()
    if missing or unknown:
        raise InvalidFile(
            f"{spec.weights_path}: missing {sorted(missing) or 'nothing'}, "
            f"unknown {sorted(unknown) or 'nothing'}; expected {sorted(expected)}"
        )
    for name, value in expected.items():
        if found[name].shape != value.shape:
            raise InvalidFile(
                f"{spec.weights_path}: '{name}' has shape {tuple(found[name].shape)}, expected "
                f"{tuple(value.shape)} for horizon {spec.horizon} and action_dim "
                f"{spec.action_dim}; is it another horizon's?"
            )
    network.load_state_dict(found)
    network.eval().requires_grad_(False)
    return network
