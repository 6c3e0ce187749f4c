"""Robot, task and policy files (YAML) as frozen dataclasses: what a user writes, checked.

A file with an unknown key, a missing key or a value out of range is refused with the place in the
file, what was expected and what is available. Defaults stand here and nowhere else.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from dsrl_core.errors import InvalidFile
from dsrl_core.types import to_nanoseconds

_STRICT = ConfigDict(extra="forbid")

Positive = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Joints = Annotated[tuple[float, ...], Field(min_length=1)]
Vector2 = tuple[float, float]
Vector3 = tuple[float, float, float]


@dataclass(frozen=True, config=_STRICT)
class RobotSpec:
    """A robot file: names, limits and timing of one arm with a parallel gripper."""

    name: str
    description: str
    joint_names: tuple[str, ...]
    finger_joint_names: tuple[str, str]
    base_frame: str
    model_file: str
    """MJCF of arm and hand, beside the robot file; kinematics and simulator both read it."""
    tool_site: str
    start_joint_positions_rad: Joints
    joint_position_min_rad: Joints
    joint_position_max_rad: Joints
    joint_velocity_max_rad_s: Joints
    joint_acceleration_max_rad_s2: Joints
    joint_effort_max: Joints
    """[Nm]"""
    tracking_error_max_rad: Positive
    """Largest accepted distance of a set-point from the measured position."""
    workspace_min_m: Vector3
    workspace_max_m: Vector3
    """Box in the base frame that the tool point may not leave."""
    gripper_width_max_m: Positive
    gripper_latency_s: Positive
    """From a commanded width to the fingers' first motion; the simulator models it."""
    set_point_period_s: Positive
    folder: Path = Path()
    """Where the file stands; set by the loader."""

    @model_validator(mode="after")
    def _same_length(self) -> RobotSpec:
        joints = len(self.joint_names)
        for name in (
            "start_joint_positions_rad",
            "joint_position_min_rad",
            "joint_position_max_rad",
            "joint_velocity_max_rad_s",
            "joint_acceleration_max_rad_s2",
            "joint_effort_max",
        ):
            if len(getattr(self, name)) != joints:
                raise ValueError(f"{name} has {len(getattr(self, name))} values, expected {joints}")
        return self

    @property
    def model_path(self) -> Path:
        return self.folder / self.model_file

    @property
    def set_point_period_ns(self) -> int:
        return to_nanoseconds(self.set_point_period_s)


@dataclass(frozen=True, config=_STRICT)
class FieldSpec:
    """A named part of the policy's observation or action vector."""

    name: str
    size: Annotated[int, Field(ge=1)]
    unit: str = ""
    scale: Positive = 1.0
    """Typical magnitude [unit]; a critic divides an action by it."""
    moves: str | None = None
    """In an action: the observation's field that this one changes."""
    relative: bool = False
    """In an action: whether it adds to that field, or replaces it."""


@dataclass(frozen=True, config=_STRICT)
class ActionSpec:
    """How a chunk's rows are to be read."""

    kind: Literal["tool_delta"]
    """tool_delta: displacement of the commanded tool point and yaw in the base frame, and the
    gripper width to command."""
    fields: tuple[FieldSpec, ...]
    period_s: Positive
    """Time that one action takes."""
    gripper_levels_m: tuple[float, ...] = ()
    """If any: the nearest of these widths is commanded, so that noise on an open gripper's width
    does not begin to close it."""


@dataclass(frozen=True, config=_STRICT)
class PolicySpec:
    """A policy file: what a frozen policy expects and gives.

    Shapes: noise (horizon, noise_dim), chunk (horizon, action_dim); see `PolicyBackend`.
    """

    name: str
    description: str
    backend: str
    weights: str
    """File beside the policy file."""
    weights_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    observation: tuple[FieldSpec, ...]
    action: ActionSpec
    horizon: Annotated[int, Field(ge=1)]
    """Actions in a chunk; the one that it was trained with."""
    noise_dim: Annotated[int, Field(ge=1)]
    denoising_steps: Annotated[int, Field(ge=1)]
    architecture: dict[str, int] = field(default_factory=dict)
    max_batch: Annotated[int, Field(ge=1)] = 4096
    tolerance: Positive = 1e-5
    """Largest accepted difference between two decodings of the same noise."""
    folder: Path = Path()

    @property
    def observation_size(self) -> int:
        return sum(part.size for part in self.observation)

    @property
    def action_dim(self) -> int:
        return sum(part.size for part in self.action.fields)

    @property
    def noise_shape(self) -> tuple[int, int]:
        return (self.horizon, self.noise_dim)

    @property
    def chunk_shape(self) -> tuple[int, int]:
        return (self.horizon, self.action_dim)

    @property
    def weights_path(self) -> Path:
        return self.folder / self.weights


@dataclass(frozen=True, config=_STRICT)
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


@dataclass(frozen=True, config=_STRICT)
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
    success_steps: Annotated[int, Field(ge=1)]
    start_tool_position_m: Vector3


@dataclass(frozen=True, config=_STRICT)
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


@dataclass(frozen=True, config=_STRICT)
class SteeringSpec:
    """How noise is chosen."""

    algorithm: str
    noise_shape: Literal["full", "repeated"]
    noise_bound: Positive
    """Largest |w| per component of a steered noise."""
    warm_up_episodes: Annotated[int, Field(ge=1)]
    candidates: Annotated[int, Field(ge=1)]
    """Noises that the search decodes at first."""
    refinements: Annotated[int, Field(ge=0)]
    """Rounds of the cross-entropy method after that."""
    refinement_candidates: Annotated[int, Field(ge=1)]
    elites: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=_STRICT)
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


def require_horizon(policy: PolicySpec, horizon: int) -> None:
    """Refuse to play chunks of another length than the policy was trained with."""
    if policy.horizon != horizon:
        raise InvalidFile(
            f"policy '{policy.name}' was trained with horizon {policy.horizon}, not {horizon}"
        )
