"""Images of LeRobot datasets: in the data, in files, in videos."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from dsrl_core.specs import CameraSpec
from dsrl_core.types import Episode
from tests.core.importers_setup import (
    LEROBOT_MAPPING,
    colours,
    imported,
    png,
    policy_of,
    recording,
    write_lerobot,
)

CAMERA = (CameraSpec("front", 16, 12),)
WITH_CAMERA = replace(LEROBOT_MAPPING, cameras={"front": "observation.images.front"})


def test_images_in_the_data_are_decoded_and_resized(tmp_path: Path) -> None:
    images = colours(6)
    cells = [{"bytes": png(image), "path": None} for image in images]
    source = write_lerobot(
        tmp_path / "set",
        [recording(6)],
        columns={"observation.images.front": pa.array(cells)},
        features={"observation.images.front": {"dtype": "image", "shape": [24, 32, 3]}},
    )
    (episode,) = imported(source, WITH_CAMERA, policy_of(cameras=CAMERA))
    assert isinstance(episode, Episode)
    seen = [step.decision.observation.images for step in episode.steps]
    assert [image.shape for image in seen if image is not None] == [(1, 12, 16, 3)] * 3
    np.testing.assert_array_equal([image[0, :, :, 0].mean() for image in seen], [0, 80, 100])
    np.testing.assert_array_equal(seen[0][0, 0, [0, 15], 2], [200, 0])


def test_images_in_files_are_read(tmp_path: Path) -> None:
    cells = []
    for row, image in enumerate(colours(3)):
        (tmp_path / f"{row}.png").write_bytes(png(image))
        cells.append({"bytes": None, "path": f"../{row}.png"})
    source = write_lerobot(
        tmp_path / "set",
        [recording(3)],
        columns={"observation.images.front": pa.array(cells)},
        features={"observation.images.front": {"dtype": "image", "shape": [24, 32, 3]}},
    )
    (episode,) = imported(source, WITH_CAMERA, policy_of(1, CAMERA))
    assert isinstance(episode, Episode)
    images = [step.decision.observation.images for step in episode.steps]
    np.testing.assert_array_equal([image[0, 0, 0, 0] for image in images], [0, 20, 40])


def video_dataset(root: Path, frames: np.ndarray, fps: int = 10) -> Path:
    """Two episodes of 5 and 6 rows in one video."""
    recordings = [recording(5), recording(6, 1)]
    key = "videos/observation.images.front"
    write_lerobot(
        root,
        recordings,
        features={"observation.images.front": {"dtype": "video", "shape": [24, 32, 3]}},
        episode_columns={
            f"{key}/chunk_index": [0, 0],
            f"{key}/file_index": [0, 0],
            f"{key}/from_timestamp": [0.0, 0.5],
            f"{key}/to_timestamp": [0.5, 1.1],
        },
    )
    path = root / key / "chunk-000" / "file-000.mp4"
    path.parent.mkdir(parents=True)
    size = (frames.shape[2], frames.shape[1])
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
    for frame in frames:
        writer.write(frame[..., ::-1])
    writer.release()
    return root


def test_frames_of_a_video_go_to_the_right_rows(tmp_path: Path) -> None:
    source = video_dataset(tmp_path / "set", colours(11))
    episodes = imported(source, WITH_CAMERA, policy_of(2, CAMERA))
    reds = [
        [step.decision.observation.images[0, :, :, 0].mean() for step in episode.steps]
        for episode in episodes
        if isinstance(episode, Episode)
    ]
    np.testing.assert_allclose(reds[0], [0, 40, 80], atol=12)
    np.testing.assert_allclose(reds[1], [100, 140, 180, 200], atol=12)


@pytest.mark.parametrize(("frames", "fps"), [(8, 10), (11, 25)])
def test_a_video_that_does_not_fit_is_refused(tmp_path: Path, frames: int, fps: int) -> None:
    source = video_dataset(tmp_path / "set", colours(frames), fps)
    *_, last = imported(source, WITH_CAMERA, policy_of(2, CAMERA))
    reason = r"\(codec .*\) ends" if fps == 10 else "has 25 frames per"
    expected = f"camera 'front': .*file-000.mp4 {reason}"
    assert re.match(expected, str(last))
