"""The simulated arm's state as franka_msgs/FrankaRobotState, and the messages it is made of."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from franka_msgs.msg import CollisionIndicators, Elbow, Errors, FrankaRobotState
from geometry_msgs.msg import (
    Accel,
    InertiaStamped,
    PoseStamped,
    Twist,
    TwistStamped,
    Vector3,
    WrenchStamped,
)
from sensor_msgs.msg import JointState

from dsrl_core.control.kinematics import Kinematics
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array, Pose
from dsrl_ros.conversions.basics import doubles, header
from dsrl_ros.conversions.robot import StampedPose, pose_to_message
from dsrl_ros.wire_names import joint_names, prefixed
from dsrl_sim.arm_parameters import ArmParameters, Inertia
from dsrl_sim.external_forces import ExternalForces
from dsrl_sim.franka_state import ERRORS, FrankaStateMachine, Indicators
from dsrl_sim.rotations import compose, matrix_of
from dsrl_sim.trajectories import Reference
from dsrl_sim.world import World

_LINK_0 = "link0"


class ArmState(Protocol):
    """What the messages are made of, of an arm in real time or in lock-step."""

    world: World
    machine: FrankaStateMachine
    parameters: ArmParameters
    forces: ExternalForces
    acceleration: Float64Array

    @property
    def reference(self) -> Reference: ...

    @property
    def wrench(self) -> Float64Array: ...

    @property
    def kinematics(self) -> Kinematics: ...


class StateMessages:
    """Makes the messages of one moment; each part when it is asked for, and once."""

    def __init__(self, robot: RobotSpec, arm: ArmState) -> None:
        self._arm = arm
        self._names = joint_names(robot)
        self._base = prefixed(robot, robot.base_frame)
        stem = self._base.removesuffix(_LINK_0)
        self._flange, self._hand = f"{stem}link8", f"{stem}hand_tcp"
        self._stamp_ns = 0
        self._efforts = arm.world.joint_efforts
        self._efforts_ns = arm.world.time_ns
        self._effort_rate = np.zeros_like(self._efforts)
        self.success_rate = 1.0
        """Share of the last set-point periods that were in time."""

    def take(self, stamp_ns: int) -> None:
        """From now on messages are of this moment; the stamp is what they carry."""
        self._stamp_ns = stamp_ns
        world = self._arm.world
        efforts, passed_ns = world.joint_efforts, world.time_ns - self._efforts_ns
        if passed_ns > 0:
            self._effort_rate = (efforts - self._efforts) / (passed_ns * 1e-9)
            self._efforts, self._efforts_ns = efforts, world.time_ns

    # Poses, all in the base frame.

    def pose(self) -> PoseStamped:
        return self._pose(self._measured_pose(), self._base)

    def desired_pose(self) -> PoseStamped:
        return self._pose(self._desired_pose(), self._base)

    def desired_twist(self) -> TwistStamped:
        message = TwistStamped(header=header(self._stamp_ns, self._base))
        _six(message.twist, self._arm.forces.jacobian() @ self._arm.reference.velocity)
        return message

    def wrench_in_base(self) -> WrenchStamped:
        message = WrenchStamped(header=header(self._stamp_ns, self._base))
        _wrench(message.wrench, self._wrench_at_stiffness_frame(self._stiffness_pose()))
        return message

    def wrench_in_stiffness(self) -> WrenchStamped:
        message = WrenchStamped(header=header(self._stamp_ns, self._hand))
        pose = self._stiffness_pose()
        turn = matrix_of(pose.quaternion_wxyz).T
        wrench = self._wrench_at_stiffness_frame(pose)
        _wrench(message.wrench, np.concatenate((turn @ wrench[:3], turn @ wrench[3:])))
        return message

    def measured_joints(self) -> JointState:
        world = self._arm.world
        return self._joints(world.joint_positions, world.joint_velocities, world.joint_efforts)

    def desired_joints(self) -> JointState:
        reference = self._arm.reference
        # The torque that the servos ask for is the one that they get, up to their limits.
        return self._joints(reference.position, reference.velocity, self._arm.world.joint_efforts)

    def external_torques(self) -> JointState:
        rest = np.zeros_like(self._efforts)
        return self._joints(rest, rest, self._arm.forces.torques)

    def robot_state(self) -> FrankaRobotState:
        """All of it."""
        arm, world, parameters = self._arm, self._arm.world, self._arm.parameters
        machine, reference = arm.machine, arm.reference
        message = FrankaRobotState(header=header(self._stamp_ns, self._base))
        message.collision_indicators = _indicators(machine.indicators)
        message.measured_joint_state = self.measured_joints()
        message.desired_joint_state = self.desired_joints()
        rest = np.zeros_like(reference.position)
        # Joints without elasticity: the motors stand where the links stand.
        message.measured_joint_motor_state = self._joints(
            world.joint_positions, world.joint_velocities, rest
        )
        message.ddq_d = arm.acceleration
        message.dtau_j = self._effort_rate
        message.tau_ext_hat_filtered = self.external_torques()
        message.elbow = _elbow(world.joint_positions, reference.position, reference.velocity)
        message.k_f_ext_hat_k = self.wrench_in_stiffness()
        message.o_f_ext_hat_k = self.wrench_in_base()
        message.inertia_ee = self._inertia(parameters.hand)
        message.inertia_load = self._inertia(parameters.load)
        message.inertia_total = self._inertia(parameters.hand + parameters.load)
        message.o_t_ee = self.pose()
        message.o_t_ee_d = self.desired_pose()
        message.o_t_ee_c = message.o_t_ee_d
        message.f_t_ee = self._pose(parameters.flange_to_end_effector, self._flange)
        message.ee_t_k = self._pose(parameters.stiffness_frame, self._hand)
        message.o_dp_ee_d = self.desired_twist()
        message.o_dp_ee_c = message.o_dp_ee_d
        message.o_ddp_ee_c.header = header(self._stamp_ns, self._base)
        _six(message.o_ddp_ee_c.accel, arm.forces.jacobian() @ arm.acceleration)
        message.time = world.time_ns * 1e-9
        message.control_command_success_rate = self.success_rate
        message.robot_mode = int(machine.mode)
        message.current_errors = errors_to_message(machine.current_errors)
        message.last_motion_errors = errors_to_message(machine.last_motion_errors)
        return message

    def _measured_pose(self) -> Pose:
        return compose(self._arm.world.tool_pose, self._arm.parameters.end_effector)

    def _desired_pose(self) -> Pose:
        tool = self._arm.kinematics.tool_pose(self._arm.reference.position)
        return compose(tool, self._arm.parameters.end_effector)

    def _stiffness_pose(self) -> Pose:
        return compose(self._measured_pose(), self._arm.parameters.stiffness_frame)

    def _wrench_at_stiffness_frame(self, frame: Pose) -> Float64Array:
        """(6,), in the base frame's axes: the torque depends on the point that it acts about."""
        wrench = self._arm.wrench
        lever = self._arm.world.tool_pose.position - frame.position
        return np.concatenate((wrench[:3], wrench[3:] + np.cross(lever, wrench[:3])))

    def _pose(self, pose: Pose, frame: str) -> PoseStamped:
        return pose_to_message(StampedPose(self._stamp_ns, pose, frame))

    def _joints(
        self, positions: Float64Array, velocities: Float64Array, efforts: Float64Array
    ) -> JointState:
        return JointState(
            header=header(self._stamp_ns, self._base),
            name=self._names,
            position=doubles(positions),
            velocity=doubles(velocities),
            effort=doubles(efforts),
        )

    def _inertia(self, inertia: Inertia) -> InertiaStamped:
        message = InertiaStamped(header=header(self._stamp_ns, self._hand))
        tensor = inertia.tensor
        message.inertia.m = inertia.mass
        _vector(message.inertia.com, inertia.center)
        message.inertia.ixx, message.inertia.iyy, message.inertia.izz = np.diag(tensor).tolist()
        message.inertia.ixy, message.inertia.ixz = tensor[0, 1:].tolist()
        message.inertia.iyz = float(tensor[1, 2])
        return message


