"""A few small pictures of an episode, in its run's folder: what an operator's window saw of it.

    <run>/film_strips/episode_000012/000000.50s.webp, 000003.00s.webp, ...

The name says how far into the episode it was. They are for people: nothing is learned from them.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.errors import DsrlError
from dsrl_core.types import NANOSECONDS_PER_SECOND, UInt8Array

FILM_STRIPS: Final = "film_strips"
"""Folder of the strips in that of a run."""
Strip = tuple[tuple[float, UInt8Array], ...]
"""Seconds into the episode, and picture (height, width, 3) RGB; in order."""
_PICTURE: Final = re.compile(r"(\d+\.\d\d)s\.webp")
_QUALITY: Final = 80


def strip_folder(run: Path, episode: int) -> Path:
    """Where an episode's strip is, or will be."""
    return run / FILM_STRIPS / f"episode_{episode:06d}"


def is_run(folder: Path) -> bool:
    """Whether there is a run in it, so that strips have a place there."""
    return (folder / EPISODES).is_dir()


def write_strip(run: Path, episode: int, strip: Strip) -> None:
    """Keep a strip, whole or not at all; one that is there with as many pictures stays.

    Raises:
        OSError: it cannot be written.
    """
    target = strip_folder(run, episode)
    if len(_pictures(target)) >= len(strip):
        return
    target.parent.mkdir(exist_ok=True)
    partial = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        partial.mkdir()
        for seconds, picture in strip:
            done, encoded = cv2.imencode(
                ".webp",
                cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
                [cv2.IMWRITE_WEBP_QUALITY, _QUALITY],
            )
            assert done, "OpenCV writes WebP"
            (partial / f"{seconds:09.2f}s.webp").write_bytes(encoded.tobytes())
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_strip(run: Path, episode: int) -> Strip:
    """A strip that was kept; empty: none was, or it cannot be read."""
    found = []
    for path in _pictures(strip_folder(run, episode)):
        match = _PICTURE.fullmatch(path.name)
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if match and picture is not None:
            rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            found.append((float(match[1]), np.ascontiguousarray(rgb, dtype=np.uint8)))
    return tuple(found)


def recorded_strip(run: Path, episode: int, frames: int) -> Strip:
    """So many pictures of what the policy saw, all side by side; empty: none were recorded."""
    try:
        steps = EpisodeStore(run / EPISODES).read(episode).steps
    except DsrlError:
        return ()
    seen = [step.decision.observation for step in steps]
    pictures = [(one.stamp_ns, one.images) for one in seen if one.images is not None]
    if not pictures:
        return ()
    chosen = np.unique(np.linspace(0, len(pictures) - 1, frames).round().astype(int))
    start_ns = pictures[0][0]
    return tuple(
        (
            (pictures[index][0] - start_ns) / NANOSECONDS_PER_SECOND,
            np.concatenate(list(pictures[index][1]), axis=1),
        )
        for index in chosen
    )


def _pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.webp"))
