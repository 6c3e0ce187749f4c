"""Robot files: names, limits and timing of an arm."""

from __future__ import annotations

from pathlib import Path

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from dsrl_core.specs.values import STRICT, Joints, Positive, Vector3
from dsrl_core.types import to_nanoseconds


@dataclass(frozen=True, config=STRICT)
class RobotSpec:
    """A robot file: names, limits and timing of one arm with a parallel gripper."""

    name: str
    description: str
    joint_names: tuple[str, ...]
    finger_joint_names: tuple[str, str]
    base_frame: str
    model_file: str
    """MJCF of arm and hand, beside the robot file; kinematics and simulator both read it."""
    tool_site: str
    start_joint_positions_rad: Joints
    joint_position_min_rad: Joints
    joint_position_max_rad: Joints
    joint_velocity_max_rad_s: Joints
    joint_acceleration_max_rad_s2: Joints
    joint_effort_max: Joints
    """[Nm]"""
    tracking_error_max_rad: Positive
    """Largest accepted distance of a set-point from the measured position."""
    workspace_min_m: Vector3
    workspace_max_m: Vector3
    """Box in the base frame that the tool point may not leave."""
    gripper_width_max_m: Positive
    gripper_latency_s: Positive
    """From a commanded width to the fingers' first motion; the simulator models it."""
    set_point_period_s: Positive
    folder: Path = Path()
    """Where the file stands; set by the loader."""

    @model_validator(mode="after")
    def _same_length(self) -> RobotSpec:
        joints = len(self.joint_names)
        for name in (
            "start_joint_positions_rad",
            "joint_position_min_rad",
            "joint_position_max_rad",
            "joint_velocity_max_rad_s",
            "joint_acceleration_max_rad_s2",
            "joint_effort_max",
        ):
            if len(getattr(self, name)) != joints:
                raise ValueError(f"{name} has {len(getattr(self, name))} values, expected {joints}")
        return self

    @property
    def model_path(self) -> Path:
        return self.folder / self.model_file

    @property
    def set_point_period_ns(self) -> int:
        return to_nanoseconds(self.set_point_period_s)
