"""Task files: which robot and policy, when an episode ends, what is learned from it and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from dsrl_core.specs.steering import FeatureSpec, RewardSpec, SteeringSpec
from dsrl_core.specs.values import STRICT, Count, Positive, Vector2, Vector3
from dsrl_core.types import to_nanoseconds


@dataclass(frozen=True, config=STRICT)
class SceneSpec:
    """The simulated scene of a task; a real robot ignores it."""

    kind: Literal["pick"]
    cube_edge_m: Positive
    cube_mass_kg: Positive
    cube_center_m: Vector2
    cube_spread_m: Annotated[float, Field(ge=0)]
    """Uniform, on either side, in x and y."""
    cube_yaw_spread_rad: Annotated[float, Field(ge=0)]
    lift_m: Positive
    success_steps: Count
    start_tool_position_m: Vector3


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
    policy_features: bool = False
    """Whether actor and critics see what the policy's own encoder makes of an observation."""
    image_encoder: bool = False
    """Whether they see the images through a small encoder of their own."""
    prompt_features: tuple[float, ...] = ()
    """What tells this task from the others of one learner (an embedding of its prompt, say); by
    default a column per task."""
    folder: Path = Path()

    @property
    def time_limit_ns(self) -> int:
        return to_nanoseconds(self.time_limit_s)
