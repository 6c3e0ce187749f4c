"""Task files: which robot and policy, when an episode ends, what is learned from it and how."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from dsrl_core.specs.steering import FeatureSpec, RewardSpec, SteeringSpec
from dsrl_core.specs.values import STRICT, Count, NotNegative, Positive, Vector2, Vector3
from dsrl_core.types import to_nanoseconds


@dataclass(frozen=True, config=STRICT)
class CubeScene:
    """What all simulated scenes share: a table, and a cube that lies on it."""

    cube_edge_m: Positive
    cube_mass_kg: Positive
    cube_center_m: Vector2
    cube_spread_m: NotNegative
    """Uniform, on either side, in x and y."""
    cube_yaw_spread_rad: NotNegative
    success_steps: Count
    """Looks of the success rule, one every 0.1 s, that have to find it fulfilled in a row."""
    start_tool_position_m: Vector3


@dataclass(frozen=True, config=STRICT)
class PickScene(CubeScene):
    """Success: the cube is held so high above the table."""

    kind: Literal["pick"]
    lift_m: Positive


@dataclass(frozen=True, config=STRICT)
class PlaceScene(CubeScene):
    """Success: the cube rests in a bowl, and the gripper has let go of it."""

    kind: Literal["place"]
    bowl_center_m: Vector2
    bowl_spread_m: NotNegative
    """Uniform, on either side, in x and y."""
    bowl_rim_radius_m: Positive
    bowl_bottom_radius_m: Positive
    bowl_height_m: Positive
    bowl_wall_m: Positive
    """Thickness of walls and bottom."""

    @model_validator(mode="after")
    def _bowl_holds_the_cube_and_stands_apart(self) -> PlaceScene:
        half_diagonal_m = self.cube_edge_m / math.sqrt(2)
        if not half_diagonal_m < self.bowl_bottom_radius_m <= self.bowl_rim_radius_m:
            raise ValueError(
                f"bowl radii of {self.bowl_bottom_radius_m} m at the bottom and "
                f"{self.bowl_rim_radius_m} m at the rim; expected more than {half_diagonal_m:.4f} "
                "(the cube's half diagonal), and no less at the rim than at the bottom"
            )
        centers = zip(self.cube_center_m, self.bowl_center_m, strict=True)
        apart_m = max(abs(cube - bowl) for cube, bowl in centers)
        needed_m = (
            self.cube_spread_m + self.bowl_spread_m + half_diagonal_m + self.bowl_rim_radius_m
        )
        if apart_m <= needed_m:
            raise ValueError(
                f"cube and bowl could overlap: their centres are {apart_m:.3f} m apart along the "
                f"better axis, expected more than {needed_m:.3f}"
            )
        return self


SceneSpec: TypeAlias = Annotated[PickScene | PlaceScene, Field(discriminator="kind")]
"""The simulated scene of a task; a real robot ignores it."""


@dataclass(frozen=True, config=STRICT)
class GripperSpec:
    """How the hand closes and opens in a task."""

    force_n: Positive = 20.0
    """With which a grasp holds."""
    speed_m_s: Positive = 0.1
    """At which the width changes."""
    grasp_below_m: NotNegative = 0.04
    """A wanted width up to this is a grasp, with force; a larger one is a move without."""
    epsilon_inner_m: NotNegative = 0.08
    epsilon_outer_m: NotNegative = 0.08
    """How much narrower and wider than wanted a grasped thing may be. By default anything is held:
    whether it is the right thing is for the policy to see."""
    debounce_s: NotNegative = 0.05
    """A changed width has to be wanted for so long before the hand is told."""
    step_m: Positive = 1e-3
    """A width that differs by no more than this is the same."""


@dataclass(frozen=True, config=STRICT)
class TaskSpec:
    """A task file: which robot and policy, when an episode ends, and what the critic sees."""

    name: str
    description: str
    robot: str
    policy: str
    time_limit_s: Positive
    scene: SceneSpec
    reward: RewardSpec
    steering: SteeringSpec
    features: Annotated[tuple[FeatureSpec, ...], Field(min_length=1)]
    critic_sees_chunk: bool
    """Whether the critics see the chunk's actions themselves, beside the features of it."""
    input_age_max_s: Positive
    """An input older than this at the time of a decision is stale, and the decision waits."""
    frozen_camera_s: Positive = 0.5
    """A camera that gives the same picture for so long, while its stamps go on and the arm moves,
    is frozen."""
    success_target: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Success rate that a run is to reach; how far it is, is told. 0: none."""
    gripper: GripperSpec = GripperSpec()
    policy_features: bool = False
    """Whether actor and critics see what the policy's own encoder makes of an observation."""
    image_encoder: bool = False
    """Whether they see the images through a small encoder of their own."""
    prompt: str = ""
    """What a policy that reads language is told in this task; empty: what its own file says."""
    prompt_features: tuple[float, ...] = ()
    """What tells this task from the others of one learner (an embedding of its prompt, say); by
    default a column per task."""
    folder: Path = Path()

    @property
    def time_limit_ns(self) -> int:
        return to_nanoseconds(self.time_limit_s)
