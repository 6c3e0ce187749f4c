"""The simulated arm in real time: its controllers, its reflexes and its physics, every millisecond.

Everything that a client of franka_ros2 can do to an arm goes through here; no ROS is needed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from dsrl_core.control.kinematics import Kinematics
from dsrl_core.errors import InvalidValue
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array, Pose, to_nanoseconds
from dsrl_sim.arm_parameters import ArmParameters
from dsrl_sim.command_check import JOINT_LIMITS, CommandCheck, PoseCheck
from dsrl_sim.external_forces import ExternalForces
from dsrl_sim.franka_state import FrankaStateMachine, RobotMode, Thresholds
from dsrl_sim.motion import Brake, Hold, Motion, Played, PointToPoint, Streamed
from dsrl_sim.trajectories import JointTrajectory, Point, Reference
from dsrl_sim.world import World

PHYSICS_STEP_S: Final = 0.001
"""The period of a real arm's control loop."""
_SLACK: Final = 1.01
_AT_REST_RAD_S: Final = 0.01
_IK_ITERATIONS: Final = 8
_STREAM_SHARE: Final = 0.9
_TRAJECTORY_SHARE: Final = 0.5
"""Of the velocity limits, at which the arm makes up for set-points that were held up: a cubic is
faster in its middle than on the whole."""
_HELD_UP_PERIODS: Final = 10
_MISSED: Final = 0.05
"""A pose or an orientation that is missed by more than this [m, rad] cannot be reached."""


