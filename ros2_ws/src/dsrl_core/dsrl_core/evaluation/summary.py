"""What a run set out to do, what it has done so far, and what came of it.

Outcomes are kept one by one, so that an interrupted run goes on where it stopped; rates, intervals
and the verdict are computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from dsrl_core.evaluation.statistics import Count, Latency, SuccessCount
from dsrl_core.types import Outcome

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
NotNegative = Annotated[float, Field(ge=0)]


class Status(StrEnum):
    """How far the run is."""

    RUNNING = "running"
    """Or ended without a chance to say so: power lost, killed."""
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    COMPLETE = "complete"


class Measured(StrEnum):
    """What is measured over the same resets; the names are those of summary.json."""

    BASE = "base_success"
    """The frozen policy with N(0, I)."""
    ZERO_NOISE = "zero_noise_success"
    ORACLE = "oracle_best_of_64_success"
    """64 noises decoded, the best chosen by the simulator's truth: is the policy steerable?"""
    STEERED = "steered_success"
    """Greedy search, as deployed, after the last online episode."""
    ACTOR = "actor_success"
    """The distilled actor alone, after the last online episode."""


@dataclass(frozen=True, config=_STRICT)
class Settings:
    """What was asked for; a run is gone on with only under equal settings."""

    task: str
    robot: str
    policy: str
    seed: Count
    warm_up_episodes: Count
    """Base rollouts before the first update."""
    episodes: Count
    """Online episodes after the warm-up, steered while learning."""
    eval_episodes: Count
    """Resets on which each policy is measured: the same for all."""
    actor_episodes: Count
    """The same resets, from the first, for the distilled actor alone."""
    curve_every: Annotated[int, Field(ge=1)]
    """Online episodes between points of the learning curve."""
    curve_episodes: Count
    """The same resets, from the first, for each of its points."""
    realtime: bool


@dataclass(frozen=True, config=_STRICT)
class Measurement:
    """Outcomes, in the order of the resets, of a policy that does not change meanwhile."""

    trials_wanted: Count
    outcomes: tuple[Outcome, ...] = ()
    episodes: tuple[Count, ...] = ()
    """Numbers of the recorded episodes that the outcomes are of; none of the oracle's."""
    weights_version: Count = 0
    """Of the steering; 0 where nothing steers."""
    wall_s: NotNegative = 0.0
    sim_s: NotNegative = 0.0

    @property
    def count(self) -> SuccessCount | None:
        """Successes so far; None before the first trial."""
        return SuccessCount.of_outcomes(self.outcomes) if self.outcomes else None

    @property
    def is_complete(self) -> bool:
        return len(self.outcomes) >= self.trials_wanted

    @property
    def missing(self) -> int:
        """Trials that are still to be run."""
        return max(0, self.trials_wanted - len(self.outcomes))


@dataclass(frozen=True, config=_STRICT)
class CurvePoint:
    """Greedy success after some online episodes."""

    online_episodes: Count
    measurement: Measurement


@dataclass(frozen=True, config=_STRICT)
class Summary:
    """All that is known of a run."""

    settings: Settings
    measurements: Mapping[Measured, Measurement] = Field(default_factory=dict)
    status: Status = Status.RUNNING
    phases_done: tuple[str, ...] = ()
    message: str = ""
    """Why it failed or stopped, for people."""
    notes: tuple[str, ...] = ()
    """What is missing from the results, and why."""
    warm_up_outcomes: tuple[Outcome, ...] = ()
    training_outcomes: tuple[Outcome, ...] = ()
    """Of the online episodes, in order."""
    curve_points: tuple[CurvePoint, ...] = ()
    """Measured while learning; the last point of the curve is the steered measurement."""
    policy_sha256_before: str | None = None
    """Of the weights file."""
    policy_sha256_after: str | None = None
    policy_sha256_memory_before: str | None = None
    """Of the weights as the policy server holds them."""
    policy_sha256_memory_after: str | None = None
    wall_s: NotNegative = 0.0
    """Of all sittings together, set-up not counted."""
    sim_s: NotNegative = 0.0
    """Simulated time of all episodes of the graph."""
    updates: Count = 0
    updates_per_s: NotNegative = 0.0
    decision_latency_ms: Latency | None = None
    """Observation complete to chunk published, in the graph, of steered decisions."""
    sittings: Count = 0
    """How often the run was started: once, and once for each resumption."""
    command_line: str = ""
    started_at: str = ""
    """UTC, ISO 8601."""
    versions: Mapping[str, str] = Field(default_factory=dict)
    files: Mapping[str, str] = Field(default_factory=dict)
    """What else is in the folder: name of a thing to its path, relative."""

    def count(self, what: Measured) -> SuccessCount | None:
        """Successes so far; None where nothing was measured."""
        measurement = self.measurements.get(what)
        return None if measurement is None else measurement.count

    def with_measurement(self, what: Measured, measurement: Measurement) -> Summary:
        """The summary with one measurement put in or replaced."""
        return replace(self, measurements={**self.measurements, what: measurement})

    @property
    def curve(self) -> tuple[CurvePoint, ...]:
        """The points of the learning curve that were measured, by online episodes."""
        points = [point for point in self.curve_points if point.measurement.outcomes]
        steered = self.measurements.get(Measured.STEERED)
        if steered is not None and steered.outcomes:
            points.append(CurvePoint(self.settings.episodes, steered))
        return tuple(points)

    @property
    def policy_is_unchanged(self) -> bool | None:
        """Whether file and memory hash to the same as before; None while that is not known."""
        before = (self.policy_sha256_before, self.policy_sha256_memory_before)
        after = (self.policy_sha256_after, self.policy_sha256_memory_after)
        return None if None in before + after else before == after

    @property
    def real_time_factor(self) -> float | None:
        """Simulated over wall time while nothing waits for the learner: base and zero noise."""
        free = [self.measurements.get(what) for what in (Measured.BASE, Measured.ZERO_NOISE)]
        wall_s = sum(part.wall_s for part in free if part)
        return sum(part.sim_s for part in free if part) / wall_s if wall_s else None

    @property
    def verdict(self) -> str:
        """One sentence: is the steered policy better than the base policy?"""
        base, steered = self.count(Measured.BASE), self.count(Measured.STEERED)
        if base is None or steered is None:
            return "Not known yet: base and steered policy have not both been measured."
        rates = (
            f"{base.rate:.0%} of {base.trials} resets before, "
            f"{steered.rate:.0%} of {steered.trials} after"
        )
        if steered.wilson_low > base.wilson_high:
            return f"Better: {rates}; the 95% intervals do not overlap."
        if steered.wilson_high < base.wilson_low:
            return f"Worse: {rates}; the 95% intervals do not overlap."
        return f"No difference shown: {rates}; the 95% intervals overlap."
