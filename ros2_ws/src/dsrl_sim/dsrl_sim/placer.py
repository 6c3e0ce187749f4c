"""A scripted placer: it picks the cube like the picker, carries it over the bowl and lets go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.types import Float32Array, Float64Array
from dsrl_sim.expert import (
    CLOSED_M,
    GRASPED_M,
    OPEN_M,
    UNTOUCHED_M,
    PickView,
    ScriptedExpert,
    action_of,
)

RELEASE_ABOVE_M: Final = 0.04
"""Height of the cube's centre above its goal at which the fingers open, over the rim."""
_HOVER_M: Final = 0.06
"""Height above the release at which the cube clears the bowl from afar."""
_FUNNEL_START_M: Final = 0.012
_FUNNEL_SLOPE: Final = 4.0
"""Fall of the allowed height over the distance from the bowl's axis."""
_AT_RELEASE_M: Final = 0.006
_DELIVERED_M: Final = 0.13
"""A cube so near its goal that no hand holds is left where it is: fingers there are opening."""
_CLEAR_M: Final = 0.03
"""Height of the cube's centre above the table from which on it may move sideways."""
_CLEAR_SPAN_M: Final = 0.04
_AWAY_M: Final = 0.20
"""Height of the tool at the end."""
_IN_HAND_M: Final = 0.03
"""Distance of the cube from the tool within which closed fingers hold it."""


@dataclass(frozen=True)
class PlaceView(PickView):
    """The observation of a place by name."""

    goal_position: Float64Array
    """Where the cube's centre is to rest."""

    @staticmethod
    def of(values: Float32Array) -> PlaceView:
        """From the policy's observation, shape (12,)."""
        pick = PickView.of(values[:9])
        goal = np.asarray(values[9:12], dtype=np.float64)
        return PlaceView(
            pick.tool_position,
            pick.tool_yaw,
            pick.gripper_width,
            pick.object_position,
            pick.object_yaw,
            goal,
        )

    @property
    def is_closed(self) -> bool:
        """Whether the fingers have closed, on the cube or on nothing."""
        return self.gripper_width < GRASPED_M

    @property
    def is_in_hand(self) -> bool:
        """Whether closed fingers hold the cube."""
        away = np.linalg.norm(self.object_position - self.tool_position)
        return self.is_closed and bool(away < _IN_HAND_M)

    @property
    def is_delivered(self) -> bool:
        """Whether the cube is at the bowl, in it or beside it, as far as it is to be brought."""
        offset = self.object_position - self.goal_position
        return math.hypot(offset[0], offset[1]) < _DELIVERED_M and not self.is_closed

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to come: the hand has let go, or rises without the cube."""
        if self.is_closed:
            return not self.is_in_hand and bool(self.tool_position[2] > _AWAY_M - 0.01)
        return self.is_delivered and self.gripper_width > UNTOUCHED_M


class ScriptedPlacer:
    """Approaches, grasps, lifts, carries, lowers, lets go, rises; one action per 0.1 s.

    Its action is a function of the observation and the errors alone, so that a policy without
    memory can learn it. What it takes for the cube's centre is wrong by `grasp_error_m`, and what
    it takes for the bowl's by `release_error_m`.
    """

    def __init__(
        self,
        grasp_error_m: tuple[float, float] = (0.0, 0.0),
        release_error_m: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """`grasp_error_m`: (x, y) [m] in the gripper's frame; the other in the base frame."""
        self._picker = ScriptedExpert(grasp_error_m)
        self._release_error = np.array([*release_error_m, 0.0])

    def action(self, observation: Float32Array) -> Float32Array:
        """Shape (5,): (dx, dy, dz) [m] and dyaw [rad] of the commanded tool, width [m]."""
        view = PlaceView.of(observation)
        if view.is_in_hand:
            return self._carry(view)
        if view.is_delivered:
            rise = _AWAY_M - view.tool_position[2] if view.gripper_width > UNTOUCHED_M else 0.0
            return action_of(np.array([0.0, 0.0, rise]), 0.0, OPEN_M)
        return self._picker.action(observation[:9])

    def _carry(self, view: PlaceView) -> Float32Array:
        way = way_to_release(view) + self._release_error
        distance = math.hypot(way[0], way[1])
        if distance < _AT_RELEASE_M and abs(way[2]) < _AT_RELEASE_M:
            return action_of(way, 0.0, OPEN_M)
        way[2] += float(carry_height(np.array(distance)))
        way[:2] *= sideways_share(view.object_position[2])
        return action_of(way, 0.0, CLOSED_M)


def way_to_release(view: PlaceView) -> Float64Array:
    """From the cube to where it is to be let go, shape (3,) [m]."""
    return view.goal_position + np.array([0.0, 0.0, RELEASE_ABOVE_M]) - view.object_position


def carry_height(distance_m: Float64Array) -> Float64Array:
    """How far above the release [m] the cube stays at lateral distances from it."""
    return np.clip((distance_m - _FUNNEL_START_M) * _FUNNEL_SLOPE, 0.0, _HOVER_M)


def sideways_share(height_m: Float64Array | float) -> Float64Array:
    """Share of the sideways way that a cube at a height may go: first it is lifted."""
    return np.clip((np.asarray(height_m) - _CLEAR_M) / _CLEAR_SPAN_M, 0.0, 1.0)
