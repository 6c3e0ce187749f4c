"""Raw topics of one episode, beside its decisions in the same rosbag2 bag, in a file of their own.

    episode_000012/episode_000012.mcap        what the learner reads, and all that it reads
                   episode_000012_raw.mcap    what a person wants to see: images, joints, set-points

A thread writes; who has a message only puts it into a bounded queue. What finds no room is dropped
and counted, and a disk that refuses costs the raw topics of this episode, never the episode.
"""

from __future__ import annotations

import struct
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys.store import Typestore
from ruamel.yaml import YAML

from dsrl_core.errors import InvalidValue
from dsrl_core.types import NANOSECONDS_PER_SECOND

RAW: Final = "_raw"
"""Behind an episode's name: the file of its raw topics."""
QUEUE_BYTES: Final = 64_000_000
"""What may wait to be written: a second of two cameras with 640x480 pixels each."""
JPEG_QUALITY: Final = 90
"""Of 100."""
_BAG_VERSION: Final = 9
_IMAGE: Final = "sensor_msgs/msg/Image"
_COMPRESSED: Final = "sensor_msgs/msg/CompressedImage"
_METADATA: Final = "metadata.yaml"
_INFORMATION: Final = "rosbag2_bagfile_information"
_CHANNELS: Final = {"rgb8": 3, "bgr8": 3, "mono8": 1}


@dataclass(frozen=True)
class RawTopic:
    """A topic by its name on the wire, and its type, as `sensor_msgs/msg/Image`."""

    name: str
    type_name: str


@dataclass(frozen=True)
class RawCounts:
    """What became of the messages of one episode."""

    written: int = 0
    dropped: int = 0
    """There was no room in the queue."""
    problem: str = ""
    """Why no more was written; empty: all of them were."""


class RawBag:
    """Writes one episode's raw topics; `put` from one thread, the writing in another.

    Images become CompressedImage (JPEG) on `<topic>/compressed`, as image_transport names it; one
    of an encoding that JPEG has not stays as it is.
    """

    def __init__(
        self,
        folder: Path,
        topics: Iterable[RawTopic],
        types: Typestore,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        """`folder`: to make; its name is that of the file. `types`: know all topics' types."""
        self.folder = folder
        self._topics = {topic.name: topic for topic in topics}
        self._types, self._room = types, queue_bytes
        self._stamped = {t.name for t in self._topics.values() if _has_header(types, t.type_name)}
        self._queue: deque[tuple[RawTopic, int, bytes]] = deque()
        self._changed = threading.Condition()
        self._counts: Counter[str] = Counter()
        self._problem, self._is_ending = "", False
        self._connections: dict[tuple[str, str], Connection] = {}
        self._thread = threading.Thread(target=self._run, name="raw_bag", daemon=True)
        self._thread.start()

    def put(self, topic: str, now_ns: int, data: bytes) -> None:
        """Take a message (CDR); returns at once.

        It is stored at the time in its header, by which decisions are stored too; without one at
        `now_ns`.
        """
        stamp_ns = (_header_stamp(data) if topic in self._stamped else 0) or now_ns
        with self._changed:
            if self._problem or len(data) > self._room:
                self._counts["dropped"] += 1
                return
            self._room -= len(data)
            self._queue.append((self._topics[topic], stamp_ns, data))
            self._changed.notify()

    @property
    def counts(self) -> RawCounts:
        """So far."""
        return RawCounts(self._counts["written"], self._counts["dropped"], self._problem)

    def finish(self) -> RawCounts:
        """Write what waits and close the bag: whole on disk then, unless there was a problem."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join()
        return self.counts

    def _run(self) -> None:
        try:
            bag = Writer(self.folder, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
            bag.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            with bag:
                while (entry := self._next()) is not None:
                    self._write(bag, *entry)
                    self._counts["written"] += 1
        except Exception as error:  # of any kind: the robot's work does not depend on it
            with self._changed:
                self._problem = f"{type(error).__name__}: {error}"
                self._counts["dropped"] += len(self._queue)
                self._queue.clear()

    def _next(self) -> tuple[RawTopic, int, bytes] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_ending)
            if not self._queue:
                return None
            entry = self._queue.popleft()
            self._room += len(entry[2])
            return entry

    def _write(self, bag: Writer, topic: RawTopic, stamp_ns: int, data: bytes) -> None:
        name, kind = topic.name, topic.type_name
        if kind == _IMAGE and (compressed := compressed_image(self._types, data)) is not None:
            name, kind, data = f"{topic.name}/compressed", _COMPRESSED, compressed
        connection = self._connections.get((name, kind))
        if connection is None:
            connection = bag.add_connection(name, kind, typestore=self._types)
            self._connections[name, kind] = connection
        bag.write(connection, stamp_ns, data)


def compressed_image(types: Typestore, data: bytes) -> bytes | None:
    """An Image (CDR) as CompressedImage (CDR, JPEG); None: JPEG has no such encoding.

    Raises:
        InvalidValue: it has fewer bytes than its size says.
    """
    import cv2  # whoever reads decisions does not need it

    image: Any = types.deserialize_cdr(data, _IMAGE)
    channels = _CHANNELS.get(image.encoding)
    if channels is None:
        return None
    needed = image.height * image.step
    if image.step < image.width * channels or len(image.data) < needed or not needed:
        raise InvalidValue(
            f"an image of {image.width}x{image.height} {image.encoding} has {len(image.data)} "
            f"bytes in rows of {image.step}, expected {image.height} rows of at least "
            f"{image.width * channels}"
        )
    rows = np.asarray(image.data[:needed]).reshape(image.height, image.step)
    pixels = rows[:, : image.width * channels].reshape(image.height, image.width, channels)
    if image.encoding == "rgb8":
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    kind = types.types[_COMPRESSED]
    message = kind(image.header, "jpeg", coded.reshape(-1))
    return bytes(types.serialize_cdr(message, _COMPRESSED))


def join(bag: Path, raw: Path) -> None:
    """Move the file of `raw`, a folder as `RawBag` leaves it, into `bag`: one bag of two files.

    Raises:
        OSError: the disk refuses.
    """
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    documents = [yaml.load((folder / _METADATA).read_text()) for folder in (bag, raw)]
    mine, other = (document[_INFORMATION] for document in documents)
    for key in ("relative_file_paths", "topics_with_message_count", "files"):
        mine[key] += other[key]
    if other["message_count"]:
        begins = [_begin_ns(part) for part in (mine, other)]
        ends = [_begin_ns(part) + part["duration"]["nanoseconds"] for part in (mine, other)]
        mine["starting_time"]["nanoseconds_since_epoch"] = min(begins)
        mine["duration"]["nanoseconds"] = max(ends) - min(begins)
        mine["message_count"] += other["message_count"]
    (name,) = other["relative_file_paths"]
    (raw / name).rename(bag / name)
    with (bag / _METADATA).open("w") as file:
        yaml.dump(documents[0], file)


def _begin_ns(information: dict[str, Any]) -> int:
    return int(information["starting_time"]["nanoseconds_since_epoch"])


def _has_header(types: Typestore, name: str) -> bool:
    fields = types.types[name].__dataclass_fields__
    return next(iter(fields), "") == "header"


def _header_stamp(data: bytes) -> int:
    """Of a message (CDR) that begins with a header; 0: it says none."""
    seconds, nanoseconds = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
    return int(seconds) * NANOSECONDS_PER_SECOND + int(nanoseconds)
