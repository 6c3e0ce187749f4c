"""Robot files: names, limits and timing of an arm, and how it is talked to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from dsrl_core.specs.values import FINITE, Joints, NotNegative, Positive, Vector3
from dsrl_core.types import to_nanoseconds

CommandPath = Literal["crisp_joint", "crisp_pose", "joint_trajectory"]
"""crisp_joint, crisp_pose: crisp_controllers' joint or Cartesian impedance controller.
joint_trajectory: the stock joint_trajectory_controller."""

ReturnPath = Literal["set_points", "ptp_motion"]
"""set_points: through the command path and all of safety's rules.
ptp_motion: by franka_ros2's action, the robot's own motion while no controller is active."""


_INERTIA_TOLERANCE: Final = 1e-9
"""[kg m^2]"""


@dataclass(frozen=True, config=FINITE)
class KeepOutBox:
    """A box in the base frame that the tool point may not enter."""

    name: str
    min_m: Vector3
    max_m: Vector3

    @model_validator(mode="after")
    def _has_an_inside(self) -> Self:
        _require_order("min_m", self.min_m, "max_m", self.max_m)
        return self


@dataclass(frozen=True, config=FINITE)
class CollisionSpec:
    """Thresholds of the robot's own collision detection, set while it is idle.

    Between lower and upper a contact is reported; above upper the robot stops by a reflex.
    """

    lower_torque_nm: Joints
    upper_torque_nm: Joints
    lower_force: Joints
    """[N] in x, y, z, [Nm] about them."""
    upper_force: Joints

    @model_validator(mode="after")
    def _lower_is_lower(self) -> Self:
        _require_order(
            "lower_torque_nm", self.lower_torque_nm, "upper_torque_nm", self.upper_torque_nm
        )
        _require_order("lower_force", self.lower_force, "upper_force", self.upper_force)
        return self


@dataclass(frozen=True, config=FINITE)
class LoadSpec:
    """What the flange carries beside the end effector that is set in Desk; set while idle."""

    mass_kg: NotNegative
    """0: nothing, which takes back a load that was set before."""
    center_of_mass_m: Vector3
    """In the flange frame."""
    inertia_kg_m2: tuple[Vector3, Vector3, Vector3]
    """Rows, about the centre of mass, in the flange frame's axes."""

    @model_validator(mode="after")
    def _inertia_is_one(self) -> Self:
        tensor = np.array(self.inertia_kg_m2)
        if np.abs(tensor - tensor.T).max() > _INERTIA_TOLERANCE:
            raise ValueError(f"inertia_kg_m2 is {tensor.tolist()}, expected it symmetric")
        least, middle, most = np.linalg.eigvalsh(tensor).tolist()
        if least < -_INERTIA_TOLERANCE or most > least + middle + _INERTIA_TOLERANCE:
            raise ValueError(
                f"inertia_kg_m2 has the principal moments {least:.6g}, {middle:.6g} and "
                f"{most:.6g}; expected none below 0 and none above the sum of the others"
            )
        if self.mass_kg == 0 and most > _INERTIA_TOLERANCE:
            raise ValueError(f"mass_kg is 0 and inertia_kg_m2 {tensor.tolist()}, expected zeros")
        return self


