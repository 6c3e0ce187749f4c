"""Whether the robot stands where an episode begins, and what is wrong if it does not."""

from __future__ import annotations

from typing import Final

import numpy as np

from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array

JOINT_TOLERANCE_RAD: Final = 0.01
_WIDTH_TOLERANCE_M: Final = 5e-3


class StartCheck:
    """The start of a task: a posture (joints,) [rad] and an open gripper."""

    def __init__(self, robot: RobotSpec, posture: Float64Array) -> None:
        self.posture = posture
        self._names = robot.joint_names
        self._width_m = robot.gripper_width_max_m

    def joints(self, measured: Float64Array | None) -> str:
        """What is wrong with the measured joints (joints,) [rad]; empty: nothing."""
        if measured is None:
            return "the joint states are not heard"
        away = np.abs(measured - self.posture)
        joint = int(away.argmax())
        if not away[joint] <= JOINT_TOLERANCE_RAD:
            return (
                f"{self._names[joint]} is {away[joint]:.3f} rad away from its start, expected "
                f"{JOINT_TOLERANCE_RAD} at most"
            )
        return ""

    def gripper(self, width_m: float | None) -> str:
        """What is wrong with the gripper's measured width [m]; empty: nothing."""
        if width_m is None:
            return "the gripper's state is not heard"
        if not width_m >= self._width_m - _WIDTH_TOLERANCE_M:
            return f"the gripper is {width_m:.3f} m wide, expected open ({self._width_m} m)"
        return ""
