"""Datasets as other programs write them, made by hand: none of it uses our writers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.importers.building import build_episode, read_images
from dsrl_core.data.importers.mapping import DatasetMapping, FieldSource, SuccessSource
from dsrl_core.data.importers.opening import open_dataset
from dsrl_core.data.importers.source import BadEpisode
from dsrl_core.data.importers.trajectory import read_trajectory, stride_of
from dsrl_core.data.ledger import LedgerFollower
from dsrl_core.specs import ActionSpec, CameraSpec, FieldSpec, PolicySpec
from dsrl_core.types import Episode, Label
from tests.core.steering_setup import CATALOG

TASK = "Pick the cube."


def policy_of(horizon: int = 4, cameras: tuple[CameraSpec, ...] = ()) -> PolicySpec:
    """Ten actions per second on a position, a yaw and a gripper's width."""
    return replace(
        CATALOG.policy("franka_pick_flow"),
        name="small",
        horizon=horizon,
        cameras=cameras,
        observation=(
            FieldSpec("position", 3, "m", 0.5),
            FieldSpec("yaw", 1, "rad", 0.5),
        ),
        action=ActionSpec(
            "tool_delta",
            (
                FieldSpec("move", 3, "m", 0.02, moves="position", relative=True),
                FieldSpec("gripper", 1, "m", 0.05),
            ),
            0.1,
        ),
    )


@dataclass(frozen=True)
class Recording:
    """What a foreign robot recorded, in mm and degrees; n rows."""

    positions_mm: np.ndarray
    yaw_deg: np.ndarray
    moves_mm: np.ndarray
    gripper_mm: np.ndarray
    success: bool = True

    def __len__(self) -> int:
        return len(self.yaw_deg)


def recording(rows: int, seed: int = 0, success: bool = True) -> Recording:
    generator = np.random.default_rng(seed)
    return Recording(
        generator.integers(100, 600, (rows, 3)).astype(float),
        generator.integers(-40, 40, rows).astype(float),
        generator.integers(-20, 20, (rows, 3)).astype(float),
        generator.integers(0, 80, rows).astype(float),
        success,
    )


LEROBOT_MAPPING = DatasetMapping(
    "lerobot",
    observation={
        "position": FieldSource("observation.state", (0, 1, 2), "mm"),
        "yaw": FieldSource("observation.state", (3,), "deg"),
    },
    action={
        "move": FieldSource("action", (1, 2, 3), "mm"),
        "gripper": FieldSource("action", (0,), "mm"),
    },
    success=SuccessSource("next.success"),
)
ROBOMIMIC_MAPPING = DatasetMapping(
    "robomimic",
    observation={
        "position": FieldSource("position", unit="mm"),
        "yaw": FieldSource("yaw", unit="deg"),
    },
    action={
        "move": FieldSource("actions", (1, 2, 3), "mm"),
        "gripper": FieldSource("actions", (0,), "mm"),
    },
    success=SuccessSource("rewards"),
    fps=10.0,
)


