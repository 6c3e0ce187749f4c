"""Pictures brought to the size that a policy sees, as its file says."""

from __future__ import annotations

import numpy as np

from dsrl_core.specs import CameraSpec
from dsrl_core.types import UInt8Array


def fitted(image: UInt8Array, camera: CameraSpec) -> UInt8Array:
    """The image (height, width, 3) in the camera's size by its `fit`; as it is where its size is
    right already, where `fit` is to refuse others, and where it is no picture."""
    if camera.fit == "refuse" or image.ndim != 3 or image.dtype != np.uint8 or 0 in image.shape:
        return image
    if image.shape[:2] == (camera.height, camera.width):
        return image
    if camera.fit == "stretch":
        return resized(image, camera.width, camera.height)
    if camera.fit == "pad":
        return _padded(image, camera.width, camera.height)
    return _cropped(image, camera.width, camera.height)


def resized(image: UInt8Array, width: int, height: int) -> UInt8Array:
    """The image (height, width, channels) in another size, bilinear, every pixel having its say
    where it shrinks: as PIL does it, and so openpi and torchvision."""
    if image.shape[:2] == (height, width):
        return image
    # Who only needs the types of a decision, as most nodes do, is spared a second of importing.
    import torch

    planes = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    scaled = torch.nn.functional.interpolate(
        planes, (height, width), mode="bilinear", align_corners=False, antialias=True
    )
    return np.ascontiguousarray(scaled[0].permute(1, 2, 0).numpy())


def _padded(image: UInt8Array, width: int, height: int) -> UInt8Array:
    """openpi's `resize_with_pad`: sides rounded down, the odd row or column at the end."""
    found_height, found_width = image.shape[:2]
    ratio = max(found_width / width, found_height / height)
    inner_width = max(int(found_width / ratio), 1)
    inner_height = max(int(found_height / ratio), 1)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    whole = np.zeros((height, width, image.shape[2]), dtype=np.uint8)
    whole[top : top + inner_height, left : left + inner_width] = resized(
        image, inner_width, inner_height
    )
    return whole


def _cropped(image: UInt8Array, width: int, height: int) -> UInt8Array:
    found_height, found_width = image.shape[:2]
    ratio = min(found_width / width, found_height / height)
    kept_width, kept_height = round(width * ratio), round(height * ratio)
    left, top = (found_width - kept_width) // 2, (found_height - kept_height) // 2
    return resized(image[top : top + kept_height, left : left + kept_width], width, height)