def errors_to_message(errors: frozenset[str]) -> Errors:
    """All fields of `ERRORS`; true where the error is among `errors`."""
    return Errors(**{name: name in errors for name in ERRORS})


def _indicators(indicators: Indicators) -> CollisionIndicators:
    message = CollisionIndicators()
    collision, contact = indicators.cartesian_collision, indicators.cartesian_contact
    _vector(message.is_cartesian_linear_collision, np.array(collision[:3], dtype=np.float64))
    _vector(message.is_cartesian_angular_collision, np.array(collision[3:], dtype=np.float64))
    _vector(message.is_cartesian_linear_contact, np.array(contact[:3], dtype=np.float64))
    _vector(message.is_cartesian_angular_contact, np.array(contact[3:], dtype=np.float64))
    message.is_joint_collision = np.array(indicators.joint_collision, dtype=np.float64)
    message.is_joint_contact = np.array(indicators.joint_contact, dtype=np.float64)
    return message


def _elbow(measured: Float64Array, desired: Float64Array, velocity: Float64Array) -> Elbow:
    """Joint 3, and the side to which joint 4 bends."""
    message = Elbow()
    message.position = [measured[2], np.sign(measured[3])]
    message.desired_position = [desired[2], np.sign(desired[3])]
    message.commanded_position = message.desired_position
    message.commanded_velocity = [velocity[2], 0.0]
    return message


def _vector(message: Vector3, values: Float64Array) -> None:
    message.x, message.y, message.z = values.tolist()


def _six(message: Twist | Accel, values: Float64Array) -> None:
    _vector(message.linear, values[:3])
    _vector(message.angular, values[3:])


def _wrench(message: Any, values: Float64Array) -> None:
    _vector(message.force, values[:3])
    _vector(message.torque, values[3:])
