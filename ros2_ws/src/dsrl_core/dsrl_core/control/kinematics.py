"""Where the tool is for given joints, and which joints put it where it is wanted: mink, MuJoCo."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import mink
import mujoco
import numpy as np

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array, Pose

_POSITION_TOLERANCE_M: Final = 2e-5
_ROTATION_TOLERANCE_RAD: Final = 2e-4
_ITERATIONS: Final = 15
_MAX_STEP_RAD: Final = 0.3
"""Largest change of a joint in one iteration: further away the linearisation misleads."""
_FRAME_COST: Final = 10.0
_POSTURE_COST: Final = 1e-2
"""Small beside the frame's, so that the arm's redundancy is settled and the tool is not moved."""
_POSTURE_GAIN: Final = 0.1
"""Share of the way to the start posture per iteration: the elbow drifts home, it never jumps."""
_DAMPING: Final = 1e-9


@dataclass(frozen=True)
class Solution:
    """What inverse kinematics found: the best within the joint limits, reached or not."""

    joint_positions: Float64Array
    """Shape (joints,) [rad]."""
    pose: Pose
    """Where the tool is with these joints."""
    position_error_m: float
    rotation_error_rad: float
    iterations: int


class Kinematics:
    """Forward and inverse kinematics of the arm alone; its fingers do not count.

    No state is carried from call to call: equal inputs give bit-equal outputs.
    """

    def __init__(self, robot: RobotSpec) -> None:
        """
        Raises:
            InvalidFile: the model cannot be read, or its base is not at the origin.
            UnknownName: a joint or the tool site is not in the model.
        """
        self._model = _arm_model(robot)
        self._configuration = mink.Configuration(self._model)
        self._site = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_SITE, robot.tool_site)
        self._frame = mink.FrameTask(
            robot.tool_site, "site", position_cost=_FRAME_COST, orientation_cost=_FRAME_COST
        )
        posture = mink.PostureTask(self._model, cost=_POSTURE_COST, gain=_POSTURE_GAIN)
        posture.set_target(np.array(robot.start_joint_positions_rad))
        self._tasks = [self._frame, posture]
        self._limits = [mink.ConfigurationLimit(self._model, gain=1.0)]
        self._low = np.array(robot.joint_position_min_rad)
        self._high = np.array(robot.joint_position_max_rad)

    def tool_pose(self, joint_positions: Float64Array) -> Pose:
        """The tool's pose in the base frame for joints of shape (joints,) [rad]."""
        self._configuration.update(joint_positions)
        return self._current_pose()

    def solve(
        self, target: Pose, start: Float64Array, max_iterations: int = _ITERATIONS
    ) -> Solution:
        """Joints that put the tool at `target`, searched from `start` (joints,) [rad].

        From a start within some centimetres three iterations are mostly enough and eight always
        were, from half a metre away it takes up to 60. An unreachable target gives a pose near it;
        the errors tell.
        """
        configuration = self._configuration
        configuration.update(np.minimum(np.maximum(start, self._low), self._high))
        self._frame.set_target(mink.SE3(np.concatenate((target.quaternion_wxyz, target.position))))
        iterations = 0
        while True:
            error = self._frame.compute_error(configuration)
            position_error, rotation_error = _norm(error[:3]), _norm(error[3:])
            is_near = position_error < _POSITION_TOLERANCE_M
            is_there = is_near and rotation_error < _ROTATION_TOLERANCE_RAD
            if is_there or iterations >= max_iterations:
                break
            step = self._step([])
            reached = configuration.q + step
            if (reached < self._low).any() or (reached > self._high).any():
                step = self._step(self._limits)
            largest = float(np.abs(step).max())
            if largest > _MAX_STEP_RAD:
                step *= _MAX_STEP_RAD / largest
            configuration.integrate_inplace(step, 1.0)
            iterations += 1
            if largest < 1e-9:
                break
        joints = np.minimum(np.maximum(configuration.q, self._low), self._high)
        return Solution(joints, self._current_pose(), position_error, rotation_error, iterations)

    def _step(self, limits: list[mink.Limit]) -> Float64Array:
        """The change of the joints (joints,) [rad] towards the tasks; limits cost time."""
        step: Float64Array = mink.solve_ik(
            self._configuration, self._tasks, 1.0, "daqp", damping=_DAMPING, limits=limits
        )
        return step

    def _current_pose(self) -> Pose:
        data = self._configuration.data
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, data.site_xmat[self._site])
        return Pose(data.site_xpos[self._site].copy(), quaternion)


def pointing_down(position: Float64Array, yaw: float) -> Pose:
    """The tool at `position` (3,) [m], its z axis straight down, turned by `yaw` [rad]."""
    half = 0.5 * yaw
    return Pose(position, np.array([0.0, math.cos(half), math.sin(half), 0.0]))


def _norm(vector: Float64Array) -> float:
    return math.sqrt(float(vector @ vector))


def _arm_model(robot: RobotSpec) -> mujoco.MjModel:
    """The robot's model with its arm joints only, their ranges as the robot file says."""
    try:
        spec = mujoco.MjSpec.from_file(str(robot.model_path))
    except ValueError as error:
        raise InvalidFile(f"{robot.model_path} is not a readable MJCF: {error}") from error
    for kind in (spec.keys, spec.sensors, spec.actuators, spec.equalities, spec.tendons):
        for element in list(kind):
            spec.delete(element)
    ranges = dict(
        zip(
            robot.joint_names,
            zip(robot.joint_position_min_rad, robot.joint_position_max_rad, strict=True),
            strict=True,
        )
    )
    names = [joint.name for joint in spec.joints]
    for name in robot.joint_names:
        if name not in names:
            raise UnknownName(f"joint (in {robot.model_path})", name, names)
    sites = [site.name for site in spec.sites]
    if robot.tool_site not in sites:
        raise UnknownName(f"site (in {robot.model_path})", robot.tool_site, sites)
    for joint in list(spec.joints):
        if joint.name in ranges:
            joint.range = ranges[joint.name]
            joint.limited = True
        else:
            spec.delete(joint)
    model = spec.compile()
    order = tuple(model.joint(index).name for index in range(model.njnt))
    if order != robot.joint_names:
        raise InvalidFile(
            f"{robot.model_path} has its joints in the order {order}, expected {robot.joint_names}"
        )
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    base = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, robot.base_frame)
    if base < 0:
        bodies = [model.body(index).name for index in range(1, model.nbody)]
        raise UnknownName(f"body (in {robot.model_path})", robot.base_frame, bodies)
    if np.abs(data.xpos[base]).max() > 1e-9 or np.abs(data.xquat[base] - [1, 0, 0, 0]).max() > 1e-9:
        raise InvalidFile(
            f"{robot.model_path}: body '{robot.base_frame}' is at {data.xpos[base]}, expected it "
            "at the origin and unturned, because poses are given in its frame"
        )
    return model
