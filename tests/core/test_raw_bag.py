"""Raw topics lie in the episode's bag, in a file of their own that the learner does not read."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from dsrl_core.data.episode_repair import repair, verify
from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.raw_bag import RawBag, RawTopic, compressed_image
from dsrl_core.errors import InvalidValue
from tests.core.test_episode_store import assert_equal, one

TYPES = get_typestore(Stores.ROS2_JAZZY)
JOINTS = RawTopic("/franka/joint_states", "sensor_msgs/msg/JointState")
CAMERA = RawTopic("/wrist_camera/image_raw", "sensor_msgs/msg/Image")
WORDS = RawTopic("/words", "std_msgs/msg/String")
ALL = (JOINTS, CAMERA, WORDS)
T = {name: TYPES.types[name] for name in TYPES.types}


def header(stamp_s: int):
    return T["std_msgs/msg/Header"](T["builtin_interfaces/msg/Time"](stamp_s, 7), "")


def joints(stamp_s: int) -> bytes:
    seven, none = np.full(7, 0.5), np.zeros(0)
    names = [f"fr3_joint{i}" for i in range(1, 8)]
    message = T[JOINTS.type_name](header(stamp_s), names, seven, none, none)
    return bytes(TYPES.serialize_cdr(message, JOINTS.type_name))


def image(stamp_s: int, pixels: np.ndarray, encoding: str = "rgb8", missing: int = 0) -> bytes:
    height, width = pixels.shape[:2]
    data = pixels.reshape(-1)[: pixels.size - missing]
    step = pixels.size // height
    message = T[CAMERA.type_name](header(stamp_s), height, width, encoding, 0, step, data)
    return bytes(TYPES.serialize_cdr(message, CAMERA.type_name))


def words(text: str) -> bytes:
    return bytes(TYPES.serialize_cdr(T[WORDS.type_name](text), WORDS.type_name))


def picture() -> np.ndarray:
    across = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (48, 1))
    return np.stack([across, across[:, ::-1], np.full_like(across, 40)], axis=-1)


def stored(folder: Path) -> EpisodeStore:
    """Episode 12 with raw topics."""
    store = EpisodeStore(folder / "episodes")
    with store.partial("episode_000012_raw") as partial:
        raw = RawBag(partial / "episode_000012_raw", ALL, TYPES)
        for second in range(1, 4):
            raw.put(JOINTS.name, 99, joints(second))
        raw.put(CAMERA.name, 99, image(2, picture()))
        raw.put(WORDS.name, 2 * 10**9, words("hello"))
        counts = raw.finish()
        assert (counts.written, counts.dropped, counts.problem) == (5, 0, "")
        store.write(one(), raw.folder)
    return store


def test_decisions_and_raw_topics_are_one_bag_of_two_files(tmp_path: Path) -> None:
    store = stored(tmp_path)
    path = store.path_of(12)
    assert {file.name for file in path.iterdir()} == {
        "metadata.yaml", "SHA256SUMS", "episode_000012.mcap", "episode_000012_raw.mcap",
    }  # fmt: skip
    with Reader(path) as bag:
        counts = {c.topic: c.msgcount for c in bag.connections}
        found = [(c.topic, c.msgtype, stamp, data) for c, stamp, data in bag.messages()]
        assert bag.message_count == len(found) == 10
        stamps = [stamp for _, _, stamp, _ in found]
        assert (bag.start_time, bag.end_time - 1) == (min(stamps), max(stamps))
    assert counts == {
        "decision_step": 4, "episode_metadata": 1, "/franka/joint_states": 3, "/words": 1,
        "/wrist_camera/image_raw/compressed": 1,
    }  # fmt: skip
    # At the time in their headers; at that of their arrival where they have none.
    by_topic = {topic: (kind, stamp, data) for topic, kind, stamp, data in found}
    assert by_topic["/franka/joint_states"][1] == 3 * 10**9 + 7
    assert by_topic["/words"][1] == 2 * 10**9
    kind, _, data = by_topic["/wrist_camera/image_raw/compressed"]
    assert kind == "sensor_msgs/msg/CompressedImage"
    message = TYPES.deserialize_cdr(data, kind)
    assert message.format == "jpeg"
    seen = cv2.imdecode(message.data, cv2.IMREAD_COLOR)
    assert seen is not None
    seen = seen[..., ::-1]
    assert np.abs(seen.astype(int) - picture()).mean() < 3


def test_the_learner_reads_the_decisions_alone(tmp_path: Path) -> None:
    store = stored(tmp_path)
    assert_equal(store.read(12), one())
    (store.path_of(12) / "episode_000012_raw.mcap").write_bytes(b"damaged")
    assert_equal(store.read(12), one())


@pytest.mark.parametrize("damage", ["missing", "is not what was written"])
def test_damaged_raw_topics_are_told_and_cost_no_decision(tmp_path: Path, damage: str) -> None:
    store = stored(tmp_path)
    file = store.path_of(12) / "episode_000012_raw.mcap"
    file.unlink() if damage == "missing" else file.write_bytes(b"damaged")
    (finding,) = verify(store)
    assert "its decisions are not" in finding.problem
    assert damage in finding.problem
    (done,) = repair(store)
    assert done.is_back
    assert done.source.is_dir()
    assert_equal(store.read(12), one())
    assert list(verify(store)) == []


def test_what_finds_no_room_is_counted_and_never_waited_for(tmp_path: Path) -> None:
    raw = RawBag(tmp_path / "raw", ALL, TYPES, queue_bytes=100)
    raw.put(CAMERA.name, 1, image(1, picture()))
    raw.put(WORDS.name, 1, words("short"))
    counts = raw.finish()
    assert (counts.written, counts.dropped, counts.problem) == (1, 1, "")


def test_an_image_that_lies_about_its_size_ends_the_raw_topics_and_says_why(
    tmp_path: Path,
) -> None:
    short = image(1, picture(), missing=9)
    with pytest.raises(InvalidValue, match="64x48 rgb8 has 9207 bytes"):
        compressed_image(TYPES, short)
    raw = RawBag(tmp_path / "raw", ALL, TYPES)
    raw.put(CAMERA.name, 1, short)
    assert "64x48 rgb8" in raw.finish().problem


def test_an_encoding_that_jpeg_has_not_stays_as_it_is() -> None:
    depth = picture()[..., :2]
    assert compressed_image(TYPES, image(1, depth, "16UC1")) is None


def test_a_disk_that_refuses_is_told_and_nobody_waits(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()  # the writer makes its folder itself
    raw = RawBag(tmp_path / "raw", ALL, TYPES)
    raw.put(WORDS.name, 1, words("a"))
    assert "exists already" in raw.finish().problem
    shutil.rmtree(tmp_path / "raw")
    raw.put(WORDS.name, 1, words("b"))
    assert raw.counts.written == 0
