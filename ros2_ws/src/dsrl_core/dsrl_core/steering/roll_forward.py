"""What will be seen once the actions that are committed have been played, as they are commanded.

A chunk that is asked for while the one before still plays is for the state that this one leads to.
What the policy's file says that an action moves (`moves`, `relative`) is moved; all else, images
and what the world does by itself above all, stays as it was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import numpy as np

from dsrl_core.errors import UnknownName
from dsrl_core.specs import FieldSpec, PolicySpec, RobotSpec
from dsrl_core.types import Float32Array, Observation

GRIPPER: Final = "gripper_width"
CARRIED: Final = {"tool_position": "object_position", "tool_yaw": "object_yaw"}
"""What of a held object goes where the tool goes."""
_HELD_M: Final = 0.005
"""Fingers that are so far apart although they are told to close may hold something."""
_OPEN_SHARE: Final = 0.7
"""Fingers that are further apart than this share of the largest width are still closing."""
_NEAR_M: Final = 0.03
"""An object whose middle is so near to the tool's point lies between the fingers."""
_SPEED_M_S: Final = 0.1
"""At which a Franka Hand's width changes, as tasks have it."""
_Place = TypeVar("_Place")


def slices_of(fields: Sequence[FieldSpec]) -> dict[str, slice]:
    """Where every field stands in a vector of them."""
    places, start = {}, 0
    for part in fields:
        places[part.name] = slice(start, start + part.size)
        start += part.size
    return places


def moved_by_actions(
    policy: PolicySpec, places: Mapping[str, _Place]
) -> list[tuple[_Place, slice, bool]]:
    """For every action's field that moves another: where that one is, the action's columns, and
    whether it adds to it.

    Raises:
        UnknownName: an action moves a field that is not among the places.
    """
    found = []
    for part, columns in zip(
        policy.action.fields, slices_of(policy.action.fields).values(), strict=True
    ):
        if part.moves is None:
            continue
        if part.moves not in places:
            raise UnknownName("observation field", part.moves, places)
        found.append((places[part.moves], columns, part.relative))
    return found


class _Hand:
    """How wide the fingers will be: told of a width they go there at their speed, a while later."""

    def __init__(self, policy: PolicySpec, robot: RobotSpec) -> None:
        self._levels = policy.action.gripper_levels_m
        self._row_s, self._latency_s = policy.action.period_s, robot.gripper_latency_s
        self.most_m = robot.gripper_width_max_m

    def wanted(self, commands: Float32Array) -> list[float]:
        """Widths [m] that actions really ask for, of what they say."""
        widths = [min(max(float(width), 0.0), self.most_m) for width in commands]
        if not self._levels:
            return widths
        return [min(self._levels, key=lambda level: abs(level - width)) for width in widths]

    def after(self, width: float, wanted: Sequence[float]) -> float:
        """The width [m] after actions that ask for these, with nothing in the way."""
        # At an end stop the hand has not begun; elsewhere it is under way to what was asked before.
        at_end = next((end for end in (0.0, self.most_m) if abs(width - end) < _HELD_M), wanted[0])
        for before, aim in zip([at_end, *wanted], wanted, strict=False):
            changed = abs(aim - before) > _HELD_M
            step_m = _SPEED_M_S * (self._row_s - (self._latency_s if changed else 0.0))
            width += min(max(aim - width, -step_m), step_m)
        return width


class RollForward:
    """For one policy and robot.

    A gripper that is told to close on something stays as wide as that is; what it holds goes where
    the tool goes. Otherwise it opens and closes at its speed.
    """

    def __init__(self, policy: PolicySpec, robot: RobotSpec) -> None:
        self._steps = policy.observation_steps
        observed = slices_of(policy.observation)
        # An action may move what only the policy's encoder estimates: that is no part of it here.
        places: dict[str, slice | None] = dict.fromkeys(policy.estimates)
        moved = moved_by_actions(policy, places | observed)
        self._grip = observed.get(GRIPPER)
        self._moved = [
            (place, columns, is_relative)
            for place, columns, is_relative in moved
            if place is not None and place != self._grip
        ]
        self._carried = [
            (observed[name], columns)
            for place, columns, is_relative in self._moved
            for tool, name in CARRIED.items()
            if is_relative and observed.get(tool) == place and name in observed
        ]
        self._points = [observed.get(name) for name in ("tool_position", "object_position")]
        # Every action ends with the gripper's width.
        self._commands_width = policy.action.fields[-1].moves == GRIPPER
        self._hand = _Hand(policy, robot)

    def __call__(
        self, observation: Observation, committed: Sequence[Sequence[float]]
    ) -> Observation:
        """The observation after these actions (rows, action_dim).

        What is seen of the past moves on with it, one observation for every action.
        """
        if not committed:
            return observation
        rows = np.array(committed, dtype=np.float32)
        seen = np.split(observation.values, self._steps)
        values = [self._after(seen[0], rows[:count]) for count in range(len(rows), 0, -1)]
        images = observation.images
        if images is not None:
            views = np.split(images, self._steps)
            images = np.concatenate(([views[0]] * len(rows) + views)[: self._steps])
        return replace(
            observation, values=np.concatenate((values + seen)[: self._steps]), images=images
        )

    def _after(self, seen: Float32Array, rows: Float32Array) -> Float32Array:
        """What is seen at one moment (step_size,), after these actions."""
        values = seen.copy()
        for place, columns, is_relative in self._moved:
            if is_relative:
                values[place] += rows[:, columns].sum(axis=0)
            else:
                values[place] = rows[-1, columns]
        if self._grip is not None and self._commands_width:
            wanted = self._hand.wanted(rows[:, -1])
            width = float(seen[self._grip][0])
            if self._is_held(seen, width, wanted):
                for place, columns in self._carried:
                    values[place] += rows[:, columns].sum(axis=0)
            else:
                values[self._grip] = self._hand.after(width, wanted)
        return values

    def _is_held(self, seen: Float32Array, width: float, wanted: Sequence[float]) -> bool:
        """Whether the fingers, told to close all the while, have come to rest on something."""
        if not _HELD_M < width < _OPEN_SHARE * self._hand.most_m:
            return False
        if max(wanted) > width - _HELD_M:
            return False
        tool, thing = self._points
        if tool is None or thing is None:
            return True
        return bool(np.abs(seen[thing] - seen[tool]).max() < _NEAR_M)
