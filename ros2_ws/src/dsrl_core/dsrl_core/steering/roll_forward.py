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

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import FieldSpec, PolicySpec
from dsrl_core.types import Observation

GRIPPER: Final = "gripper_width"
CARRIED: Final = {"tool_position": "object_position", "tool_yaw": "object_yaw"}
"""What of a held object goes where the tool goes."""
_HELD_M: Final = 0.005
"""Fingers that are so far apart although they are told to close hold something, or will soon."""
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


def require_ahead(policy: PolicySpec) -> None:
    """Refuse to ask a policy ahead whose observation cannot be rolled forward.

    Raises:
        InvalidFile: it sees the past too, which would not fit what it is shown of the present.
    """
    if policy.observation_steps > 1:
        raise InvalidFile(
            f"policy '{policy.name}' sees {policy.observation_steps} observations in a row; "
            "expected 1 to be asked ahead: let it be asked at a chunk's end"
        )


class RollForward:
    """For one policy.

    A gripper that is told to close on something stays as wide as that is; what it holds goes where
    the tool goes.
    """

    def __init__(self, policy: PolicySpec) -> None:
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
        # Every action ends with the gripper's width.
        self._commands_width = policy.action.fields[-1].moves == GRIPPER

    def __call__(
        self, observation: Observation, committed: Sequence[Sequence[float]]
    ) -> Observation:
        """The observation after these actions (rows, action_dim)."""
        if not committed:
            return observation
        values, rows = observation.values.copy(), np.array(committed, dtype=np.float32)
        for place, columns, is_relative in self._moved:
            if is_relative:
                values[place] += rows[:, columns].sum(axis=0)
            else:
                values[place] = rows[-1, columns]
        if self._grip is not None and self._commands_width:
            width, wanted = values[self._grip], rows[-1, -1:]
            if width > _HELD_M and wanted < width - _HELD_M:
                for place, columns in self._carried:
                    values[place] += rows[:, columns].sum(axis=0)
            values[self._grip] = np.maximum(width, wanted)
        return replace(observation, values=values)
