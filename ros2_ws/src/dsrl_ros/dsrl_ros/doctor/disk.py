"""Room for the episodes, and how fast they are written."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from dsrl_core.specs import PolicySpec, TaskSpec
from dsrl_ros.doctor.check import Check, Probe, Values, fail, ok, warn
from dsrl_ros.doctor.question import Question
from dsrl_ros.paths import FREE_BYTES_MIN

_STATE_BYTES: Final = 50_000
"""Of an episode without images: bag, ledger, log."""
_EPISODES_MIN: Final = 200
"""A run of an afternoon."""
_PROBE_BYTES: Final = 16_000_000
_SPEED_MIN_MB_S: Final = 20.0


def episode_bytes(task: TaskSpec, policy: PolicySpec) -> int:
    """Upper bound of what an episode takes on disk: images are compressed, a camera's badly."""
    shape = policy.images_shape
    decisions = math.ceil(task.time_limit_s / (policy.horizon * policy.action.period_s)) + 1
    return _STATE_BYTES + (decisions * math.prod(shape) if shape else 0)


def judge_space(folder: Path, free_bytes: int, per_episode_bytes: int) -> Check:
    name = "disk.space"
    episodes = free_bytes // per_episode_bytes
    found = (
        f"{free_bytes / 1e9:.1f} GB free for {folder}, {per_episode_bytes / 1e6:.2f} MB per episode"
    )
    expected = f"room for {_EPISODES_MIN} episodes"
    values: Values = {
        "free_mb": round(free_bytes / 1e6, 1),
        "episode_mb": round(per_episode_bytes / 1e6, 3),
        "episodes": episodes,
    }
    advice = "Make room, or give another folder with --out."
    if free_bytes < FREE_BYTES_MIN:
        expected = f"{expected}, and at least {FREE_BYTES_MIN / 1e6:.0f} MB: a run is refused"
        return fail(name, found, expected, advice, **values)
    if episodes < _EPISODES_MIN:
        return warn(name, f"{found}: {episodes} episodes", expected, advice, **values)
    return ok(name, found, expected, **values)


def judge_speed(speed_mb_s: float) -> Check:
    name, expected = "disk.write_speed", f"at least {_SPEED_MIN_MB_S:.0f} MB/s"
    values: Values = {"speed_mb_s": round(speed_mb_s, 1)}
    if speed_mb_s >= _SPEED_MIN_MB_S:
        return ok(name, f"about {speed_mb_s:.0f} MB/s", expected, **values)
    return warn(
        name,
        f"about {speed_mb_s:.1f} MB/s",
        expected,
        "Write to a disk of this machine, not over the network or to a card.",
        **values,
    )


def probes(question: Question) -> list[Probe]:
    """Of this group."""
    out = question.out.expanduser().absolute()
    folder = next(path for path in (out, *out.parents) if path.is_dir())
    per_episode = episode_bytes(question.task, question.policy)
    return [
        Probe(
            "disk.space",
            lambda: judge_space(out, shutil.disk_usage(folder).free, per_episode),
        ),
        Probe("disk.write_speed", lambda: judge_speed(_write_speed_mb_s(folder))),
    ]


def _write_speed_mb_s(folder: Path) -> float:
    with tempfile.TemporaryFile(dir=folder) as file:
        began_s = time.perf_counter()
        file.write(os.urandom(_PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())
        return _PROBE_BYTES / 1e6 / (time.perf_counter() - began_s)
