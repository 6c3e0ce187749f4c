"""LeRobot's Diffusion Policy without its queues: whoever calls holds the history."""

from __future__ import annotations

import numpy as np
import torch

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.backend import Encoded, check_decode, check_observations
from dsrl_core.policies.workers.lerobot_checkpoint import Checkpoint
from dsrl_core.types import Float32Array, UInt8Array


class LeRobotDiffusion:
    """`PolicyBackend`; features are the U-Net's global conditioning, the encoders' work."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """
        Raises:
            InvalidFile: `features_size` is neither 0 nor what the encoders give.
        """
        self.spec = checkpoint.spec
        self._checkpoint, self._model = checkpoint, checkpoint.policy.diffusion
        if self.spec.features_size:
            values, images = np.zeros((1, self.spec.observation_size), np.float32), None
            if self.spec.images_shape is not None:
                images = np.zeros((1, *self.spec.images_shape), np.uint8)
            size = self.encode(values, images).features.shape[1]
            if size != self.spec.features_size:
                raise InvalidFile(
                    f"policy '{self.spec.name}': features_size is {self.spec.features_size}, the "
                    f"checkpoint's encoders give {size}"
                )

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        batch = self._checkpoint.batch(observations, images)
        config = self._checkpoint.config
        if self.spec.observation_steps == 1:
            for key in config.input_features:
                batch[key] = batch[key].unsqueeze(1)
        if config.image_features:
            views = [batch[key] for key in config.image_features]
            batch["observation.images"] = torch.stack(views, dim=-4)
        with torch.inference_mode():
            condition = self._model._prepare_global_conditioning(batch)
        return Encoded(condition.float().cpu().numpy())

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        device = self._checkpoint.device
        # Own copies: what came over the wire may be read-only.
        noise = torch.tensor(noises, dtype=torch.float32, device=device)
        condition = torch.tensor(encoded.features, device=device).expand(len(noise), -1)
        with torch.inference_mode():
            actions = self._model.conditional_sample(len(noise), global_cond=condition, noise=noise)
        return self._checkpoint.chunks(actions)

    def digest(self) -> str:
        return self._checkpoint.digest()

    def close(self) -> None:
        """Nothing is held outside this process's memory."""
