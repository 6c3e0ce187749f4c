"""Native policies: a sampler (flow | DDIM), a network (MLP | 1-D U-Net) and what it sees.

The backend's name says sampler and network. A file with `estimates` sees through `pose_encoder`,
one without sees a state vector: what a policy sees is in its file already, so that no backend's
name says it again (`flow_vision` is the older name of a `flow_mlp` with estimates).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.acceleration import Accelerated, device_of
from dsrl_core.policies.backend import Encoded, check_decode, check_observations
from dsrl_core.policies.model_io import first_action_of
from dsrl_core.policies.networks import MlpNetwork, Network, NetworkShape
from dsrl_core.policies.pose_encoder import PoseEncoder
from dsrl_core.policies.samplers import FlowEuler, Sampler, ddim_of
from dsrl_core.policies.unet import UnetNetwork
from dsrl_core.policies.weights import architecture_of, digest_of, load_weights
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

PARTS: Final = {
    "flow_mlp": ("flow", MlpNetwork),
    "flow_vision": ("flow", MlpNetwork),
    "flow_unet": ("flow", UnetNetwork),
    "ddim_mlp": ("ddim", MlpNetwork),
    "ddim_unet": ("ddim", UnetNetwork),
}
"""Sampler and network of every native backend."""


class VisionNetwork(nn.Module):
    """Encoder and what decodes its features, as they are stored together."""

    def __init__(self, spec: PolicySpec) -> None:
        super().__init__()
        self.encoder = PoseEncoder(spec)
        self.flow = decoding_network_of(spec)


def network_of(spec: PolicySpec) -> Network | VisionNetwork:
    """The network that a policy file describes, with fresh weights.

    Raises:
        InvalidFile: its architecture lacks a size, or is none that there can be.
    """
    return VisionNetwork(spec) if _sees(spec) else decoding_network_of(spec)


def decoding_network_of(spec: PolicySpec) -> Network:
    """What follows the encoder, with fresh weights."""
    rows, noise_dim = spec.noise_shape
    least = first_action_of(spec) + spec.horizon
    if noise_dim != spec.action_dim or rows < least:
        raise InvalidFile(
            f"policy '{spec.name}': a noise of backend {spec.backend} is as wide as an action, "
            f"{spec.action_dim}, and has at least {least} rows; got {spec.noise_shape}"
        )
    width, layers = architecture_of(spec, "width", "layers")
    inputs = spec.features_size if _sees(spec) else spec.observation_size
    return PARTS[spec.backend][1](NetworkShape(inputs, rows, spec.action_dim, width, layers))


def sampler_of(spec: PolicySpec) -> Sampler:
    """The sampler that a policy file describes.

    Raises:
        InvalidFile: its settings are none of a sampler's.
    """
    return FlowEuler(spec.denoising_steps) if PARTS[spec.backend][0] == "flow" else ddim_of(spec)


def _sees(spec: PolicySpec) -> bool:
    return bool(spec.estimates) or spec.backend == "flow_vision"


class Decoder:
    """A network and a sampler made ready: what no call changes is computed once."""

    def __init__(self, network: Network, sampler: Sampler, device: torch.device) -> None:
        self._network, self._sampler = network, sampler
        times = torch.tensor(sampler.times, device=device)[:, None]
        parts = network.of_times(times)
        self._of_times = [
            [part[index : index + 1] for part in parts] for index in range(len(times))
        ]

    def chunks(self, features: Tensor, noises: Tensor) -> Tensor:
        """Normalised features (n or 1, inputs), noises (n, rows, dim) to all rows of the chunks
        (n, rows, action_dim) in physical units."""
        network, x = self._network, noises.flatten(1)
        fixed = network.of_features(features)
        for index, of_time in enumerate(self._of_times):
            x = self._sampler.step(index, x, network.step(x, of_time, fixed))
        return (x * network.chunk_std + network.chunk_mean).view(noises.shape)

    def noises(self, features: Tensor, chunks: Tensor, corrections: int) -> Tensor:
        """The way back, from chunks (n, rows, action_dim): each step is undone by a fixed-point
        iteration, since what the network said there depends on what is looked for."""
        network = self._network
        after = ((chunks.flatten(1) - network.chunk_mean) / network.chunk_std).contiguous()
        fixed = network.of_features(features)
        for index in reversed(range(len(self._of_times))):
            x = after
            for _ in range(corrections):
                output = network.step(x, self._of_times[index], fixed)
                x = self._sampler.before(index, after, output)
            after = x
        return after.view(chunks.shape)


class NativePolicy:
    """`PolicyBackend` of a network stored as safetensors."""

    def __init__(self, spec: PolicySpec) -> None:
        self.spec = spec
        self._device, self.sampler = device_of(spec), sampler_of(spec)
        whole = load_weights(network_of(spec), spec).to(self._device)
        self._encoder: PoseEncoder | None = None
        self._network: Network
        self._whole = whole
        if isinstance(whole, VisionNetwork):
            self._encoder, self._network = whole.encoder, whole.flow
        else:
            self._network = whole
        with torch.no_grad():
            self.decoder = Decoder(self._network, self.sampler, self._device)
        inputs = self._network.shape.observation_size
        self._accelerated = Accelerated(spec, self._played, inputs, self._device)

    @property
    def precision(self) -> str:
        """float32 or bfloat16: what it decodes in."""
        return self._accelerated.precision

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        with torch.inference_mode():
            values = torch.from_numpy(np.asarray(observations)).to(self._device)
            if self._encoder is None or images is None:
                features = self._network.normalise(values)
            else:
                seen = torch.from_numpy(np.asarray(images)).to(self._device)
                features = self._encoder(values, seen)
        return Encoded(features.cpu().numpy())

    def inputs(self, encoded: Encoded) -> Tensor:
        """What `decoder` is given of an encoding: normalised, on the policy's device."""
        features = torch.from_numpy(encoded.features).to(self._device)
        return features if self._encoder is None else self._network.normalise(features)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        own = torch.from_numpy(np.array(noises, dtype=np.float32))
        with torch.inference_mode():
            return self._accelerated(self.inputs(encoded), own).numpy()

    def digest(self) -> str:
        return digest_of(self._whole)

    def close(self) -> None:
        self._accelerated.close()

    def _played(self, features: Tensor, noises: Tensor) -> Tensor:
        first = first_action_of(self.spec)
        return self.decoder.chunks(features, noises)[:, first : first + self.spec.horizon]
