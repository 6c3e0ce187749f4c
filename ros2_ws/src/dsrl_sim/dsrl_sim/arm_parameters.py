"""What the `set_*` services of franka_ros2 set, validated, and what the model says of the hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array, Pose
from dsrl_sim.external_forces import ExternalForces
from dsrl_sim.rotations import IDENTITY, compose, matrix_of, pose_of

GRAVITY_M_S2: Final = 9.81
JOINT_STIFFNESS_MAX: Final = 14250.0
"""[Nm/rad], of libfranka's setJointImpedance."""
CARTESIAN_STIFFNESS_MAX: Final = (3000.0,) * 3 + (300.0,) * 3
"""[N/m] and [Nm/rad], of libfranka's setCartesianImpedance."""
_LOAD_MAX_KG: Final = 3.0
"""What an FR3 carries."""


@dataclass(frozen=True)
class Inertia:
    """Mass [kg], centre (3,) [m] in the flange frame, tensor (3, 3) [kg m^2] about the centre."""

    mass: float
    center: Float64Array
    tensor: Float64Array

    def __add__(self, other: Inertia) -> Inertia:
        mass = self.mass + other.mass
        if mass == 0.0:
            return self
        center = (self.mass * self.center + other.mass * other.center) / mass
        tensor = np.zeros((3, 3))
        for part in (self, other):
            offset = part.center - center
            steiner = offset @ offset * np.eye(3) - np.outer(offset, offset)
            tensor += part.tensor + part.mass * steiner
        return Inertia(mass, center, tensor)


NOTHING: Final = Inertia(0.0, np.zeros(3), np.zeros((3, 3)))


class ArmParameters:
    """Frames, load and stiffness as they are configured at the moment.

    Stiffness belongs to the arm's internal impedance controllers, which neither of our command
    paths uses (both are torque controllers of their own): it is kept and has no effect, as on a
    real arm.
    """

    def __init__(self, model: mujoco.MjModel, robot: RobotSpec) -> None:
        self.joint_stiffness: tuple[float, ...] = (
            3000.0,
            3000.0,
            3000.0,
            2500.0,
            2500.0,
            2000.0,
            2000.0,
        )
        self.cartesian_stiffness: tuple[float, ...] = CARTESIAN_STIFFNESS_MAX
        self.end_effector = IDENTITY
        """In the nominal end-effector frame, which is the tool point."""
        self.stiffness_frame = IDENTITY
        """In the end-effector frame."""
        self.load = NOTHING
        site = model.site(robot.tool_site)
        hand = int(site.bodyid[0])
        self.flange_to_tool = compose(
            Pose(np.zeros(3), model.body_quat[hand].copy()), Pose(site.pos.copy(), site.quat.copy())
        )
        self.hand = _inertia_of_hand(model, hand)

    @property
    def flange_to_end_effector(self) -> Pose:
        return compose(self.flange_to_tool, self.end_effector)

    def set_joint_stiffness(self, values: Sequence[float]) -> None:
        """
        Raises:
            InvalidValue: one is negative, too large or not finite.
        """
        self.joint_stiffness = _within(values, (JOINT_STIFFNESS_MAX,) * 7, "joint_stiffness")

    def set_cartesian_stiffness(self, values: Sequence[float]) -> None:
        """
        Raises:
            InvalidValue: one is negative, too large or not finite.
        """
        self.cartesian_stiffness = _within(values, CARTESIAN_STIFFNESS_MAX, "cartesian_stiffness")

    def set_end_effector(self, transformation: Sequence[float]) -> None:
        """Column-major (16,).

        Raises:
            InvalidValue: it is no transformation.
        """
        self.end_effector = _frame(transformation)

    def set_stiffness_frame(self, transformation: Sequence[float]) -> None:
        """Column-major (16,).

        Raises:
            InvalidValue: it is no transformation.
        """
        self.stiffness_frame = _frame(transformation)

    def set_load(self, mass: float, center: Sequence[float], inertia: Sequence[float]) -> None:
        """Mass [kg], centre (3,) in the flange frame, tensor (9,) column-major.

        Raises:
            InvalidValue: no mass that the arm carries, or a tensor that is none.
        """
        tensor = np.array(inertia, dtype=np.float64).reshape(3, 3).T
        numbers = np.concatenate(([mass], center, tensor.ravel()))
        if not np.isfinite(numbers).all() or not 0.0 <= mass <= _LOAD_MAX_KG:
            raise InvalidValue(f"load of {mass} kg, expected 0 to {_LOAD_MAX_KG} and finite values")
        if np.abs(tensor - tensor.T).max() > 1e-9 or np.linalg.eigvalsh(tensor).min() < -1e-9:
            raise InvalidValue(f"load_inertia {tensor.tolist()} is not symmetric and positive")
        self.load = Inertia(float(mass), np.array(center, dtype=np.float64), tensor)

    def load_torques(self, forces: ExternalForces) -> Float64Array | None:
        """What the configured load's weight does to the joints; None without a load."""
        if self.load.mass == 0.0:
            return None
        jacobian = forces.jacobian()
        weight = self.load.mass * GRAVITY_M_S2
        lever = forces.tool_rotation() @ (
            matrix_of(self.flange_to_tool.quaternion_wxyz).T
            @ (self.load.center - self.flange_to_tool.position)
        )
        # Libfranka's sign: what the robot does, which here is to carry the load.
        moment = np.cross(lever, [0.0, 0.0, weight])
        torques: Float64Array = jacobian.T @ np.array([0.0, 0.0, weight, *moment])
        return torques


def _inertia_of_hand(model: mujoco.MjModel, hand: int) -> Inertia:
    """Of the hand and its closed fingers in the flange frame."""
    total = NOTHING
    for body in range(model.nbody):
        if body != hand and int(model.body_parentid[body]) != hand:
            continue
        frame = Pose(np.zeros(3), model.body_quat[hand])
        if body != hand:
            frame = compose(frame, Pose(model.body_pos[body], model.body_quat[body]))
        own = compose(frame, Pose(model.body_ipos[body], model.body_iquat[body]))
        turn = matrix_of(own.quaternion_wxyz)
        tensor = turn @ np.diag(model.body_inertia[body]) @ turn.T
        total = total + Inertia(float(model.body_mass[body]), own.position, tensor)
    return total


def _within(values: Sequence[float], high: Sequence[float], name: str) -> tuple[float, ...]:
    taken = np.array(values, dtype=np.float64)
    if not np.isfinite(taken).all() or (taken < 0).any() or (taken > high).any():
        raise InvalidValue(f"{name} {taken.tolist()}, expected 0 to {list(high)}")
    return tuple(taken.tolist())


def _frame(transformation: Sequence[float]) -> Pose:
    pose = pose_of(np.array(transformation, dtype=np.float64))
    if pose is None:
        raise InvalidValue(
            f"transformation {list(transformation)}, expected a rigid one in column-major order"
        )
    return pose
