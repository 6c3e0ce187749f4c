"""The parts of a simulated scene: surroundings, table, cube, bowl, cameras."""

from __future__ import annotations

import math
from typing import Final

import mujoco
import numpy as np

from dsrl_core.specs import SceneSpec
from dsrl_core.specs.task import PlaceScene
from dsrl_core.types import Float64Array

CUBE: Final = "cube"
CUBE_GEOM: Final = "cube_surface"
BOWL: Final = "bowl"
SCENE_CAMERA: Final = "scene"
WRIST_CAMERA: Final = "wrist"

_TABLE_CENTER_M: Final = (0.36, 0.0)
_TABLE_HALF_M: Final = (0.56, 0.55)
_TABLE_THICKNESS_M: Final = 0.03
_FLOOR_M: Final = -0.72
_HAND_BODY: Final = "fr3_hand"
_BOWL_PANELS: Final = 12

# Collision bits: the robot (1) meets the scene, the cube (2) also meets table and bowl.
_SCENE_BIT: Final = 1
_CUBE_BIT: Final = 2


def add_surroundings(spec: mujoco.MjSpec) -> None:
    """Sky, floor and light."""
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


def add_table(spec: mujoco.MjSpec, scene: SceneSpec) -> None:
    """The table, and a mat where the cube may lie."""
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


def add_cube(spec: mujoco.MjSpec, scene: SceneSpec) -> None:
    """The cube, with a mark on its top."""
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


def add_bowl(spec: mujoco.MjSpec, scene: PlaceScene) -> None:
    """A bottom and a ring of slanted walls, that a reset puts somewhere else on the table."""
    body = spec.worldbody.add_body(name=BOWL, pos=[*scene.bowl_center_m, 0], mocap=True)
    looks_and_contacts = {
        "rgba": [0.20, 0.46, 0.70, 1],
        "friction": [0.3, 0.005, 0.0001],
        # Smooth against whatever it touches.
        "priority": 1,
        "solref": [0.01, 1],
        "contype": 0,
        "conaffinity": _SCENE_BIT | _CUBE_BIT,
    }
    bottom, rim = scene.bowl_bottom_radius_m, scene.bowl_rim_radius_m
    half_wall, height = scene.bowl_wall_m / 2, scene.bowl_height_m
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        pos=[0, 0, half_wall],
        size=[bottom, half_wall, 0],
        **looks_and_contacts,
    )
    slant = math.atan2(rim - bottom, height)
    half_size = [
        half_wall,
        # As wide as a side of the ring at its outer edge: lower down, walls run into each other.
        (rim + half_wall) * math.tan(math.pi / _BOWL_PANELS),
        math.hypot(rim - bottom, height) / 2,
    ]
    tilt = np.array([math.cos(slant / 2), 0.0, math.sin(slant / 2), 0.0])
    for panel in range(_BOWL_PANELS):
        angle = 2 * math.pi * panel / _BOWL_PANELS
        turn = np.array([math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2)])
        quaternion = np.zeros(4)
        mujoco.mju_mulQuat(quaternion, turn, tilt)
        radius = (bottom + rim) / 2
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=[radius * math.cos(angle), radius * math.sin(angle), height / 2],
            quat=quaternion,
            size=half_size,
            **looks_and_contacts,
        )


def add_cameras(spec: mujoco.MjSpec, middle_m: Float64Array) -> None:
    """One that sees the arm and the table around `middle_m` (2,), and one on the wrist."""
    x, y = middle_m
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
