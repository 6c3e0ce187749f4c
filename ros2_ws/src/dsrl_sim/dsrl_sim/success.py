"""When a task is done, by the simulator's truth: a rule per kind of scene."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import mujoco
import numpy as np

from dsrl_core.specs import SceneSpec
from dsrl_core.specs.task import PickScene, PlaceScene
from dsrl_sim.handles import Handles

REST_M_S: Final = 0.02
"""A cube that moves more slowly than this rests."""
OPENED_M: Final = 0.01
"""How much wider than the cube a gripper is that has let go of it."""

SuccessRule = Callable[[mujoco.MjData], bool]
"""Whether the world is as it should be, at one look."""


def success_rule(scene: SceneSpec, at: Handles) -> SuccessRule:
    """The rule of a scene."""
    if isinstance(scene, PlaceScene):
        return lambda data: is_placed(data, scene, at)
    return lambda data: is_lifted(data, scene, at)


def is_lifted(data: mujoco.MjData, scene: PickScene, at: Handles) -> bool:
    """Whether the cube is held high enough above where it lay."""
    lifted = data.qpos[at.cube][2] - scene.cube_edge_m / 2 >= scene.lift_m
    return bool(lifted) and is_held(data, at)


def is_placed(data: mujoco.MjData, scene: PlaceScene, at: Handles) -> bool:
    """Whether the cube rests in the bowl, on nothing else, and the gripper is open."""
    assert at.bowl is not None, "a place scene has a bowl"
    offset = data.qpos[at.cube][:3] - data.mocap_pos[at.bowl]
    inside = math.hypot(offset[0], offset[1]) < scene.bowl_rim_radius_m
    inside = inside and bool(offset[2] < scene.bowl_height_m)
    opened = data.qpos[at.fingers].sum() > scene.cube_edge_m + OPENED_M
    if not (inside and opened):
        return False
    rests = bool(np.linalg.norm(data.qvel[at.cube_velocity][:3]) < REST_M_S)
    touching = touches(data, at)
    return rests and len(touching) > 0 and touching <= at.bowl_geoms


def is_held(data: mujoco.MjData, at: Handles) -> bool:
    """Whether both fingers touch the cube."""
    return touches(data, at).issuperset(at.pads)


def touches(data: mujoco.MjData, at: Handles) -> set[int]:
    """Geoms that the cube touches."""
    contacts = data.contact.geom
    touching = contacts[(contacts == at.cube_geom).any(axis=1)]
    return set(touching.ravel().tolist()) - {at.cube_geom}
