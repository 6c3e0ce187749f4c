"""Films recorded episodes in pairs, side by side: the same reset before and after learning.

    python -m dsrl_sim.video --task franka_pick --episodes runs/demo/episodes \\
        --pair 0:310 --pair 1:311 --out before_after.webp --out before_after.mp4

The recorded chunks are played again in this process; the simulation repeats itself to the bit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from dsrl_core.catalog import Catalog
from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.rollout import Environment
from dsrl_core.steering.observation import RobotInputs
from dsrl_core.types import Decision, Episode, Float64Array, Mode, Observation, SetPoint, UInt8Array
from dsrl_sim.assembly import make_rollout
from dsrl_sim.environment import SimulatedRobot
from dsrl_sim.rendering import RendererMissing
from dsrl_sim.scene_parts import SCENE_CAMERA

NO_RENDERER: Final = 3
"""Exit status where nothing on this machine can draw."""

FRAMES_PER_S: Final = 20
_FRAME_EVERY_S: Final = 0.1
"""Of simulated time: the film runs at twice the speed."""
_SIZE: Final = (480, 360)
"""Width and height [px] of either half."""
_HOLD_FRAMES: Final = 12
_CAPTION_PX: Final = 44
_SUCCESS: Final = (0x00, 0x72, 0xB2)
_FAILURE: Final = (0xB2, 0x47, 0x00)
_GROUND: Final = (0x1B, 0x1F, 0x24)
_WHITE: Final = (0xFF, 0xFF, 0xFF)

Filmed = tuple[list[UInt8Array], bool]
"""Frames (height, width, 3) RGB of an episode, and whether it succeeded."""


@dataclass(frozen=True)
class Replay:
    """`dsrl_core.rollout.Decider` that decides as in a recorded episode."""

    episode: Episode

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        """The recorded decision of that sequence, as if it had been made of this observation."""
        return replace(self.episode.steps[sequence].decision, observation=observation)


class FilmedRobot:
    """`dsrl_core.rollout.Environment` that takes a picture now and then."""

    def __init__(self, robot: SimulatedRobot, frame_every_ns: int) -> None:
        self._robot, self._every_ns = robot, frame_every_ns
        self.frames: list[UInt8Array] = []

    @property
    def time_ns(self) -> int:
        return self._robot.time_ns

    @property
    def joint_positions(self) -> Float64Array:
        return self._robot.joint_positions

    @property
    def seen(self) -> tuple[RobotInputs, ...]:
        return self._robot.seen

    @property
    def success(self) -> bool:
        return self._robot.success

    def reset(self, seed: int) -> None:
        self._robot.reset(seed)
        self.frames = []
        self._began_ns = self._robot.time_ns
        self._shoot()

    def apply(self, set_point: SetPoint) -> None:
        self._robot.apply(set_point)
        if (self._robot.time_ns - self._began_ns) % self._every_ns == 0:
            self._shoot()

    def _shoot(self) -> None:
        self.frames.append(self._robot.world.render(SCENE_CAMERA, *_SIZE))


class Studio:
    """Plays recorded episodes of one task again, in front of a camera."""

    def __init__(self, task_name: str, store: EpisodeStore, catalog: Catalog) -> None:
        self._task, self._store, self._catalog = catalog.task(task_name), store, catalog
        self._policy = catalog.policy_of(self._task)

    def film(self, number: int) -> Filmed:
        """The episode of that number.

        Raises:
            UnknownName: it is not in the store.
            RendererMissing: nothing on this machine can draw.
        """
        episode = self._store.read(number)
        rollout = make_rollout(self._task, self._catalog, self._policy, Replay(episode))
        robot = rollout.environment
        assert isinstance(robot, SimulatedRobot)
        camera = FilmedRobot(robot, round(_FRAME_EVERY_S * 1e9))
        environment: Environment = camera
        rollout.environment = environment
        try:
            _, success = rollout.run(number, episode.mode, episode.seed)
        finally:
            robot.world.close()
        return camera.frames, success


def side_by_side(before: Filmed, after: Filmed, title: str) -> list[UInt8Array]:
    """Both films in one; the shorter stands still at its end, where its outcome is told."""
    length = max(len(before[0]), len(after[0])) + _HOLD_FRAMES
    return [
        np.hstack(
            [
                _half(before, index, f"base policy, {title}"),
                _half(after, index, f"steered, {title}"),
            ]
        )
        for index in range(length)
    ]


def write_film(frames: list[UInt8Array], path: Path) -> None:
    """Write RGB frames as MP4 for players, or as an animated WebP for pages, by the path's ending.

    Raises:
        InvalidValue: another ending.
        DsrlError: the encoder refuses, or the file cannot be written.
    """
    writers: dict[str, Callable[[list[UInt8Array], Path], bool]] = {
        ".mp4": _write_mp4,
        ".webp": _write_webp,
    }
    if path.suffix not in writers:
        raise InvalidValue(f"cannot film to {path}; expected a name that ends in .mp4 or .webp")
    pictures = [cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) for frame in frames]
    if not writers[path.suffix](pictures, path):
        raise DsrlError(f"{path} cannot be written as {path.suffix[1:]}")


def _half(film: Filmed, index: int, title: str) -> UInt8Array:
    frames, success = film
    is_over = index >= len(frames) - 1
    picture = frames[min(index, len(frames) - 1)]
    colour = (_SUCCESS if success else _FAILURE) if is_over else _GROUND
    caption = np.full((_CAPTION_PX, picture.shape[1], 3), colour, dtype=np.uint8)
    text = f"{title}: {'success' if success else 'failure'}" if is_over else title
    cv2.putText(caption, text, (14, 29), cv2.FONT_HERSHEY_SIMPLEX, 0.7, _WHITE, 1, cv2.LINE_AA)
    return np.vstack([caption, picture])


def _write_mp4(pictures: list[UInt8Array], path: Path) -> bool:
    height, width = pictures[0].shape[:2]
    # MPEG-4, which every player knows; of those that browsers play, OpenCV's wheels have only slow
    # ones.
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_PER_S, (width, height)
    )
    if not writer.isOpened():
        return False
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path.is_file() and path.stat().st_size > 0


def _write_webp(pictures: list[UInt8Array], path: Path) -> bool:
    animation = cv2.Animation()
    animation.frames = pictures
    animation.durations = [1000 // FRAMES_PER_S] * len(pictures)
    return bool(cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, 60]))


def _pair(text: str) -> tuple[int, int]:
    before, _, after = text.partition(":")
    return int(before), int(after)


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module."""
    parser = argparse.ArgumentParser(prog="python -m dsrl_sim.video", description=__doc__)
    parser.add_argument("--task", required=True)
    parser.add_argument("--episodes", type=Path, required=True, help="folder of recorded episodes")
    parser.add_argument("--pair", type=_pair, action="append", required=True, help="BEFORE:AFTER")
    parser.add_argument(
        "--out", type=Path, action="append", required=True, help="a name in .mp4 or .webp"
    )
    asked = parser.parse_args(arguments)
    try:
        studio = Studio(asked.task, EpisodeStore(asked.episodes), Catalog.default())
        frames: list[UInt8Array] = []
        for reset, (before, after) in enumerate(asked.pair):
            films = studio.film(before), studio.film(after)
            frames += side_by_side(*films, title=f"reset {reset}")
        for path in asked.out:
            write_film(frames, path)
    except RendererMissing as error:
        sys.stderr.write(f"{error}\n")
        return NO_RENDERER
    except DsrlError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
