"""A motion that another controller makes: nothing of it passes safety, so all of it is looked at
before, and it is cut into legs that are over soon.

On a leg every joint is allowed the velocity with which it takes as long as the others, so that the
way is near the straight line between the two postures, which is what is looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.control.chunk_player import RETURN_SHARE
from dsrl_core.control.kinematics import Kinematics
from dsrl_core.control.zones import Zones
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array

LEG_S: Final = 0.5
"""A leg takes so long, at most, at its velocities. It is the longest that such a motion goes on
after a stop where a driver does not heed a cancellation before the leg is over."""
_STEP_RAD: Final = 0.005
"""Between two looks no joint goes further."""
_SLOWEST_RAD_S: Final = 0.01
"""A joint that need not move is allowed this: no velocity at all would be no limit."""


@dataclass(frozen=True)
class Leg:
    """A part of the way."""

    joints: Float64Array
    """Where it ends, (joints,) [rad]."""
    velocity_max: Float64Array
    """(joints,) [rad/s]."""


class StraightWay:
    """Ways of one arm, as fast as a return by set-points."""

    def __init__(self, robot: RobotSpec) -> None:
        """
        Raises:
            InvalidFile: the robot's model cannot be read.
        """
        self._zones = Zones(robot, Kinematics(robot))
        self._speed = RETURN_SHARE * np.array(robot.joint_velocity_max_rad_s)

    def forbidden(self, start: Float64Array, goal: Float64Array) -> str:
        """Why the way between two postures (joints,) [rad] must not be gone; empty: it may.

        An arm that stands where it must not may leave, and not go deeper.
        """
        looks = math.ceil(float(np.abs(goal - start).max()) / _STEP_RAD)
        for look in range(1, looks + 1):
            share = look / looks
            if rule := self._zones.entered(start + share * (goal - start), start):
                return (
                    f"the straight way to the start leads where the tool may not be ({rule}), "
                    f"after {100 * share:.0f} % of it"
                )
        return ""

    def legs(self, start: Float64Array, goal: Float64Array) -> list[Leg]:
        """The way in parts, one at least; the last one ends at the goal exactly."""
        way = goal - start
        duration_s = float((np.abs(way) / self._speed).max())
        count = max(1, math.ceil(duration_s / LEG_S))
        velocity = np.abs(way) / max(duration_s, LEG_S)
        velocity = np.maximum(velocity, _SLOWEST_RAD_S)
        inner = [Leg(start + leg / count * way, velocity) for leg in range(1, count)]
        return [*inner, Leg(goal, velocity)]
