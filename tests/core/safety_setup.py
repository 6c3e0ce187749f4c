"""A witness of safety: every answer is held against what it was asked for and what was counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from dsrl_core.catalog import Catalog
from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.control.safety import Safety
from dsrl_core.specs import RobotSpec
from dsrl_core.specs.robot import KeepOutBox

ROBOT = Catalog.default().robot("fr3")
KINEMATICS = Kinematics(ROBOT)
HOME = np.array(ROBOT.start_joint_positions_rad)
READY = KINEMATICS.solve(pointing_down(np.array([0.5, 0.0, 0.2]), 0.0), HOME).joint_positions
LOW, HIGH = np.array(ROBOT.joint_position_min_rad), np.array(ROBOT.joint_position_max_rad)
VELOCITY = np.array(ROBOT.joint_velocity_max_rad_s)
ACCELERATION = np.array(ROBOT.joint_acceleration_max_rad_s2)
JERK = np.array(ROBOT.joint_jerk_max_rad_s3)
POST = KeepOutBox("board", (0.42, 0.08, 0.0), (0.6, 0.1, 0.5))
"""Beside the tool, and so thin that a fast arm is past it within two set-points."""
_BULGE_M = 3e-3
"""How far a way in joint space may bulge out of the workspace, or towards the table."""


def fenced_robot(period_s: float) -> RobotSpec:
    """An arm with everything forbidden near at hand."""
    return replace(
        ROBOT,
        set_point_period_s=period_s,
        workspace_max_m=(0.62, 0.35, 0.45),
        table_height_m=0.1,
        keep_out=(POST,),
    )


class Witness(Safety):
    """Asserts that nothing which differs from what is wanted goes without a count or a hold."""

    def admit(self, wanted, measured):
        with self._says_so() as changes:
            out = super().admit(wanted, measured)
            changes.append(out is not wanted)
        return out

    def lead(self, target, velocity, measured, share=1.0, lags=False):
        best = None
        if np.isfinite(target).all() and np.isfinite(velocity).all():
            best = self._limiter.towards(self.motion, target, velocity, share)
        with self._says_so() as changes:
            out = super().lead(target, velocity, measured, share, lags)
            changes.append(lags or best is None or (out.position != best.position).any())
        return out

    def row_target(self, start, solution, duration_s):
        with self._says_so() as changes:
            end, is_whole = super().row_target(start, solution, duration_s)
            changes.append(not is_whole or (end != solution.joint_positions).any())
        return end, is_whole

    def tool_point(self, position):
        with self._says_so() as changes:
            inside = super().tool_point(position)
            changes.append((inside != position).any())
        return inside

    def gripper_width(self, width_m):
        with self._says_so() as changes:
            inside = super().gripper_width(width_m)
            changes.append(inside != width_m)
        return inside

    @contextmanager
    def _says_so(self) -> Iterator[list[bool]]:
        before, changes = self.report().clamped, []
        yield changes
        report = self.report()
        is_told = report.clamped != before or report.hold_rule is not None
        assert is_told or not any(changes), "what was wanted was altered in silence"


class Trace:
    """The set-points of one arm from one standstill on, held against every limit at its end."""

    def __init__(self, robot: RobotSpec, start: np.ndarray) -> None:
        self._robot, self._sent = robot, [start] * 3

    def add(self, position: np.ndarray) -> None:
        self._sent.append(position)

    def check(self) -> None:
        sent, period = np.array(self._sent), self._robot.set_point_period_s
        assert np.isfinite(sent).all()
        assert (sent >= LOW - 1e-9).all()
        assert (sent <= HIGH + 1e-9).all()
        for order, most in ((1, VELOCITY), (2, ACCELERATION), (3, JERK)):
            largest = np.abs(np.diff(sent, order, axis=0)) / (most * period**order)
            assert largest.max(initial=0.0) <= 1.0 + 1e-3, f"derivative {order}: {largest.max()}"
        tools = np.array([KINEMATICS.tool_pose(joints).position for joints in sent])
        for zone, depths in self._depths(tools).items():
            begin = depths[0]
            allowed = max(begin, 0.0) + _BULGE_M
            if zone == "keep_out" and begin <= -self._robot.keep_out_margin_m:
                allowed = 0.0
            assert depths.max() <= allowed, f"{zone}: {depths.max():.4f} m after {begin:.4f} m"
        if self._robot.keep_out:
            self._assert_no_box_is_jumped_over(tools)

    def _depths(self, tools: np.ndarray) -> dict[str, np.ndarray]:
        robot = self._robot
        low, high = np.array(robot.workspace_min_m), np.array(robot.workspace_max_m)
        found = {
            "workspace": np.maximum(low - tools, tools - high).max(axis=1),
            "table": robot.table_height_m - tools[:, 2],
        }
        for box in robot.keep_out:
            inside = np.minimum(tools - np.array(box.min_m), np.array(box.max_m) - tools)
            found["keep_out"] = inside.min(axis=1)
        return found

    def _assert_no_box_is_jumped_over(self, tools: np.ndarray) -> None:
        between = 0.5 * (tools[1:] + tools[:-1])
        depths = self._depths(tools)["keep_out"]
        allowed = max(depths[0], -self._robot.keep_out_margin_m) + self._robot.keep_out_margin_m
        assert self._depths(between)["keep_out"].max() <= allowed