class FrankaArm:
    """One arm under the control of franka_ros2, on a `World` whose steps are a millisecond."""

    def __init__(self, world: World, robot: RobotSpec) -> None:
        """
        Raises:
            InvalidValue: the world's physics makes other steps.
        """
        if world.step_ns != to_nanoseconds(PHYSICS_STEP_S):
            raise InvalidValue(f"physics of {world.step_ns} ns, expected {PHYSICS_STEP_S} s")
        at = world.handles
        self.world = world
        self.machine = FrankaStateMachine(Thresholds.of_robot(robot))
        self.parameters = ArmParameters(world.model, robot)
        self.forces = ExternalForces(world.model, world.data, at.arm, at.tool, PHYSICS_STEP_S)
        self.wrench: Float64Array = np.zeros(6)
        """External wrench (6,) at the tool point in the base frame's axes."""
        self._robot = robot
        self._low = np.array(robot.joint_position_min_rad)
        self._high = np.array(robot.joint_position_max_rad)
        self._rest = np.zeros(len(robot.joint_names))
        self._period_ns = robot.set_point_period_ns
        self._kinematics: Kinematics | None = None
        self._joint_check = CommandCheck(JOINT_LIMITS, robot.set_point_period_s)
        self._pose_check = PoseCheck(robot.set_point_period_s)
        self._goal: tuple[Float64Array, float] | None = None
        self._is_held = False
        self.has_arrived = False
        """Whether the last point-to-point motion reached its goal."""
        self._motion: Motion = Hold(world.joint_positions)
        self._jump_error = ""
        self.reference = self._motion.sample(0)
        """Where the arm is told to be."""
        self.acceleration: Float64Array = self._rest
        """Commanded, smoothed over some milliseconds, (joints,) [rad/s^2]."""
        self._stand()
        # A robot that is launched with its controllers has them active before anybody asks.
        self.machine.begin_motion()

    @property
    def kinematics(self) -> Kinematics:
        """Made when it is needed: most arms are never told a pose."""
        if self._kinematics is None:
            self._kinematics = Kinematics(self._robot)
        return self._kinematics

    @property
    def travels(self) -> bool:
        """Whether a point-to-point motion is under way."""
        return self._goal is not None

    def reset(self) -> None:
        """The world was put back: stand where it stands. Modes and errors stay."""
        self._stand()
        self.forces.reset()

    def step(self) -> None:
        """One millisecond."""
        world, machine = self.world, self.machine
        now_ns = world.time_ns
        if machine.tick(now_ns):
            self._stand()
        self._obey_mode()
        reference = self._motion.sample(now_ns)
        if machine.mode is RobotMode.MOVE and self._is_torn(reference):
            self._fail(self._jump_error)
            reference = self._motion.sample(now_ns)
        elif machine.mode is RobotMode.GUIDING:
            # Without a difference the servos have no force: a hand moves the arm.
            reference = Reference(world.joint_positions, world.joint_velocities, self._rest)
        change = (reference.velocity - self.reference.velocity) / PHYSICS_STEP_S
        self.acceleration = self.acceleration + 0.1 * (change - self.acceleration)
        self.reference = reference
        self.forces.apply()
        world.drive(reference.position, reference.velocity)
        self.forces.step(self.parameters.load_torques(self.forces))
        self.wrench = self.forces.wrench()
        machine.feel(self.forces.torques, self.wrench, self.acceleration)
        self._obey_mode()
        if self._goal is not None:
            self._end_travel(*self._goal)

    # What clients ask for. Set-points have no effect while no controller is active.

    def set_joint_target(self, positions: Float64Array, stamp_ns: int = 0) -> None:
        """A set-point (joints,) [rad] of crisp's joint controller."""
        if not self._is_controlled:
            return
        if positions.shape != self._rest.shape or not np.isfinite(positions).all():
            self._fail("joint_motion_generator_position_limits_violation")
            return
        is_outside = (positions < self._low).any() or (positions > self._high).any()
        error = "joint_motion_generator_position_limits_violation" if is_outside else None
        error = error or self._joint_check.judge(positions, stamp_ns, self.reference.position)
        if error is None:
            self._pose_check.reset()
            self._stream(positions, JOINT_LIMITS.errors[0])
        else:
            self._fail(error)

    def set_pose_target(self, target: Pose, stamp_ns: int = 0) -> None:
        """A set-point of crisp's Cartesian controller, in the base frame, for the tool point."""
        if not self._is_controlled:
            return
        numbers = np.concatenate((target.position, target.quaternion_wxyz))
        if not np.isfinite(numbers).all() or abs(np.linalg.norm(numbers[3:]) - 1.0) > 1e-3:
            self._fail("cartesian_position_motion_generator_invalid_frame")
            return
        held = self.kinematics.tool_pose(self.reference.position)
        if error := self._pose_check.judge(target, stamp_ns, held):
            self._fail(error)
            return
        found = self.kinematics.solve(target, self.reference.position, _IK_ITERATIONS)
        if max(found.position_error_m, found.rotation_error_rad) > _MISSED:
            self._fail("cartesian_motion_generator_joint_position_limits_violation")
            return
        self._joint_check.reset()
        self._stream(
            found.joint_positions, "cartesian_motion_generator_joint_velocity_limits_violation"
        )

    def follow(self, names: Sequence[str], points: Sequence[Point], stamp_ns: int) -> None:
        """A trajectory for joint_trajectory_controller; it replaces the running one.

        `stamp_ns` is in the world's time; 0: now.

        Raises:
            InvalidValue: the controller refuses it, or is not active.
        """
        if not self._is_controlled:
            raise InvalidValue(f"no controller is active in mode {self.machine.mode.name}")
        now_ns = self.world.time_ns
        trajectory = JointTrajectory.accept(
            names, points, stamp_ns, self._robot.joint_names, now_ns, self.reference
        )
        goals = np.stack([point.positions for point in trajectory.points[1:]])
        if (goals < self._low).any() or (goals > self._high).any():
            self._fail("joint_motion_generator_position_limits_violation")
            return
        first = trajectory.points[1]
        in_ns = trajectory.start_ns + to_nanoseconds(first.time_s) - now_ns
        late_ns = self._late_ns(first.positions, in_ns, _TRAJECTORY_SHARE)
        if late_ns is None:
            self._fail(JOINT_LIMITS.errors[0])
            return
        if late_ns:
            trajectory = trajectory.later(late_ns)
        self._joint_check.reset()
        self._pose_check.reset()
        self._motion, self._jump_error = Played(trajectory), JOINT_LIMITS.errors[0]

    def travel(
        self, goal: Sequence[float], velocity_max: Sequence[float], tolerance_rad: float
    ) -> None:
        """Begin a point-to-point motion.

        Raises:
            InvalidValue: the arm is not idle, or the goal is none.
        """
        target, speed = np.array(goal, dtype=np.float64), np.array(velocity_max, dtype=np.float64)
        for name, values in (("goal_joint_configuration", target), ("velocities", speed)):
            if values.shape != self._rest.shape or not np.isfinite(values).all():
                raise InvalidValue(f"{name} {values.tolist()}, expected {self._rest.size} numbers")
        if (target < self._low).any() or (target > self._high).any():
            raise InvalidValue(f"goal {target.tolist()} is outside the joints' limits")
        if (speed <= 0).any() or (speed > JOINT_LIMITS.velocity).any() or not tolerance_rad > 0:
            raise InvalidValue(
                f"velocities {speed.tolist()} and tolerance {tolerance_rad}, expected above 0 and "
                f"up to {JOINT_LIMITS.velocity.tolist()}"
            )
        self.machine.begin_motion()
        now_ns, start = self.world.time_ns, self.reference.position
        acceleration = np.array(self._robot.joint_acceleration_max_rad_s2)
        self._motion = PointToPoint(start, target, speed, acceleration, now_ns)
        self._jump_error = JOINT_LIMITS.errors[0]
        self._is_held = False
        self._goal = target, tolerance_rad
        self.has_arrived = False

    def activate(self, wanted: bool) -> None:
        """Switch controllers on (once the arm is idle) or off."""
        self.machine.controllers_wanted = wanted
        if not wanted:
            self.machine.end_motion()
            self._obey_mode()

    @property
    def _is_controlled(self) -> bool:
        return self.machine.mode is RobotMode.MOVE and self._goal is None

    def _stream(self, positions: Float64Array, jump_error: str) -> None:
        """Go to a set-point that was judged, as its neighbours, when it came."""
        late_ns = self._late_ns(positions, self._period_ns, _STREAM_SHARE)
        if late_ns is None:
            self._fail(jump_error)
            return
        duration_ns = self._period_ns + late_ns
        self._motion = Streamed(self.reference, positions, self.world.time_ns, duration_ns)
        self._jump_error = jump_error

    def _late_ns(self, positions: Float64Array, in_ns: int, share: float) -> int | None:
        """How much later than in `in_ns` the arm is there without going too fast.

        More than nothing when set-points were held up and come together; None: it is no such thing
        but a jump.
        """
        speed = share * JOINT_LIMITS.velocity
        needed_s = float((np.abs(positions - self.reference.position) / speed).max())
        late_ns = max(0, to_nanoseconds(needed_s) - in_ns)
        return late_ns if late_ns <= _HELD_UP_PERIODS * self._period_ns else None

    def _stand(self) -> None:
        positions = self.world.joint_positions
        self._motion = Hold(positions)
        self._jump_error = JOINT_LIMITS.errors[0]
        self._goal = None
        self._is_held = False
        self._joint_check.reset()
        self._pose_check.reset()
        self.reference = Reference(positions, self._rest, self._rest)
        self.acceleration = self._rest

    def _fail(self, error: str) -> None:
        self.machine.fail(error)
        self._obey_mode()

    def _obey_mode(self) -> None:
        """Brake as soon as the arm may not move; what was asked for does not count any more."""
        mode = self.machine.mode
        if mode is RobotMode.GUIDING:
            self._is_held = False
            return
        if mode is RobotMode.MOVE or self._is_held:
            return
        world = self.world
        self._stand()
        self._motion = Brake(world.joint_positions, world.joint_velocities, world.time_ns)
        self.reference = self._motion.sample(world.time_ns)
        self._is_held = True

    def _is_torn(self, reference: Reference) -> bool:
        """Whether it is further away than any joint moves in a millisecond."""
        room = JOINT_LIMITS.velocity * (PHYSICS_STEP_S * _SLACK)
        return bool((np.abs(reference.position - self.reference.position) > room).any())

    def _end_travel(self, goal: Float64Array, tolerance_rad: float) -> None:
        world = self.world
        is_there = np.abs(world.joint_positions - goal).max() <= tolerance_rad
        if is_there and np.abs(world.joint_velocities).max() < _AT_REST_RAD_S:
            self.machine.end_motion()
            self._stand()
            self._motion, self._is_held, self.has_arrived = Hold(goal), True, True
