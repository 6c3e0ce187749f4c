"""What the robot reports and what it is told: joints, poses, images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from franka_msgs.msg import Errors, FrankaRobotState
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image, JointState

from dsrl_core.errors import InvalidValue
from dsrl_core.types import NANOSECONDS_PER_SECOND, Float64Array, Pose, UInt8Array
from dsrl_ros.conversions.basics import bytes_of, doubles, float64, header, stamp_of


@dataclass(frozen=True)
class StampedPose:
    """A pose and the time at which it was measured."""

    stamp_ns: int
    pose: Pose
    frame: str = ""


@dataclass(frozen=True)
class JointSample:
    """Joints as measured or commanded: names, and (joints,) positions, velocities and efforts."""

    stamp_ns: int
    names: tuple[str, ...]
    positions: Float64Array
    velocities: Float64Array
    efforts: Float64Array


def joints_to_message(value: JointSample) -> JointState:
    return JointState(
        header=header(value.stamp_ns),
        name=list(value.names),
        position=doubles(value.positions),
        velocity=doubles(value.velocities),
        effort=doubles(value.efforts),
    )


def joints_from_message(message: JointState) -> JointSample:
    return JointSample(
        stamp_of(message),
        tuple(message.name),
        float64(message.position),
        float64(message.velocity),
        float64(message.effort),
    )


def set_stamp(message: Any, stamp_ns: int) -> None:
    """Stamp a message that is kept and sent again and again."""
    stamp = message.header.stamp
    stamp.sec, stamp.nanosec = divmod(stamp_ns, NANOSECONDS_PER_SECOND)


def positions_of(message: JointState) -> Float64Array:
    """Joint positions (joints,) [rad] only: for a message that ticks fifty times a second."""
    return np.frombuffer(message.position, dtype=np.float64)


def ordered_positions(message: JointState, names: Sequence[str]) -> Float64Array | None:
    """Positions (joints,) [rad] of these joints, in whatever order they came; None: one lacks."""
    return _ordered(message.name, message.position, names)


def ordered_velocities(message: JointState, names: Sequence[str]) -> Float64Array | None:
    """Their velocities (joints,) [rad/s]; None: one lacks."""
    return _ordered(message.name, message.velocity, names)


def _ordered(
    found_names: Sequence[str], values: Sequence[float], names: Sequence[str]
) -> Float64Array | None:
    found = dict(zip(found_names, values, strict=False))
    if not found.keys() >= set(names):
        return None
    return np.array([found[name] for name in names])


def set_positions(message: JointState, stamp_ns: int, positions: Float64Array) -> None:
    """Write stamp and positions into a message that is kept."""
    set_stamp(message, stamp_ns)
    message.position = doubles(positions)


def set_state(
    message: JointState,
    stamp_ns: int,
    positions: Float64Array,
    velocities: Float64Array,
    efforts: Float64Array,
) -> None:
    """Write a whole measured state into a message that is kept."""
    set_positions(message, stamp_ns, positions)
    message.velocity = doubles(velocities)
    message.effort = doubles(efforts)


def gripper_width_of(message: JointState) -> float:
    """Distance of the fingers [m]: each finger joint is half of it."""
    return 2.0 * float(message.position[0])


def force_of(message: FrankaRobotState) -> Float64Array:
    """External force (3,) [N] on the tool, in the base frame."""
    force = message.o_f_ext_hat_k.wrench.force
    return np.array([force.x, force.y, force.z])


def errors_of(message: Errors) -> str:
    """Names of the errors that stand, for people; empty: none."""
    names: dict[str, str] = message.get_fields_and_field_types()
    return ", ".join(name for name in names if getattr(message, name))


def finger_positions(width_m: float) -> Float64Array:
    """Both finger joints' positions [m] for a width."""
    return np.array([width_m / 2, width_m / 2])


def pose_to_message(value: StampedPose) -> PoseStamped:
    message = PoseStamped(header=header(value.stamp_ns, value.frame))
    position, orientation = message.pose.position, message.pose.orientation
    position.x, position.y, position.z = value.pose.position.tolist()
    w, x, y, z = value.pose.quaternion_wxyz.tolist()
    orientation.w, orientation.x, orientation.y, orientation.z = w, x, y, z
    return message


def pose_from_message(message: PoseStamped) -> StampedPose:
    position, orientation = message.pose.position, message.pose.orientation
    pose = Pose(
        np.array([position.x, position.y, position.z]),
        np.array([orientation.w, orientation.x, orientation.y, orientation.z]),
    )
    return StampedPose(stamp_of(message), pose, message.header.frame_id)


def image_to_message(stamp_ns: int, frame: str, image: UInt8Array) -> Image:
    """An image (height, width, 3) uint8, RGB."""
    height, width, channels = image.shape
    message = Image(header=header(stamp_ns, frame), height=height, width=width, encoding="rgb8")
    message.step, message.data = width * channels, bytes_of(image)
    return message


def image_from_message(message: Image) -> UInt8Array:
    """Shape (height, width, 3), RGB.

    Raises:
        InvalidValue: another encoding than rgb8 or bgr8, or fewer bytes than rows.
    """
    row, size = 3 * message.width, message.height * message.step
    if message.encoding not in ("rgb8", "bgr8"):
        raise InvalidValue(f"image of encoding '{message.encoding}'; available: rgb8, bgr8")
    if message.step < row or len(message.data) != size:
        raise InvalidValue(
            f"image of {message.width}x{message.height} with rows of {message.step} bytes and "
            f"{len(message.data)} bytes in all; expected at least {row} and {size}"
        )
    rows = np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
    image = rows[:, :row].reshape(message.height, message.width, 3)
    return image.copy() if message.encoding == "rgb8" else np.ascontiguousarray(image[..., ::-1])


def camera_info_to_message(
    stamp_ns: int, frame: str, width: int, height: int, vertical_angle_rad: float
) -> CameraInfo:
    """A pinhole camera without distortion, looking through the image's centre; one way."""
    focal_px = 0.5 * height / math.tan(0.5 * vertical_angle_rad)
    x, y = 0.5 * width, 0.5 * height
    message = CameraInfo(header=header(stamp_ns, frame), width=width, height=height)
    message.distortion_model, message.d = "plumb_bob", [0.0] * 5
    message.k = [focal_px, 0.0, x, 0.0, focal_px, y, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal_px, 0.0, x, 0.0, 0.0, focal_px, y, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message
