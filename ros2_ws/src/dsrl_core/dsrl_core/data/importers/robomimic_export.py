"""Writes robomimic datasets; see `robomimic` for the format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from dsrl_core.data.importers.libraries import library
from dsrl_core.data.importers.steps import EpisodeSteps, indexed
from dsrl_core.specs import PolicySpec

_GYM: Final = 2
"""robomimic's number for environments that it knows nothing special about."""


class RobomimicWriter:
    """One file; an episode at a time, then `finish`.

    Actions are in the policy's units, not scaled to -1..1; whether an episode succeeded stands in
    a dataset `success` beside `rewards`, which robomimic ignores.
    """

    reward: Final = "rewards"

    def __init__(self, path: Path, policy: PolicySpec, with_images: bool) -> None:
        self._policy, self._with_images = policy, with_images
        self._file = library("h5py").File(path, "w")
        self._data = self._file.create_group("data")
        self._total = 0
        self._successes: list[str] = []

    def add(self, index: int, steps: EpisodeSteps) -> None:
        """Write an episode."""
        name = f"demo_{index}"
        demo = self._data.create_group(name)
        count = len(steps.actions)
        demo.attrs["num_samples"] = count
        demo.create_dataset("actions", data=steps.actions)
        demo.create_dataset("rewards", data=steps.rewards)
        # Dummies, as the format asks for where there is no simulator's state.
        demo.create_dataset("states", data=np.zeros((count, 0)))
        last = np.arange(count) == count - 1
        demo.create_dataset("dones", data=(last & steps.terminated).astype(np.int64))
        demo.create_dataset("success", data=(last & steps.success).astype(np.int64))
        columns = self._columns(steps)
        for group, rows in (("obs", slice(0, -1)), ("next_obs", slice(1, None))):
            for key, values in columns.items():
                demo.create_dataset(f"{group}/{key}", data=values[rows])
        self._total += count
        if index == 0:
            self._data.attrs["env_args"] = self._environment(steps.task)
        if steps.success:
            self._successes.append(name)

    def finish(self) -> None:
        """Write what is said of all of them, and close the file."""
        self._data.attrs["total"] = self._total
        masks = {"train": list(self._data), "success": self._successes}
        for name, demos in masks.items():
            if demos:
                self._file.create_dataset(f"mask/{name}", data=np.array(demos, dtype="S"))
        self._file.close()

    def mapping(self) -> dict[str, Any]:
        """What a mapping file has to say of it."""
        observation = {
            spec.name: {"source": spec.name, "unit": spec.unit or "1"}
            for spec in self._policy.observation
        }
        cameras = {c.name: _camera_key(c.name) for c in self._policy.cameras}
        return {
            "observation": observation,
            "action": indexed(self._policy.action.fields, "actions"),
            **({"cameras": cameras} if self._with_images else {}),
            "success": {"source": "success"},
            "terminated": "dones",
        }

    def _columns(self, steps: EpisodeSteps) -> dict[str, Any]:
        """Observations by key, shape (n + 1, ...)."""
        ends = np.cumsum([spec.size for spec in self._policy.observation])
        columns: dict[str, Any] = {
            spec.name: steps.observations[:, end - spec.size : end]
            for spec, end in zip(self._policy.observation, ends, strict=True)
        }
        if self._with_images and steps.images is not None:
            for index, camera in enumerate(self._policy.cameras):
                columns[_camera_key(camera.name)] = steps.images[:, index]
        return columns

    def _environment(self, task: str) -> str:
        rate = 1.0 / self._policy.action.period_s
        about = {"env_name": task, "env_type": _GYM, "env_kwargs": {"control_freq": rate}}
        return json.dumps(about)


def _camera_key(name: str) -> str:
    return f"{name}_image"
