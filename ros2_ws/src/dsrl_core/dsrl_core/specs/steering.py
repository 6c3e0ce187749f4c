"""What is learned from a task's episodes, and how noise is chosen: parts of a task file."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from dsrl_core.specs.values import STRICT, Count, NaturalNumber, Positive


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
class RewardSpec:
    """How a person's label becomes a return, and what ends an episode for good."""

    rule: Literal["sparse_01", "step_cost", "environment"]
    """sparse_01: the label at the end, 0 before. step_cost: -1 per decision, the label minus one at
    the end. environment: what the environment gave (benchmarks that have no person)."""
    discount: Annotated[float, Field(ge=0, lt=1)]
    """Per chunk of full length."""
    timeout_is_terminal: bool
    """False: a failure by time-out goes on in the value of its true last observation."""
    failure_is_terminal: bool = True
    """Whether a failure that a person called before the time-out ends in value 0."""
    discount_by: Literal["executed_steps", "decision"] = "executed_steps"
    """executed_steps: a chunk that was cut short is discounted by its share. decision: every chunk
    counts as a full one."""

    @property
    def value_range(self) -> tuple[float, float]:
        """Smallest and largest return that there can be."""
        if self.rule == "sparse_01":
            return (0.0, 1.0)
        if self.rule == "step_cost":
            return (-1.0 / (1.0 - self.discount), 0.0)
        return (-math.inf, math.inf)


@dataclass(frozen=True, config=STRICT)
class SteeringSpec:
    """How noise is learned and chosen."""

    algorithm: str
    """A name of `dsrl_core.learning.ALGORITHMS`."""
    noise_shape: Literal["full", "repeated", "knots"]
    """full: a noise for every step of the chunk. repeated: one for all steps. knots: `knots` of
    them, the steps between them interpolated."""
    noise_bound: Positive
    """Largest |w| per component of a steered noise."""
    warm_up_episodes: NaturalNumber
    """Labelled episodes of the base policy before anything is learned; 0 with demonstrations."""
    candidates: Count
    """Noises that best_of_n and cem look at first, once there are enough episodes."""
    refinements: NaturalNumber
    """cem: rounds after that, with all candidates only."""
    refinement_candidates: Count
    elites: Count
    selection: Literal["actor", "best_of_n", "cem"] = "cem"
    """What picks the noise of a decision: the actor, or a search by the critic."""
    pessimism: Annotated[float, Field(ge=0)] = 1.0
    """A searched noise is worth the critics' mean minus so many of their standard deviations: what
    they disagree about is not trusted while there is little data."""
    candidates_first: Count = 4
    """Noises that greedy modes look at directly after the warm-up. The best of N noises is at most
    log N nats away from the base policy, whatever the critics believe; see `candidates_at`."""
    candidates_doubled_every: Positive = 1.5
    """Labelled episodes after which greedy modes look at as many again."""
    training_doubled_every: Annotated[float, Field(ge=0)] = 0.0
    """The same of training; 0: it looks at all noises from the start. What young critics believe is
    tried out then, right or wrong, and they learn from it. Where success is rare, so much of it is
    wrong that nothing succeeds for long, and they have nothing to learn from."""
    knots: Annotated[int, Field(ge=2)] = 2
    preset: str = "robot"
    """Settings of the algorithm to begin with."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings that differ from the preset's; see the algorithm's config."""

    def candidates_at(self, episodes: int, training: bool = False) -> int:
        """How many noises are looked at with critics that learned from so many episodes.

        Critics of ten episodes, most of them failures, prefer noises that no episode has tried;
        the fewer they may choose among, the less they can do worse than the base policy.
        """
        every = self.training_doubled_every if training else self.candidates_doubled_every
        if not every:
            return self.candidates
        doublings = max(0, episodes - self.warm_up_episodes) / every
        grown = self.candidates_first * 2.0 ** min(doublings, 32.0)
        return min(self.candidates, int(grown))
