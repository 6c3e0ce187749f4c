"""Policy files: what a frozen policy expects and gives."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from dsrl_core.errors import InvalidFile
from dsrl_core.specs.values import STRICT, Count, NaturalNumber, NotZero, Positive


@dataclass(frozen=True, config=STRICT)
class FieldSpec:
    """A named part of the policy's observation or action vector."""

    name: str
    size: Count
    unit: str = ""
    scale: Positive = 1.0
    """Typical magnitude [unit]; a critic divides an action by it."""
    center: float = 0.0
    """In an action: the middle of what is usual [unit]; where RL on actions begins."""
    moves: str | None = None
    """In an action: the observation's field that this one changes."""
    relative: bool = False
    """In an action: whether it adds to that field, or replaces it."""
    model_scale: NotZero = 1.0
    """Of a model in other units: our value is `model_scale` times the model's, plus
    `model_offset`."""
    model_offset: float = 0.0


ActionKind = Literal[
    "joint_position",
    "joint_delta",
    "joint_velocity",
    "tool_delta",
    "end_effector_delta",
    "end_effector_pose",
]
"""What a row of a chunk says, before the gripper width [m] that is the last field of every kind.

joint_position: every joint's position [rad]. joint_delta: their change [rad]. joint_velocity: their
velocity [rad/s]. The other kinds speak of the tool in the base frame. tool_delta: displacement [m]
and yaw [rad], pointing down. end_effector_delta: displacement [m] and rotation vector [rad].
end_effector_pose: position [m] and quaternion (w, x, y, z), which need not be normalised. Deltas
add to where the commands have led, not to what is measured."""


@dataclass(frozen=True, config=STRICT)
class ActionSpec:
    """How a chunk's rows are to be read."""

    kind: ActionKind
    fields: tuple[FieldSpec, ...]
    period_s: Positive
    """Time that one action takes."""
    joints: tuple[str, ...] = ()
    """Of a joint_* kind: the robot file's names of the joints in the order of a row. If given, an
    arm of other joints or another order is refused; a chunk itself has no names."""
    gripper_levels_m: tuple[float, ...] = ()
    """If any: the nearest of these widths is commanded, so that noise on an open gripper's width
    does not begin to close it."""
    jump_max_rad: Positive = 0.5
    """A row that leads a joint, or turns the tool, further than this at once is no motion but a
    fault: its chunk is refused."""
    jump_max_m: Positive = 0.25
    """The same for the tool's way."""


ImageFit = Literal["refuse", "stretch", "pad", "crop"]
"""What becomes of a picture of another size. refuse: it is refused on a robot, and stretched where
a dataset is imported. stretch: each side by itself. pad: as large as fits, black around it. crop:
as small as fills, its middle."""


@dataclass(frozen=True, config=STRICT)
class CameraSpec:
    """One of a policy's cameras; images are RGB, uint8."""

    name: str
    width: Count
    """[px]"""
    height: Count
    fit: ImageFit = "refuse"


@dataclass(frozen=True, config=STRICT)
class PolicySpec:
    """A policy file: what a frozen policy expects and gives.

    Shapes: noise (horizon, noise_dim), chunk (horizon, action_dim); see `PolicyBackend`.
    """

    name: str
    description: str
    backend: str
    weights: str
    """File or folder beside the policy file; empty for a policy that runs elsewhere."""
    weights_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of a policy that runs elsewhere: the `model_id` that its server has to tell."""
    observation: tuple[FieldSpec, ...]
    action: ActionSpec
    horizon: Count
    """Actions in a chunk; the one that it was trained with."""
    noise_dim: Count
    denoising_steps: Count
    noise_horizon: NaturalNumber = 0
    """Rows of a noise; 0: as many as a chunk has actions."""
    observation_steps: Count = 1
    """How many observations, `action.period_s` apart, the policy sees; the newest comes first."""
    keys: dict[str, str] = field(default_factory=dict)
    """What the model itself calls a field or a camera; fields of one key are put together."""
    prompt: str = ""
    """What a policy that reads language is told."""
    settings: dict[str, str | int | float | bool] = field(default_factory=dict)
    """What else its backend has to know; see the backend."""
    cameras: tuple[CameraSpec, ...] = ()
    """What it sees, in this order, all of one size; none for a policy on a state vector."""
    features_size: NaturalNumber = 0
    """Size of what `PolicyBackend.encode` gives; 0 where nobody is to see it."""
    estimates: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Fields that the policy's encoder estimates: which of its features hold them, in SI units."""
    architecture: dict[str, int] = field(default_factory=dict)
    max_batch: Count = 4096
    tolerance: Positive = 1e-5
    """Largest accepted difference between two decodings of the same noise."""
    folder: Path = Path()

    @model_validator(mode="after")
    def _cameras_of_one_size(self) -> PolicySpec:
        sizes = {(camera.width, camera.height) for camera in self.cameras}
        if len(sizes) > 1:
            raise ValueError(f"cameras of different sizes {sorted(sizes)}; expected one size")
        return self

    @cached_property
    def step_size(self) -> int:
        """Values in one observation."""
        return sum(part.size for part in self.observation)

    @cached_property
    def observation_size(self) -> int:
        """Values in all observations that the policy sees at once."""
        return self.observation_steps * self.step_size

    @cached_property
    def action_dim(self) -> int:
        return sum(part.size for part in self.action.fields)

    @cached_property
    def images_shape(self) -> tuple[int, int, int, int] | None:
        """Shape (views, height, width, 3) of an observation's images; None without cameras.

        Views: every camera of the newest observation, then of the one before.
        """
        if not self.cameras:
            return None
        views = self.observation_steps * len(self.cameras)
        return (views, self.cameras[0].height, self.cameras[0].width, 3)

    @cached_property
    def noise_shape(self) -> tuple[int, int]:
        return (self.noise_horizon or self.horizon, self.noise_dim)

    @cached_property
    def chunk_shape(self) -> tuple[int, int]:
        return (self.horizon, self.action_dim)

    @property
    def weights_path(self) -> Path:
        return self.folder / self.weights


def require_horizon(policy: PolicySpec, horizon: int) -> None:
    """Refuse to play chunks of another length than the policy was trained with."""
    if policy.horizon != horizon:
        raise InvalidFile(
            f"policy '{policy.name}' was trained with horizon {policy.horizon}, not {horizon}"
        )
