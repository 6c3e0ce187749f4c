"""Moments of a world: to go back to, or to draw when they are over."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco

from dsrl_core.types import Float64Array
from dsrl_sim.gripper import GripperState


@dataclass(frozen=True)
class Snapshot:
    """All that the future of a world depends on."""

    physics: Float64Array
    time_ns: int
    reset_time_ns: int
    targets: Float64Array
    gripper: GripperState
    fulfilled_steps: int
    success: bool


@dataclass(frozen=True)
class Layout:
    """Where everything in a world is, for drawing."""

    positions: Float64Array
    mocap_m: Float64Array


class PastScene:
    """Lays a world out as it was, beside the one that goes on."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._data: mujoco.MjData | None = None

    def laid_out(self, layout: Layout) -> mujoco.MjData:
        """With the frames of that moment, until the next call."""
        if self._data is None:
            self._data = mujoco.MjData(self._model)
        self._data.qpos[:], self._data.mocap_pos[:] = layout.positions, layout.mocap_m
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        return self._data
