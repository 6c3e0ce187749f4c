"""Images of several cameras become one input: in the file's order, no newer than the oldest."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.specs import CameraSpec
from dsrl_core.steering.camera_images import CameraImages

CAMERAS = (CameraSpec("scene", 6, 4), CameraSpec("wrist", 6, 4))


def picture(value: int) -> np.ndarray:
    return np.full((4, 6, 3), value, dtype=np.uint8)


def test_they_are_taken_in_the_order_of_the_file_with_the_oldest_stamp() -> None:
    images = CameraImages(CAMERAS)
    images.put("wrist", 20, picture(2))
    assert images.take() is None
    assert images.never_heard() == "scene"
    images.put("scene", 10, picture(1))
    stamp_ns, taken = images.take()
    assert stamp_ns == 10
    assert taken.shape == (2, 4, 6, 3)
    assert taken[:, 0, 0, 0].tolist() == [1, 2]
    assert images.never_heard() == ""


def test_an_older_image_does_not_replace_a_newer_one() -> None:
    images = CameraImages(CAMERAS[:1])
    images.put("scene", 20, picture(2))
    images.put("scene", 10, picture(1))
    stamp_ns, taken = images.take()
    assert (stamp_ns, taken[0, 0, 0, 0]) == (20, 2)


def test_other_cameras_and_sizes_are_refused() -> None:
    images = CameraImages(CAMERAS)
    with pytest.raises(UnknownName, match="'ceiling'; available: scene, wrist"):
        images.put("ceiling", 0, picture(0))
    with pytest.raises(InvalidValue, match=r"'wrist' gives .*\(6, 4, 3\), uint8; .*\(4, 6, 3\)"):
        images.put("wrist", 0, np.zeros((6, 4, 3), np.uint8))
    with pytest.raises(InvalidValue, match="float64"):
        images.put("wrist", 0, np.zeros((4, 6, 3)))
