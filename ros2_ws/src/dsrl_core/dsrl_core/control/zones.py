"""Where the tool point may be: a box around the workspace, above the table, outside of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.control.kinematics import Kinematics
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array

MARGIN_M: Final = 2e-3
"""How far a line in joint space may bulge out of a zone between two points inside."""


@dataclass(frozen=True)
class Trespass:
    """A rule that a point breaks, and by how much."""

    rule: str
    what: str
    """The zone, for people."""
    depth_m: float


class Zones:
    """The zones of one robot file; all points are of the tool, (3,) [m] in the base frame."""

    def __init__(self, robot: RobotSpec, kinematics: Kinematics) -> None:
        self._kinematics = kinematics
        self._low = np.array(robot.workspace_min_m)
        self._high = np.array(robot.workspace_max_m)
        self._floor = robot.table_height_m + robot.table_clearance_m
        self._boxes = [
            (box.name, np.array(box.min_m), np.array(box.max_m)) for box in robot.keep_out
        ]

    def clamped(self, point: Float64Array) -> tuple[Float64Array, list[str]]:
        """The nearest point in the workspace and above the table, and the rules that moved it.

        A point in a keep-out box stays: the nearest one outside may be on its other side.
        """
        inside: Float64Array = np.minimum(np.maximum(point, self._low), self._high)
        rules = ["workspace"] if (inside != point).any() else []
        if inside[2] < self._floor:
            inside = np.array([inside[0], inside[1], self._floor])
            rules.append("table")
        return inside, rules

    def trespasses(self, point: Float64Array) -> list[Trespass]:
        """How deep a point is in what is forbidden, for every rule: negative outside of it."""
        found = [
            Trespass(
                "workspace",
                "the workspace",
                float(np.maximum(self._low - point, point - self._high).max()),
            ),
            Trespass("table", "the table", self._floor - float(point[2])),
        ]
        for name, low, high in self._boxes:
            depth = float(np.minimum(point - low, high - point).min())
            found.append(Trespass("keep_out", f"keep-out box '{name}'", depth))
        return found

    def entered(self, joints: Float64Array, before: Float64Array) -> str | None:
        """The rule that joints (joints,) [rad] break, and those before did not break as much."""
        if joints is before:
            return None
        point = self._kinematics.tool_pose(joints).position
        if max(zone.depth_m for zone in self.trespasses(point)) <= 0.0:
            return None
        found = self.worse(point, self._kinematics.tool_pose(before).position)
        return None if found is None else found.rule

    def worse(self, point: Float64Array, before: Float64Array) -> Trespass | None:
        """The zone that a point breaks and `before` broke less, or None.

        An arm that stands where it must not may leave; it may not go on.
        """
        for now, then in zip(self.trespasses(point), self.trespasses(before), strict=True):
            if now.depth_m > max(then.depth_m, MARGIN_M if now.rule != "keep_out" else 0.0):
                return now
        return None
