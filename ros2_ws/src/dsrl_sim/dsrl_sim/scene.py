"""Builds the simulated scene of a task around the robot's own model."""

from __future__ import annotations

from typing import Final

import mujoco
import numpy as np

from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.errors import InvalidValue
from dsrl_core.specs import RobotSpec, SceneSpec
from dsrl_core.types import Float64Array

CUBE: Final = "cube"
CUBE_GEOM: Final = "cube_surface"
PADS: Final = ("fr3_left_pad", "fr3_right_pad")
GRIPPER_ACTUATOR: Final = "fr3_gripper"
SCENE_CAMERA: Final = "scene"
WRIST_CAMERA: Final = "wrist"
CAMERAS: Final = (SCENE_CAMERA, WRIST_CAMERA)

_TABLE_CENTER_M: Final = (0.36, 0.0)
_TABLE_HALF_M: Final = (0.56, 0.55)
_TABLE_THICKNESS_M: Final = 0.03
_FLOOR_M: Final = -0.72
_HAND_BODY: Final = "fr3_hand"

_START_TOLERANCE_M: Final = 1e-4

# Collision bits: the robot (1) meets the scene, the cube (2) also meets the table.
_SCENE_BIT: Final = 1
_CUBE_BIT: Final = 2


def build_model(scene: SceneSpec, robot: RobotSpec) -> mujoco.MjModel:
    """The robot on a table with a cube; the table's top is z = 0 of the robot's base frame."""
    spec = mujoco.MjSpec.from_file(str(robot.model_path))
    _add_surroundings(spec)
    _add_table(spec, scene)
    _add_cube(spec, scene)
    _add_cameras(spec, scene)
    return spec.compile()


def start_posture(scene: SceneSpec, robot: RobotSpec) -> Float64Array:
    """Joint positions (joints,) [rad] with the tool at the scene's start, pointing down.

    Raises:
        InvalidValue: the arm does not reach there.
    """
    target = pointing_down(np.array(scene.start_tool_position_m), yaw=0.0)
    solution = Kinematics(robot).solve(target, np.array(robot.start_joint_positions_rad))
    if solution.position_error_m > _START_TOLERANCE_M:
        raise InvalidValue(
            f"start_tool_position_m {list(scene.start_tool_position_m)} is out of the reach of "
            f"'{robot.name}': {solution.position_error_m:.3f} m remain"
        )
    return solution.joint_positions


def _add_surroundings(spec: mujoco.MjSpec) -> None:
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.80, 0.86, 0.92],
        rgb2=[0.46, 0.54, 0.63],
        width=64,
        height=384,
    )
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        pos=[0, 0, _FLOOR_M],
        size=[4, 4, 0.1],
        rgba=[0.50, 0.53, 0.56, 1],
        contype=0,
        conaffinity=_CUBE_BIT,
    )
    spec.worldbody.add_light(
        pos=[0.9, -0.7, 1.8],
        dir=[-0.35, 0.45, -1],
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        diffuse=[0.62, 0.61, 0.58],
        specular=[0.25, 0.25, 0.25],
    )
    spec.visual.headlight.ambient = [0.38, 0.38, 0.40]
    spec.visual.headlight.diffuse = [0.28, 0.28, 0.30]
    spec.visual.headlight.specular = [0.05, 0.05, 0.05]
    spec.visual.map.znear = 0.01
    # Software rendering pays for every triangle.
    spec.visual.quality.numslices = 24
    spec.visual.quality.numstacks = 12
    spec.visual.quality.numquads = 1


def _add_table(spec: mujoco.MjSpec, scene: SceneSpec) -> None:
    x, y = _TABLE_CENTER_M
    half_x, half_y = _TABLE_HALF_M
    spec.worldbody.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=[x, y, -_TABLE_THICKNESS_M / 2],
        size=[half_x, half_y, _TABLE_THICKNESS_M / 2],
        rgba=[0.72, 0.60, 0.46, 1],
        friction=[0.8, 0.005, 0.0001],
        contype=0,
        conaffinity=_SCENE_BIT | _CUBE_BIT,
    )
    # A mat, for the eye only, where the cube may lie.
    reach = scene.cube_spread_m + scene.cube_edge_m
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=[*scene.cube_center_m, -0.0006],
        size=[reach, reach, 0.001],
        rgba=[0.33, 0.39, 0.44, 1],
        contype=0,
        conaffinity=0,
    )
    leg_half = (_TABLE_THICKNESS_M + _FLOOR_M) / -2
    for sign_x in (-1, 1):
        for sign_y in (-1, 1):
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX,
                pos=[
                    x + sign_x * (half_x - 0.05),
                    y + sign_y * (half_y - 0.05),
                    _FLOOR_M + leg_half,
                ],
                size=[0.03, 0.03, leg_half],
                rgba=[0.25, 0.26, 0.28, 1],
                contype=0,
                conaffinity=0,
            )


def _add_cube(spec: mujoco.MjSpec, scene: SceneSpec) -> None:
    half = scene.cube_edge_m / 2
    body = spec.worldbody.add_body(name=CUBE, pos=[*scene.cube_center_m, half])
    body.add_freejoint(name=CUBE)
    body.add_geom(
        name=CUBE_GEOM,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[half, half, half],
        mass=scene.cube_mass_kg,
        rgba=[0.90, 0.33, 0.16, 1],
        condim=4,
        friction=[0.8, 0.005, 0.0001],
        solref=[0.01, 1],
        contype=_CUBE_BIT,
        conaffinity=_SCENE_BIT,
    )
    # A marked top, so that its yaw can be seen.
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=[half / 2, 0, half],
        size=[half * 0.12, half * 0.5, 0.0004],
        mass=0,
        rgba=[1.0, 0.92, 0.80, 1],
        contype=0,
        conaffinity=0,
    )


def _add_cameras(spec: mujoco.MjSpec, scene: SceneSpec) -> None:
    x, y = scene.cube_center_m
    eye = np.array([x + 0.86, y - 0.76, 0.78])
    target = np.array([x - 0.20, y + 0.02, 0.26])
    spec.worldbody.add_camera(
        name=SCENE_CAMERA, pos=eye, quat=_look_at(eye, target, up=np.array([0.0, 0, 1])), fovy=42
    )
    # Beside the hand, where a bracket holds it on the real arm.
    eye = np.array([0.08, 0.0, 0.035])
    target = np.array([0.045, 0.0, 0.13])
    spec.body(_HAND_BODY).add_camera(
        name=WRIST_CAMERA, pos=eye, quat=_look_at(eye, target, up=np.array([1.0, 0, 0])), fovy=74
    )


def _look_at(eye: Float64Array, target: Float64Array, up: Float64Array) -> Float64Array:
    """Quaternion (4,) (w, x, y, z) of a camera at `eye` that sees `target` along its -z axis."""
    backward = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(backward, right), backward], axis=1)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rotation.flatten())
    return quaternion