@dataclass(frozen=True, config=FINITE)
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
    joint_jerk_max_rad_s3: Joints
    joint_effort_max: Joints
    """[Nm]"""
    collision: CollisionSpec
    tracking_error_max_rad: Positive
    """Largest accepted distance of a set-point from the measured position."""
    force_max_n: Positive
    """External force on the tool above which the arm is held, well before the robot's reflex."""
    workspace_min_m: Vector3
    workspace_max_m: Vector3
    """Box in the base frame that the tool point may not leave."""
    table_height_m: float
    """Height of the table's top in the base frame."""
    table_clearance_m: Annotated[float, Field(ge=0)]
    """How far the tool point stays above it."""
    gripper_width_max_m: Positive
    gripper_latency_s: Positive
    """From a commanded width to the fingers' first motion; the simulator models it."""
    set_point_period_s: Annotated[float, Field(ge=0.002, le=0.02)]
    """Between two set-points, on a robot and in real-time simulation."""
    lock_step_period_s: Annotated[float, Field(ge=0.002, le=0.02)]
    """The same in lock-step simulation, where a coarser grid lets learning run faster."""
    joint_states_age_max_s: Positive
    robot_state_age_max_s: Positive
    """A state older than this is stale, and the arm is held."""
    chunk_wait_max_s: Positive
    """The arm stands so long without the chunk that it asked for before it is held."""
    command_path: CommandPath = "crisp_joint"
    return_path: ReturnPath = "set_points"
    """How the arm comes back to its start between episodes."""
    load: LoadSpec | None = None
    """None: what the robot was told before stays."""
    keep_out: tuple[KeepOutBox, ...] = ()
    keep_out_margin_m: NotNegative = 0.02
    """How much wider these boxes are taken on every side: a moving arm is not just where its
    set-points are."""
    arm_prefix: str = ""
    """Before the names of joints and frames, as franka_ros2's launch argument of that name."""
    folder: Path = Path()
    """Where the file stands; set by the loader."""

    @model_validator(mode="after")
    def _limits_are_limits(self) -> Self:
        joints = len(self.joint_names)
        for name in (
            "start_joint_positions_rad",
            "joint_position_min_rad",
            "joint_position_max_rad",
            "joint_velocity_max_rad_s",
            "joint_acceleration_max_rad_s2",
            "joint_jerk_max_rad_s3",
            "joint_effort_max",
        ):
            if len(getattr(self, name)) != joints:
                raise ValueError(f"{name} has {len(getattr(self, name))} values, expected {joints}")
        for name in (
            "joint_velocity_max_rad_s",
            "joint_acceleration_max_rad_s2",
            "joint_jerk_max_rad_s3",
            "joint_effort_max",
        ):
            if min(getattr(self, name)) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected more than 0")
        low, high = self.joint_position_min_rad, self.joint_position_max_rad
        _require_order("joint_position_min_rad", low, "joint_position_max_rad", high)
        start = self.start_joint_positions_rad
        _require_order("joint_position_min_rad", low, "start_joint_positions_rad", start)
        _require_order("start_joint_positions_rad", start, "joint_position_max_rad", high)
        _require_order(
            "workspace_min_m", self.workspace_min_m, "workspace_max_m", self.workspace_max_m
        )
        return self

    @property
    def in_lock_step(self) -> RobotSpec:
        """The same arm with the set-point period of lock-step simulation."""
        return replace(self, set_point_period_s=self.lock_step_period_s)

    def pressing(self, scale: float) -> RobotSpec:
        """The same arm with all limits of external forces multiplied: for a simulated one, whose
        servos are stiffer than an impedance controller and press harder."""
        limits = {
            name: tuple(scale * value for value in values)
            for name, values in vars(self.collision).items()
            if not name.startswith("_")
        }
        return replace(
            self, force_max_n=scale * self.force_max_n, collision=CollisionSpec(**limits)
        )

    @property
    def model_path(self) -> Path:
        return self.folder / self.model_file

    @property
    def set_point_period_ns(self) -> int:
        return to_nanoseconds(self.set_point_period_s)


def _require_order(
    low_name: str, low: tuple[float, ...], high_name: str, high: tuple[float, ...]
) -> None:
    """Refuse limits that are swapped or of different lengths."""
    if len(low) != len(high):
        raise ValueError(f"{low_name} has {len(low)} values, {high_name} {len(high)}")
    for index, (lower, upper) in enumerate(zip(low, high, strict=True)):
        if not lower < upper:
            raise ValueError(
                f"{low_name}[{index}] is {lower} and {high_name}[{index}] is {upper}; expected "
                "the first to be smaller"
            )
