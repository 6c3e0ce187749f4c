"""Sees for a native policy: where an object is from the tool, of images.

The encoder has a few convolutions and a spatial softmax per camera (Levine et al. 2016): each of
its keypoints is where in the image one thing is. From the keypoints and the robot's own measured
state an MLP estimates where the object is from the tool. `Encoded.features`, all that a decoder and
a critic see of an image, are then laid out as

    0:3   object_position, estimated [m], base frame
    3     object_yaw, estimated [rad], base frame, within half a quarter turn
    4:7   object's position from the tool, estimated [m], in the frame of the tool's yaw
    7     object's yaw from the tool's, estimated [rad]
    8:    the observation's values

so that relations that a task's file declares work on the estimates as they do on measured poses.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.weights import architecture_of
from dsrl_core.specs import PolicySpec

ESTIMATES: Final = {"object_position": (0, 1, 2), "object_yaw": (3,)}
"""What the file of a policy that sees must say under `estimates`."""
ESTIMATED: Final = 8
"""Features before the observation's values."""
_SYMMETRY: Final = 4
"""Quarter turns in a turn: a cube looks the same after each."""
_OFFSET_SCALE_M: Final = 0.03


class Keypoints(nn.Module):
    """Images (n, 3, height, width) of one camera to (n, 2 * keypoints) places in -1..1."""

    columns: Tensor
    rows: Tensor

    def __init__(self, height: int, width: int, filters: int, keypoints: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, filters, 5, 2, 2),
            nn.ReLU(),
            nn.Conv2d(filters, 2 * filters, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(2 * filters, 2 * filters, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(2 * filters, keypoints, 1),
        )
        self.log_sharpness = nn.Parameter(torch.ones(keypoints))
        places = (torch.linspace(-1, 1, math.ceil(size / 4)) for size in (width, height))
        for name, place in zip(("columns", "rows"), places, strict=True):
            self.register_buffer(name, place, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        heat = self.body(images) * self.log_sharpness.exp()[:, None, None]
        share = torch.softmax(heat.flatten(2), dim=-1).view(heat.shape)
        return torch.cat([share.sum(2) @ self.columns, share.sum(3) @ self.rows], dim=-1)


class PoseEncoder(nn.Module):
    """Images and values of an observation to where the object is from the tool."""

    values_mean: Tensor
    values_std: Tensor

    def __init__(self, spec: PolicySpec) -> None:
        """
        Raises:
            InvalidFile: the policy's file lacks a camera or a part of the architecture or of the
                observation, or says otherwise where the estimates are.
        """
        super().__init__()
        shape = spec.images_shape
        size = ESTIMATED + spec.observation_size
        if shape is None or spec.features_size != size or spec.estimates != ESTIMATES:
            raise InvalidFile(
                f"policy '{spec.name}' has {len(spec.cameras)} cameras, features_size "
                f"{spec.features_size} and estimates {spec.estimates}; backend "
                f"{spec.backend} expects at least one camera, features_size {size} and {ESTIMATES}"
            )
        names = [part.name for part in spec.observation]
        if names[:2] != ["tool_position", "tool_yaw"]:
            raise InvalidFile(
                f"policy '{spec.name}' observes {', '.join(names)}; the pose encoder expects "
                "tool_position and tool_yaw first"
            )
        filters, keypoints, width = architecture_of(spec, "filters", "keypoints", "pose_width")
        cameras, height, image_width, _ = shape
        self.cameras = nn.ModuleList(
            Keypoints(height, image_width, filters, keypoints) for _ in range(cameras)
        )
        self.pose = nn.Sequential(
            nn.Linear(2 * keypoints * cameras + spec.observation_size, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 5),
        )
        self.register_buffer("values_mean", torch.zeros(spec.observation_size))
        self.register_buffer("values_std", torch.ones(spec.observation_size))

    def see(self, values: Tensor, images: Tensor) -> Tensor:
        """Values (n, observation_size), images (n, cameras, height, width, 3) uint8 to the inputs
        of `pose`: keypoints of every camera, and the values."""
        seen = [
            # A view with the channels last in memory, as it came: convolutions are faster on it.
            camera(images[:, index].permute(0, 3, 1, 2).float() / 255.0 - 0.5)
            for index, camera in enumerate(self.cameras)
        ]
        return torch.cat([*seen, (values - self.values_mean) / self.values_std], dim=-1)

    def forward(self, values: Tensor, images: Tensor) -> Tensor:
        """The features that the module's text lays out, shape (n, features_size)."""
        return features_of(values, self.pose(self.see(values, images)))


def pose_targets(values: Tensor, position: Tensor, yaw: Tensor) -> Tensor:
    """What `PoseEncoder.pose` is to give, shape (n, 5), for objects at true positions (n, 3) [m]
    and yaws (n, 1) [rad]: the scaled offset, and sine and cosine of four times the turn."""
    offset = _turned(position - values[:, :3], -values[:, 3:4]) / _OFFSET_SCALE_M
    turn = _SYMMETRY * (yaw - values[:, 3:4])
    return torch.cat([offset, torch.sin(turn), torch.cos(turn)], dim=-1)


def features_of(values: Tensor, pose: Tensor) -> Tensor:
    """The features for outputs of `PoseEncoder.pose` (n, 5)."""
    tool, tool_yaw = values[:, :3], values[:, 3:4]
    offset = pose[:, :3] * _OFFSET_SCALE_M
    turn = torch.atan2(pose[:, 3:4], pose[:, 4:5]) / _SYMMETRY
    half = math.pi / _SYMMETRY
    yaw = torch.remainder(tool_yaw + turn + half, 2 * half) - half
    return torch.cat([tool + _turned(offset, tool_yaw), yaw, offset, turn, values], dim=-1)


def _turned(vectors: Tensor, angle: Tensor) -> Tensor:
    """Vectors (n, 3) turned about z by angles (n, 1) [rad]."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    x, y = vectors[:, 0:1], vectors[:, 1:2]
    return torch.cat([cosine * x - sine * y, sine * x + cosine * y, vectors[:, 2:]], dim=-1)
