"""What the arm feels from outside, as its own observers estimate it."""

from __future__ import annotations

import math
from typing import Final

import mujoco
import numpy as np

from dsrl_core.types import Float64Array

CUTOFF_HZ: Final = 30.0
"""Of the low-pass filter on the external torques."""
_REGULARISATION: Final = 1e-4
"""Keeps the wrench finite where the arm is singular."""


class ExternalForces:
    """External joint torques from the contacts of a model, filtered, and the wrench at the tool.

    Signs are libfranka's: what the robot does to its surroundings is positive.
    """

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, arm: slice, tool: int, step_s: float
    ) -> None:
        """`tool` is a site, `step_s` the time between two calls of `step`."""
        self._model, self._data = model, data
        self._arm, self._tool = arm, tool
        self._share = 1.0 - math.exp(-2.0 * math.pi * CUTOFF_HZ * step_s)
        self._jacobian = np.zeros((6, model.nv))
        self._push: Float64Array | None = None
        self.torques: Float64Array = np.zeros(arm.stop - arm.start)
        """Filtered, (joints,) [Nm]."""

    def reset(self) -> None:
        self.torques = np.zeros_like(self.torques)

    def push(self, wrench: Float64Array) -> None:
        """A wrench (6,) [N, Nm] on the tool in the base frame from now on; zeros end it."""
        self._push = wrench.copy() if wrench.any() else None
        if self._push is None:
            self._data.qfrc_applied[self._arm] = 0.0

    def apply(self) -> None:
        """Put the push on the joints; before every step of physics."""
        if self._push is not None:
            self._data.qfrc_applied[self._arm] = self.jacobian().T @ self._push

    def step(self, load: Float64Array | None) -> None:
        """Take the forces of the last step of physics in.

        `load`: torques (joints,) that a configured load's weight causes, which the robot knows of.
        """
        data = self._data
        outside: Float64Array = -data.qfrc_constraint[self._arm]
        if self._push is not None:
            outside = outside - data.qfrc_applied[self._arm]
        if load is not None:
            outside = outside - load
        self.torques = self.torques + self._share * (outside - self.torques)

    def jacobian(self) -> Float64Array:
        """Of the tool point in the base frame, (6, joints): linear rows, then angular ones."""
        mujoco.mj_jacSite(
            self._model, self._data, self._jacobian[:3], self._jacobian[3:], self._tool
        )
        return self._jacobian[:, self._arm]

    def tool_rotation(self) -> Float64Array:
        """Axes (3, 3) of the tool in the base frame."""
        return np.array(self._data.site_xmat[self._tool]).reshape(3, 3)

    def wrench(self) -> Float64Array:
        """(6,) [N, Nm] at the tool point, in the base frame's axes, that explains the torques."""
        if not self.torques.any():
            return np.zeros(6)
        jacobian = self.jacobian()
        square = jacobian @ jacobian.T
        square[np.diag_indices(6)] += _REGULARISATION
        return np.asarray(np.linalg.solve(square, jacobian @ self.torques), dtype=np.float64)
