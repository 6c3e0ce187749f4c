"""What raw topics cost: two 640x480 cameras at 30 Hz and joint states at 1 kHz, for an hour.

./dsrl bench recorder

A shorter run, at simulated time as fast as the recorder keeps up, scaled to an hour. Beside it, in
the same run, rosbags' own writer alone with the very messages that the recorder wrote. The
middleware is not in it: messages are put where its thread puts them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from dsrl_core.data.raw_bag import RawBag, RawTopic
from dsrl_core.types import NANOSECONDS_PER_SECOND, to_nanoseconds

RESULTS = Path(__file__).parent / "results" / "recorder.json"
JOINTS_HZ, IMAGES_HZ = 1000, 30
WIDTH, HEIGHT = 640, 480
QUEUE = 500
"""Messages that may wait before simulated time stands still for the recorder."""
TYPES = get_typestore(Stores.ROS2_JAZZY)
JOINTS = RawTopic("/franka/joint_states", "sensor_msgs/msg/JointState")
CAMERAS = tuple(
    RawTopic(f"/{name}_camera/image_raw", "sensor_msgs/msg/Image") for name in ("scene", "wrist")
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=120, help="of simulated time")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), seconds)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    table = Table(title=f"raw topics, {seconds} s of simulated time")
    for column in ("figure", "recorder", "rosbags' writer alone"):
        table.add_column(column)
    alone = found["writer_cpu_s_per_minute"]
    table.add_row("messages dropped", f"{found['dropped']} of {found['messages']}", "")
    table.add_row("CPU, s per minute", f"{found['cpu_s_per_minute']:.1f}", f"{alone:.1f}")
    table.add_row("wall clock, s per minute", f"{found['wall_s_per_minute']:.1f}", "")
    table.add_row("MB per minute", f"{found['mb_per_minute']:.1f}", "the same messages")
    table.add_row("GB per hour", f"{0.06 * found['mb_per_minute']:.2f}", "")
    Console(width=100).print(table)


def measure(folder: Path, seconds: int) -> dict[str, float]:
    """Figures of a recording of so much simulated time."""
    minutes = seconds / 60
    messages = list(one_second())
    raw = RawBag(folder / "raw", (JOINTS, *CAMERAS), TYPES)
    cpu_s, wall_s, put = time.process_time(), time.monotonic(), 0
    for second in range(seconds):
        for topic, offset_ns, data in messages:
            while put - raw.counts.written > QUEUE and not raw.counts.problem:
                time.sleep(0.001)
            # A header without a time: the recorder takes the one that it is told.
            raw.put(topic.name, second * NANOSECONDS_PER_SECOND + offset_ns, data)
            put += 1
    counts = raw.finish()
    cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
    size = (folder / "raw" / "raw.mcap").stat().st_size
    return {
        "simulated_s": seconds,
        "messages": put,
        "dropped": counts.dropped,
        "cpu_s_per_minute": cpu_s / minutes,
        "wall_s_per_minute": wall_s / minutes,
        "mb_per_minute": size / 1e6 / minutes,
        "writer_cpu_s_per_minute": write_again(folder) / minutes,
    }


def write_again(folder: Path) -> float:
    """CPU time [s] of writing the same messages with nothing but rosbags' writer."""
    with Reader(folder / "raw") as bag:
        found = [(c.topic, c.msgtype, stamp, bytes(data)) for c, stamp, data in bag.messages()]
    began_s = time.process_time()
    writer = Writer(folder / "alone", version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    connections = {}
    with writer:
        for topic, kind, stamp, data in found:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=TYPES)
            writer.write(connections[topic], stamp, data)
    return time.process_time() - began_s


def one_second() -> Iterator[tuple[RawTopic, int, bytes]]:
    """All messages of a second in order: topic, time within it [ns], CDR."""
    draw = np.random.default_rng(0)
    kinds = TYPES.types
    header = kinds["std_msgs/msg/Header"](kinds["builtin_interfaces/msg/Time"](0, 0), "")
    names = [f"fr3_joint{number}" for number in range(1, 8)]
    # Of their own for each camera: equal ones side by side would be compressed to one.
    pictures = [[scene(draw, number) for number in range(IMAGES_HZ)] for _ in CAMERAS]
    shown = 0
    for tick in range(JOINTS_HZ):
        offset_ns = to_nanoseconds(tick / JOINTS_HZ)
        positions, velocities, efforts = draw.normal(size=(3, 7))
        joints = kinds[JOINTS.type_name](header, names, positions, velocities, efforts)
        yield JOINTS, offset_ns, bytes(TYPES.serialize_cdr(joints, JOINTS.type_name))
        if tick * IMAGES_HZ >= shown * JOINTS_HZ:
            for camera, seen in zip(CAMERAS, pictures, strict=True):
                image = kinds[camera.type_name](
                    header, HEIGHT, WIDTH, "rgb8", 0, 3 * WIDTH, seen[shown].reshape(-1)
                )
                yield camera, offset_ns, bytes(TYPES.serialize_cdr(image, camera.type_name))
            shown += 1


def scene(draw: np.random.Generator, number: int) -> np.ndarray:
    """Smooth colours, a moving square, and a camera's noise of two grey levels."""
    across = np.linspace(40, 200, WIDTH)[None, :, None]
    down = np.linspace(0, 50, HEIGHT)[:, None, None]
    picture = np.broadcast_to(across + down, (HEIGHT, WIDTH, 3)).copy()
    picture[200:300, 10 * number : 10 * number + 100] = (200, 60, 60)
    picture += draw.normal(0, 2, size=picture.shape)
    return np.asarray(picture.clip(0, 255), dtype=np.uint8)


if __name__ == "__main__":
    main()
