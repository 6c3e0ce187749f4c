"""LIBERO-90, task 57: the one that DSRL steered pi0 on.

Facts: github.com/nakamotoo/dsrl_pi0 `examples/train_sim.py` and `train_utils_sim.py` (task, 256 px,
400 steps, images turned by half a turn, what the state vector holds); LIBERO's own
`libero/libero/envs/bddl_base_domain.py` (reward 1 and the end at a success). As in our robomimic,
the reward is success - 1 per action.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from dsrl_core.environments.episode_clock import EpisodeClock
from dsrl_core.environments.packages import package
from dsrl_core.environments.step_environment import Step, sparse_step
from dsrl_core.types import Float32Array, Float64Array, UInt8Array

REMEDY: Final = (
    "install LIBERO as its page says, with robosuite 1.4 "
    "(https://github.com/Lifelong-Robot-Learning/LIBERO)"
)
SUITE: Final = "libero_90"
TASK: Final = 57
SIZE_PX: Final = 256
CONTROL_HZ: Final = 20
CAMERAS: Final = ("agentview_image", "robot0_eye_in_hand_image")


class Libero:
    """`StepEnvironment` of one task; the vector is tool position, axis-angle and both fingers."""

    observation_size = 8
    max_steps = 400
    period_s = 1.0 / CONTROL_HZ
    images_shape = (len(CAMERAS), SIZE_PX, SIZE_PX, 3)

    def __init__(self, name: str) -> None:
        """
        Raises:
            MissingPackage: LIBERO, or something that it needs, is not installed.
        """
        self.name = name
        files = package("libero.libero", name, REMEDY)
        suite = package("libero.libero.benchmark", name, REMEDY).get_benchmark_dict()[SUITE]()
        worlds = package("libero.libero.envs", name, REMEDY)
        task = suite.get_task(TASK)
        self.prompt = str(task.language)
        path = Path(files.get_libero_path("bddl_files")) / task.problem_folder / task.bddl_file
        self._world = worlds.OffScreenRenderEnv(
            bddl_file_name=str(path), camera_heights=SIZE_PX, camera_widths=SIZE_PX
        )
        size = int(self._world.env.action_dim)
        self.action_low = np.full(size, -1.0, np.float32)
        self.action_high = np.full(size, 1.0, np.float32)
        self._seen: Mapping[str, Any] | None = None
        self._clock = EpisodeClock(name, self.max_steps)

    @property
    def images(self) -> UInt8Array | None:
        if self._seen is None:
            return None
        return np.stack([np.asarray(self._seen[name])[::-1, ::-1] for name in CAMERAS])

    def reset(self, seed: int) -> Float32Array:
        # It draws from numpy's global generator, whose seeds have 32 bits.
        self._world.seed(seed % 2**32)
        self._clock.start()
        self._seen = self._world.reset()
        return _vector(self._seen)

    def step(self, action: Float32Array) -> Step:
        self._clock.require_running()
        self._seen, _, done, _ = self._world.step(action)
        success = bool(done)
        is_late = self._clock.tick(success)
        return sparse_step(_vector(self._seen), success, is_late)

    def close(self) -> None:
        self._world.close()


def axis_angle(quaternion_xyzw: Float64Array) -> Float64Array:
    """(3,) [rad] of a unit quaternion (x, y, z, w), as robosuite computes it."""
    w = float(np.clip(quaternion_xyzw[3], -1.0, 1.0))
    sine = math.sqrt(1.0 - w * w)
    if math.isclose(sine, 0.0):
        return np.zeros(3)
    return np.asarray(quaternion_xyzw[:3] * 2.0 * math.acos(w) / sine)


def _vector(seen: Mapping[str, Any]) -> Float32Array:
    parts = (
        seen["robot0_eef_pos"],
        axis_angle(np.asarray(seen["robot0_eef_quat"])),
        seen["robot0_gripper_qpos"],
    )
    return np.concatenate(parts).astype(np.float32)
