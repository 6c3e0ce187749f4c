"""robomimic's tasks, by their low-dimensional observations: robosuite without what wraps it.

robomimic's own wrapper adds nothing to these but another name for the object's state, and its last
release cannot be imported without mujoco_py.

Facts: github.com/ajwagen/dsrl `cfg/robomimic/` (keys and their order, time limits), its `dppo`
`cfg/robomimic/env_meta/` (the environment's arguments), `env_utils.py` (reward - 1 per action).
There the episode goes on at reward 0 after a success; here a success terminates, which is worth
the same and takes less time. Observations and actions are raw: normalisation is the policy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dsrl_core.environments.episode_clock import EpisodeClock
from dsrl_core.environments.packages import package
from dsrl_core.environments.step_environment import Step, sparse_step
from dsrl_core.types import Float32Array

REMEDY: Final = 'pip install "dsrl-core[robomimic]"'
CONTROL_HZ: Final = 20


@dataclass(frozen=True)
class _Task:
    """What the released code tells of one task."""

    suite_name: str
    max_steps: int
    arms: int = 1

    @property
    def keys(self) -> tuple[str, ...]:
        """Parts of the observation in order."""
        parts = ("eef_pos", "eef_quat", "gripper_qpos")
        return (
            *(f"robot{arm}_{part}" for arm in range(self.arms) for part in parts),
            "object-state",
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """`env_kwargs` of the released metadata, made for robosuite 1.4."""
        arguments: dict[str, Any] = {
            "has_renderer": False,
            "has_offscreen_renderer": False,
            "ignore_done": True,
            "use_object_obs": True,
            "use_camera_obs": False,
            "control_freq": CONTROL_HZ,
            "controller_configs": CONTROLLER,
            "robots": ["Panda"] * self.arms,
            "camera_depths": False,
            "reward_shaping": False,
        }
        if self.arms == 2:
            arguments["env_configuration"] = "single-arm-opposed"
        return arguments


CONTROLLER: Final = {
    "type": "OSC_POSE",
    "input_max": 1,
    "input_min": -1,
    "output_max": [0.05, 0.05, 0.05, 0.5, 0.5, 0.5],
    "output_min": [-0.05, -0.05, -0.05, -0.5, -0.5, -0.5],
    "kp": 150,
    "damping": 1,
    "impedance_mode": "fixed",
    "kp_limits": [0, 300],
    "damping_limits": [0, 10],
    "position_limits": None,
    "orientation_limits": None,
    "uncouple_pos_ori": True,
    "control_delta": True,
    "interpolation": None,
    "ramp_ratio": 0.2,
}
TASKS: Final = {
    "lift": _Task("Lift", 300),
    "can": _Task("PickPlaceCan", 300),
    "square": _Task("NutAssemblySquare", 400),
    "transport": _Task("TwoArmTransport", 800, arms=2),
}


class Robomimic:
    """`StepEnvironment` of a robomimic task; reward success - 1 per action."""

    images_shape = None
    images = None
    period_s = 1.0 / CONTROL_HZ

    def __init__(self, name: str) -> None:
        """
        Raises:
            MissingPackage: robosuite is not installed.
        """
        self.name, self._task = name, TASKS[name]
        suite = package("robosuite", name, REMEDY)
        self._world = suite.make(self._task.suite_name, **self._task.arguments)
        # As released: the scene's model is not made anew at every reset.
        self._world.hard_reset = False
        size = len(self._world.action_spec[0])
        self.action_low = np.full(size, -1.0, np.float32)
        self.action_high = np.full(size, 1.0, np.float32)
        self.observation_size = len(self._vector(self._world.reset()))
        self.max_steps = self._task.max_steps
        self._clock = EpisodeClock(name, self.max_steps)

    def reset(self, seed: int) -> Float32Array:
        # robosuite 1.4 draws from numpy's global generator, whose seeds have 32 bits.
        np.random.seed(seed % 2**32)  # noqa: NPY002
        self._clock.start()
        return self._vector(self._world.reset())

    def step(self, action: Float32Array) -> Step:
        self._clock.require_running()
        seen, *_ = self._world.step(action)
        success = bool(self._world._check_success())
        is_late = self._clock.tick(success)
        return sparse_step(self._vector(seen), success, is_late)

    def close(self) -> None:
        self._world.close()

    def _vector(self, seen: Mapping[str, Any]) -> Float32Array:
        return np.concatenate([seen[key] for key in self._task.keys]).astype(np.float32)
