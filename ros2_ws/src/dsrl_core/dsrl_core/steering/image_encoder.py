"""A small convolutional encoder of images, trained by the critics' loss.

As in DSRL for pi0: four layers of 3x3 filters, a bottleneck with LayerNorm and tanh; the actor sees
its output without sending gradients back. Random shifts and colour jitter (DrQ, Yarats et al. 2021)
keep it from learning single pixels by heart.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

CROP_PADDING_PX: Final = 4
JITTER: Final = 0.1
"""Largest change of brightness and of contrast, as a share."""


class ImageEncoder(nn.Module):
    """Images (n, views, height, width, 3) uint8 to features (n, size)."""

    STRIDES: Final = (2, 2, 2, 1)

    def __init__(self, views: int, height: int, width: int, filters: int, size: int) -> None:
        super().__init__()
        self.size = size
        channels = [3 * views] + [filters] * len(self.STRIDES)
        layers: list[nn.Module] = []
        for (before, after), stride in zip(pairwise(channels), self.STRIDES, strict=True):
            layers += [nn.Conv2d(before, after, 3, stride, padding=1), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            flat = self.body(torch.zeros(1, 3 * views, height, width)).shape[1]
        self.bottleneck = nn.Sequential(nn.Linear(flat, size), nn.LayerNorm(size), nn.Tanh())

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """With a generator the images are augmented: for training."""
        pixels = images.permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 255.0 - 0.5
        if generator is not None:
            pixels = augment(pixels, generator)
        return torch.as_tensor(self.bottleneck(self.body(pixels)))


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Shift every image by up to four pixels and jitter its colours; (n, channels, h, w)."""
    count, _, height, width = pixels.shape
    padded = nn.functional.pad(pixels, (CROP_PADDING_PX,) * 4, mode="replicate")
    shifts = torch.randint(0, 2 * CROP_PADDING_PX + 1, (2, count, 1), generator=generator)
    rows = (shifts[0] + torch.arange(height))[:, None, :, None]
    columns = (shifts[1] + torch.arange(width))[:, None, None, :]
    images = torch.arange(count)[:, None, None, None]
    channels = torch.arange(pixels.shape[1])[None, :, None, None]
    shifted = padded[images, channels, rows, columns]
    change = JITTER * (2 * torch.rand(2, count, 1, 1, 1, generator=generator) - 1)
    return shifted * (1 + change[0]) + change[1]
