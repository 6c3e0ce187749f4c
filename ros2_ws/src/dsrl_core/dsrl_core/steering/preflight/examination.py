"""All measurements of one policy, in order, and what they amount to."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.determinism import Determinism, measure_determinism
from dsrl_core.policies.horizon import Horizon, measure_horizon
from dsrl_core.seeding import Purpose, stream
from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec
from dsrl_core.steering.preflight.decision_time import DecisionTime, measure_decision_time
from dsrl_core.steering.preflight.head_room import (
    HeadRoom,
    estimate_head_room,
    split_replays,
)
from dsrl_core.steering.preflight.noise_kinds import BASE, shapes_for
from dsrl_core.steering.preflight.recommendation import Recommendation, recommend
from dsrl_core.steering.preflight.sensitivity import Sensitivity, measure_sensitivity
from dsrl_core.steering.preflight.shapes import ShapeComparison, ShapeFigures
from dsrl_core.steering.preflight.thresholds import THRESHOLDS, Thresholds
from dsrl_core.steering.preflight.trials import Trial
from dsrl_core.steering.preflight.views import View, encode, most_executed

_DETERMINISM_VIEWS: Final = 6
_DETERMINISM_NOISES: Final = 12


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    views: int = 24
    noises: int = 64
    """Of each kind, at each view."""
    decisions: int = 40
    """That are timed."""


EFFORT: Final = Effort()


@dataclass(frozen=True)
class Measured:
    """What was measured of a policy without any motion; None: what came before made it useless."""

    horizon: Horizon
    determinism: Determinism | None = None
    sensitivity: Sensitivity | None = None
    own: ShapeFigures | None = None
    """The policy's own noise against another sample of it: what chance alone gives."""
    shapes: tuple[ShapeFigures, ...] = ()
    bounds: tuple[ShapeFigures, ...] = ()
    recommendation: Recommendation | None = None
    time: DecisionTime | None = None


@dataclass(frozen=True)
class Preflight:
    """Everything that was found out about a task's policy."""

    task: TaskSpec
    policy: PolicySpec
    measured: Measured
    head_room: HeadRoom | None
    trials: dict[str, SuccessCount] = field(default_factory=dict)
    """By noise."""
    views: int = 0
    compared: dict[str, SuccessCount] = field(default_factory=dict)
    """Those by which noises are compared, where some were played in turn for that."""


def examine(
    task: TaskSpec,
    robot: RobotSpec,
    policy: PolicyBackend,
    views: Sequence[View],
    seed: int,
    effort: Effort = EFFORT,
    thresholds: Thresholds = THRESHOLDS,
    clock: Callable[[], float] = time.perf_counter,
) -> Measured:
    """Measure; nothing moves.

    A policy that gives no usable chunk is not measured further.
    """
    generator = stream(seed, Purpose.PREFLIGHT)
    first = encode(policy, views[0].observation)
    horizon = measure_horizon(policy, first, most_executed(views))
    if not horizon.is_usable:
        return Measured(horizon)
    steering = task.steering
    comparison = ShapeComparison(
        policy, steering, robot, views, effort.noises, generator, thresholds
    )
    probes = BASE.sample(policy.spec, steering, generator, _DETERMINISM_NOISES)
    some = comparison.encoded[:: max(1, len(views) // _DETERMINISM_VIEWS)]
    determinism = measure_determinism(policy, some, probes, thresholds.ignored_spread)
    sensitivity = measure_sensitivity(
        comparison.effects,
        comparison.base_chunks,
        thresholds.resolution,
        thresholds.ignored_spread,
    )
    own = comparison.figures(BASE)
    shapes = tuple(
        comparison.figures(kind) for kind in shapes_for(policy.spec, steering.noise_bound)
    )
    recommendation, bounds = recommend(own, shapes, comparison, thresholds)
    timed = measure_decision_time(policy, steering, views, generator, effort.decisions, clock)
    return Measured(horizon, determinism, sensitivity, own, shapes, bounds, recommendation, timed)


def conclude(
    task: TaskSpec,
    policy: PolicySpec,
    measured: Measured,
    trials: Sequence[Trial],
    views: int,
    thresholds: Thresholds = THRESHOLDS,
    in_turn: Sequence[Trial] | None = None,
) -> Preflight:
    """With what labelled episodes say.

    `in_turn`: those of them that were played in a random order, so that nothing but the noise
    differs between them; noises are compared by these alone. None: by all.
    """
    room = None
    if measured.sensitivity and measured.determinism:
        room = estimate_head_room(
            trials,
            measured.sensitivity.reach > thresholds.ignored_spread,
            measured.determinism.chance_share <= thresholds.chance_share_warn,
            thresholds.choices,
        )
    by_noise = _by_noise(trials)
    compared = by_noise if in_turn is None else _by_noise(in_turn)
    return Preflight(task, policy, measured, room, by_noise, views, compared)


def _by_noise(trials: Sequence[Trial]) -> dict[str, SuccessCount]:
    """A replay is no trial of its own."""
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for trial in split_replays(trials)[0]:
        outcomes[trial.noise].append(trial.success)
    return {name: SuccessCount.of(sum(all_), len(all_)) for name, all_ in outcomes.items()}
