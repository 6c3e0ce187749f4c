"""Task files: which robot and policy, when an episode ends, what is learned from it and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from dsrl_core.specs.values import STRICT, Count, NaturalNumber, Positive, Vector2, Vector3
from dsrl_core.types import to_nanoseconds


@dataclass(frozen=True, config=STRICT)
class FeatureSpec:
    """One group of inputs of the actor and the critics; see `dsrl_core.steering.features`.

    value: the observation's field `of`. difference: `of` minus `minus`. angle: the same, wrapped to
    half of `symmetry_rad` on either side. Each is divided by every one of `scales`, and squashed.
    """

    name: str
    kind: Literal["value", "difference", "angle"]
    of: str
    minus: str | None = None
    axes: tuple[int, ...] | None = None
    """Which components of the field; all by default."""
    rotate_by: str | None = None
    """Field with the yaw [rad] into whose frame the first two components are turned."""
    symmetry_rad: Positive | None = None
    scales: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0,)
    offset: float = 0.0
    """Subtracted before scaling."""
    when: tuple[Literal["now", "chunk_end", "chunk_path"], ...] = ("now",)
    """now; with the motion of a whole chunk added; after every action of it. A chunk is only known
    to a critic."""


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
class RewardSpec:
    """How a person's label becomes a return."""

    rule: Literal["sparse_01", "step_cost"]
    discount: Annotated[float, Field(ge=0, lt=1)]
    """Per executed chunk of full length; shorter ones are discounted by their share."""
    timeout_is_terminal: bool

    @property
    def value_range(self) -> tuple[float, float]:
        """Smallest and largest return that there can be."""
        if self.rule == "sparse_01":
            return (0.0, 1.0)
        return (-1.0 / (1.0 - self.discount), 0.0)


@dataclass(frozen=True, config=STRICT)
class SteeringSpec:
    """How noise is chosen."""

    algorithm: str
    noise_shape: Literal["full", "repeated"]
    noise_bound: Positive
    """Largest |w| per component of a steered noise."""
    warm_up_episodes: Count
    candidates: Count
    """Noises that the search decodes at first."""
    refinements: NaturalNumber
    """Rounds of the cross-entropy method after that."""
    refinement_candidates: Count
    elites: Count


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
    folder: Path = Path()

    @property
    def time_limit_ns(self) -> int:
        return to_nanoseconds(self.time_limit_s)
