"""Where the tool point may be: a box around the workspace, above the table, outside of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from dsrl_core.control.kinematics import Kinematics
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array

MARGIN_M: Final = 2e-3
"""How far a line in joint space may bulge out of a zone between two points inside."""


class Zones:
    """The zones of one robot file; all points are of the tool, (3,) [m] in the base frame."""

    def __init__(self, robot: RobotSpec, kinematics: Kinematics) -> None:
        self._kinematics = kinematics
        self._low = np.array(robot.workspace_min_m)
        self._high = np.array(robot.workspace_max_m)
        self._floor = robot.table_height_m + robot.table_clearance_m
        margin = robot.keep_out_margin_m
        self._boxes = [
            (np.array(box.min_m) - margin, np.array(box.max_m) + margin) for box in robot.keep_out
        ]
        self._rules = ["workspace", "table", *("keep_out" for _ in self._boxes)]

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

    def depths(self, way: Iterable[Float64Array]) -> tuple[float, ...]:
        """How deep [m] the tool gets in what every zone forbids, on a way through joints, each
        (joints,) [rad]; negative outside of it."""
        looks = (self._depths(self._kinematics.tool_pose(joints).position) for joints in way)
        return tuple(map(max, zip(*looks, strict=True)))

    def deeper(self, depths: tuple[float, ...], before: tuple[float, ...]) -> str | None:
        """The rule of a zone that depths break, and those before did not break as much, or None.

        An arm that stands where it must not may leave; it may not go on.
        """
        for rule, now, then in zip(self._rules, depths, before, strict=True):
            if now > max(then, 0.0 if rule == "keep_out" else MARGIN_M):
                return rule
        return None

    def entered(self, joints: Float64Array, before: Float64Array) -> str | None:
        """The rule that joints (joints,) [rad] break, and those before did not break as much."""
        if joints is before:
            return None
        return self.deeper(self.depths([joints]), self.depths([before]))

    def _depths(self, point: Float64Array) -> list[float]:
        around = float(np.maximum(self._low - point, point - self._high).max())
        boxes = [float(np.minimum(point - low, high - point).min()) for low, high in self._boxes]
        return [around, self._floor - float(point[2]), *boxes]
