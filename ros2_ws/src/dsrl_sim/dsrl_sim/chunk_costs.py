"""How far chunks stay from a perfect execution, by the simulator's truth: a cost per task kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from dsrl_core.types import Float32Array, Float64Array
from dsrl_sim.expert import UNTOUCHED_M, PickView, approach_height
from dsrl_sim.placer import PlaceView, carry_height, way_to_release

_OPENS_FROM_M: Final = 0.04
"""A wider width in a chunk is a command to open, a narrower one to close."""
_GRASP_LATERAL_M: Final = 0.017
_GRASP_HEIGHT_M: Final = 0.015
"""Distances of the tool from the cube's centre within which closing nearly always grasps."""
_RELEASE_LATERAL_M: Final = 0.028
_RELEASE_HEIGHT_M: Final = 0.03
"""Distances of the cube from the release within which opening nearly always puts it in."""
_HEIGHT_WEIGHT: Final = 0.3
_YAW_WEIGHT_M_RAD: Final = 0.03


def pick_costs(observation: Float32Array, chunks: Float32Array) -> Float64Array:
    """Observation (9,) and chunks (n, horizon, 5) to costs (n,).

    Open gripper: the distance, after the chunk, to the way of the error-free expert; a chunk that
    closes beats all others where it would grasp, and loses to all where it would not. Closed
    gripper: it is to stay closed and to rise.
    """
    view = PickView.of(observation)
    displacements, turns, widths = chunks[:, :, :3], chunks[:, :, 3], chunks[:, :, 4]
    closes = widths < _OPENS_FROM_M
    if view.gripper_width < UNTOUCHED_M:
        return np.asarray((~closes).sum(axis=1) - displacements[:, :, 2].sum(axis=1))
    tool = view.tool_position + np.cumsum(displacements, axis=1)
    yaw = view.tool_yaw + np.cumsum(turns, axis=1)
    chosen = _turning_points(closes)
    error = tool[chosen] - view.object_position
    lateral = np.hypot(error[:, 0], error[:, 1])
    height = np.abs(error[:, 2] - approach_height(lateral))
    turned = np.abs(yaw[chosen] - view.object_yaw)
    grasps = (lateral < _GRASP_LATERAL_M) & (np.abs(error[:, 2]) < _GRASP_HEIGHT_M)
    closing = np.where(closes.any(axis=1), np.where(grasps, -1.0, 1.0), 0.0)
    return np.asarray(closing + lateral + _HEIGHT_WEIGHT * height + _YAW_WEIGHT_M_RAD * turned)


def place_costs(observation: Float32Array, chunks: Float32Array) -> Float64Array:
    """Observation (12,) and chunks (n, horizon, 5) to costs (n,).

    Until the cube is in the hand: as for a pick. Cube in the hand: the distance, after the chunk,
    to the way of the error-free expert; a chunk that opens beats all others where the cube would
    fall into the bowl, and loses to all where it would not. Cube let go: it is to stay open, and
    not to move sideways.
    """
    view = PlaceView.of(observation)
    displacements, opens = chunks[:, :, :3], chunks[:, :, 4] >= _OPENS_FROM_M
    if view.is_delivered:
        sideways = np.linalg.norm(displacements[:, :, :2], axis=2).sum(axis=1)
        return np.asarray((~opens).sum(axis=1) + sideways)
    if not view.is_in_hand:
        return pick_costs(observation[:9], chunks)
    remaining = way_to_release(view) - np.cumsum(displacements, axis=1)
    way = remaining[_turning_points(opens)]
    lateral = np.hypot(way[:, 0], way[:, 1])
    height = np.abs(way[:, 2] + carry_height(lateral))
    falls_in = (lateral < _RELEASE_LATERAL_M) & (np.abs(way[:, 2]) < _RELEASE_HEIGHT_M)
    opening = np.where(opens.any(axis=1), np.where(falls_in, -1.0, 1.0), 0.0)
    return np.asarray(opening + lateral + _HEIGHT_WEIGHT * height)


def _turning_points(
    turns: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Index of the first true action of each of (n, horizon), or of the last action."""
    return np.arange(len(turns)), np.where(turns.any(axis=1), turns.argmax(axis=1), -1)


COSTS: Final[Mapping[str, Callable[[Float32Array, Float32Array], Float64Array]]] = MappingProxyType(
    {"pick": pick_costs, "place": place_costs}
)
"""By kind of scene."""