def write_lerobot(
    root: Path,
    recordings: list[Recording],
    fps: int = 10,
    columns: dict[str, list[Any]] | None = None,
    features: dict[str, Any] | None = None,
    episode_columns: dict[str, list[Any]] | None = None,
    tasks: list[str] | None = None,
    version: str = "v3.0",
) -> Path:
    """A dataset of format v3.0 in one data file; `columns` come on top, or instead."""
    lengths = [len(one) for one in recordings]
    ends = np.cumsum(lengths)
    tasks = tasks or [TASK] * len(recordings)
    words = list(dict.fromkeys(tasks))
    state = [
        [*p, y] for one in recordings for p, y in zip(one.positions_mm, one.yaw_deg, strict=True)
    ]
    action = [
        [g, *m] for one in recordings for g, m in zip(one.gripper_mm, one.moves_mm, strict=True)
    ]
    last = [row == len(one) - 1 for one in recordings for row in range(len(one))]
    success = [one.success and row == len(one) - 1 for one in recordings for row in range(len(one))]
    frames = [row for length in lengths for row in range(length)]
    index = [number for number, length in enumerate(lengths) for _ in range(length)]
    table = {
        "observation.state": pa.array(state, pa.list_(pa.float32(), 4)),
        "action": pa.array(action, pa.list_(pa.float32(), 4)),
        "next.reward": pa.array([float(one) for one in success], pa.float32()),
        "next.done": pa.array(last),
        "next.success": pa.array(success),
        "timestamp": pa.array([row / fps for row in frames], pa.float32()),
        "frame_index": pa.array(frames),
        "episode_index": pa.array(index),
        "index": pa.array(range(len(frames))),
        "task_index": pa.array([words.index(tasks[number]) for number in index]),
        **(columns or {}),
    }
    info = {
        "codebase_version": version,
        "fps": fps,
        "robot_type": None,
        "total_episodes": len(recordings),
        "total_frames": len(frames),
        "total_tasks": len(words),
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "splits": {"train": f"0:{len(recordings)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": {name: {"dtype": "float32", "shape": [1], "names": None} for name in table}
        | (features or {}),
    }
    episodes = {
        "episode_index": list(range(len(recordings))),
        "tasks": [[task] for task in tasks],
        "length": lengths,
        "data/chunk_index": [0] * len(recordings),
        "data/file_index": [0] * len(recordings),
        "dataset_from_index": [
            int(end - length) for end, length in zip(ends, lengths, strict=True)
        ],
        "dataset_to_index": [int(end) for end in ends],
        "stats/action/mean": [[0.0] * 4] * len(recordings),
        **(episode_columns or {}),
    }
    for folder in ("meta/episodes/chunk-000", "data/chunk-000"):
        (root / folder).mkdir(parents=True)
    (root / "meta/info.json").write_text(json.dumps(info))
    names = pa.table({"task_index": list(range(len(words))), "__index_level_0__": words})
    pq.write_table(names, root / "meta/tasks.parquet")
    pq.write_table(pa.table(episodes), root / "meta/episodes/chunk-000/file-000.parquet")
    pq.write_table(pa.table(table), root / "data/chunk-000/file-000.parquet", row_group_size=7)
    return root


def write_robomimic(
    path: Path, recordings: list[Recording], next_obs: bool = True, fps: float | None = None
) -> Path:
    """A file as robosuite's demonstrations; the reward is 1 after a last action that succeeded.

    With `next_obs`, the last row of a recording is only seen, as what the last action led to.
    """
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        kwargs = {} if fps is None else {"control_freq": fps}
        about = {"env_name": "Lift", "env_type": 1, "env_kwargs": kwargs}
        data.attrs["env_args"] = json.dumps(about)
        for number, one in enumerate(recordings):
            count = len(one) - next_obs
            demo = data.create_group(f"demo_{number}")
            demo.attrs["num_samples"] = count
            actions = np.column_stack([one.gripper_mm, one.moves_mm])[:count]
            demo["actions"], demo["states"] = actions, np.zeros((count, 3))
            rewards = np.zeros(count)
            rewards[-1:] = one.success
            demo["rewards"], demo["dones"] = rewards, rewards.astype(int)
            demo["obs/position"], demo["obs/yaw"] = one.positions_mm[:count], one.yaw_deg[:count]
            if next_obs:
                demo["next_obs/position"] = one.positions_mm[1:]
                demo["next_obs/yaw"] = one.yaw_deg[1:]
    return path


def imported(
    source: Path, mapping: DatasetMapping, policy: PolicySpec
) -> list[Episode | BadEpisode]:
    """The episodes of a dataset without a store between, or why they are bad."""
    dataset = open_dataset(source, mapping)
    stride = stride_of(dataset.fps, mapping, policy)
    found: list[Episode | BadEpisode] = []
    for number, one in enumerate(dataset.episodes()):
        try:
            if isinstance(one, BadEpisode):
                raise one
            trajectory = read_trajectory(one, mapping, policy, stride)
            images = read_images(one, mapping, policy, trajectory)
            found.append(build_episode(number, trajectory, images, policy, {}))
        except BadEpisode as error:
            found.append(error)
    dataset.close()
    return found


def stored(out: Path) -> list[tuple[Episode, Label]]:
    """Episodes and labels of a run's folder."""
    store = EpisodeStore(out / "episodes")
    labels = {label.episode: label for label in LedgerFollower(out / "ledger.jsonl").new()}
    return [(store.read(number), labels[number]) for number in store.numbers()]


def colours(rows: int, height: int = 24, width: int = 32) -> np.ndarray:
    """An image per row, (rows, height, width, 3) RGB: red rises from row to row, blue is left."""
    images = np.zeros((rows, height, width, 3), dtype=np.uint8)
    images[..., 0] = 20 * np.arange(rows)[:, None, None]
    images[:, :, : width // 2, 2] = 200
    return images


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()
