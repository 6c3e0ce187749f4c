"""Pictures of another size are brought to the policy's as its file says, or refused."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from PIL import Image

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import CameraSpec
from dsrl_core.specs.policy import ImageFit
from dsrl_core.steering.camera_images import CameraImages
from dsrl_core.steering.image_fit import fitted, resized
from dsrl_core.types import UInt8Array


def noise(height: int, width: int) -> UInt8Array:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def openpi_resize_with_pad(image: UInt8Array, height: int, width: int) -> UInt8Array:
    """openpi-client's `image_tools.resize_with_pad`, line by line."""
    picture = Image.fromarray(image)
    found_width, found_height = picture.size
    ratio = max(found_width / width, found_height / height)
    inner = int(found_width / ratio), int(found_height / ratio)
    scaled = picture.resize(inner, resample=Image.Resampling.BILINEAR)
    whole = Image.new(scaled.mode, (width, height), 0)
    whole.paste(scaled, (max(0, int((width - inner[0]) / 2)), max(0, int((height - inner[1]) / 2))))
    return np.array(whole)


@pytest.mark.parametrize(
    "size", [(480, 640), (640, 480), (481, 853), (100, 80), (224, 300), (720, 1280)]
)
def test_padded_as_openpi_does_it_but_for_the_last_bit(size: tuple[int, int]) -> None:
    image = noise(*size)
    found = fitted(image, CameraSpec("wrist", 224, 224, "pad")).astype(int)
    expected = openpi_resize_with_pad(image, 224, 224)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.01


def test_a_crop_keeps_the_middle_and_fills_the_picture() -> None:
    image = np.zeros((4, 8, 3), dtype=np.uint8)
    image[:, 2:6] = 200
    found = fitted(image, CameraSpec("wrist", 4, 4, "crop"))
    assert found.shape == (4, 4, 3)
    assert (found == 200).all()


def test_a_stretched_picture_keeps_everything() -> None:
    image = np.zeros((4, 8, 3), dtype=np.uint8)
    image[:, 4:] = 200
    found = fitted(image, CameraSpec("wrist", 4, 4, "stretch"))
    assert found[0, 0, 0] == 0
    assert found[0, -1, 0] == 200


@pytest.mark.parametrize("fit", get_args(ImageFit))
def test_a_picture_of_the_right_size_is_left_alone(fit: ImageFit) -> None:
    image = noise(12, 16)
    assert fitted(image, CameraSpec("wrist", 16, 12, fit)) is image


@pytest.mark.parametrize("shape", [(12, 16), (0, 16, 3), (12, 16, 4)])
def test_what_is_no_picture_is_still_refused(shape: tuple[int, ...]) -> None:
    camera = CameraSpec("wrist", 8, 8, "pad")
    with pytest.raises(InvalidValue, match="'wrist' gives images of shape"):
        CameraImages((camera,)).put("wrist", 0, fitted(np.zeros(shape, np.uint8), camera))


def test_by_default_another_size_is_refused() -> None:
    camera = CameraSpec("wrist", 8, 8)
    with pytest.raises(InvalidValue, match="the policy's file says"):
        CameraImages((camera,)).put("wrist", 0, fitted(noise(12, 16), camera))


def test_a_picture_that_cannot_be_written_to_is_fine() -> None:
    image = noise(12, 16)
    image.setflags(write=False)
    assert resized(image, 8, 6).shape == (6, 8, 3)
