"""From figures to reasons: which of them speak against steering the policy, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from dsrl_core.policies.determinism import Determinism
from dsrl_core.policies.horizon import Horizon
from dsrl_core.specs import TaskSpec
from dsrl_core.steering.preflight.decision_time import DecisionTime
from dsrl_core.steering.preflight.examination import Measured, Preflight
from dsrl_core.steering.preflight.judging_outcomes import of_head_room, of_trials
from dsrl_core.steering.preflight.recommendation import Recommendation, objections
from dsrl_core.steering.preflight.sensitivity import Sensitivity
from dsrl_core.steering.preflight.shapes import ShapeFigures
from dsrl_core.steering.preflight.thresholds import Thresholds
from dsrl_core.steering.preflight.verdict import Level, Reason


def judge(found: Preflight, thresholds: Thresholds) -> tuple[Reason, ...]:
    """Every reason against, the gravest first."""
    reasons = [
        *_of_measured(found.measured, found.task, thresholds),
        *of_head_room(found.head_room, thresholds),
        *of_trials(found.compared),
    ]
    return tuple(sorted(reasons, key=lambda reason: reason.level is not Level.STOP))


def _of_measured(measured: Measured, task: TaskSpec, limits: Thresholds) -> Iterator[Reason]:
    yield from _of_horizon(measured.horizon)
    if measured.determinism:
        yield from _of_determinism(measured.determinism, limits)
    if measured.sensitivity:
        yield from _of_sensitivity(measured.sensitivity, limits)
    if measured.own:
        yield from _of_motion(measured.own, limits)
    if measured.own and measured.recommendation:
        yield from _of_shapes(measured.own, measured.shapes, measured.recommendation, task, limits)
    if measured.time:
        yield from _of_time(measured.time, limits)


def _of_horizon(horizon: Horizon) -> Iterator[Reason]:
    if horizon.given != horizon.expected:
        given = f"chunks of {horizon.given}" if horizon.given else f"no chunk: {horizon.error}"
        yield Reason(
            Level.STOP,
            "horizon.shape",
            given,
            f"chunks of {horizon.expected}, as the policy file says",
            "Write the horizon and the action that it was trained with into policy.yaml: with "
            "another horizon a policy gives violent motion or none.",
        )
    elif not horizon.is_finite:
        yield Reason(
            Level.STOP,
            "horizon.finite",
            "values that are no numbers",
            "finite chunks",
            "The policy, its weights or its normalisation are broken.",
        )
    if horizon.accepted:
        yield Reason(
            Level.WARN,
            "horizon.silent",
            f"noise of horizon {', '.join(map(str, horizon.accepted))} is taken too",
            f"a refusal of all but {horizon.expected[0]}",
            "The policy does not say if the horizon is wrong: check policy.yaml against its "
            "training by hand.",
        )
    if horizon.most_executed > horizon.expected[0]:
        yield Reason(
            Level.WARN,
            "horizon.recorded",
            f"{horizon.most_executed} steps of a chunk were executed in what was recorded",
            f"at most {horizon.expected[0]}",
            "These episodes are another policy's: record some with this one.",
        )


def _of_determinism(found: Determinism, limits: Thresholds) -> Iterator[Reason]:
    share = f"{found.chance_share:.0%} of the chunks' variance is there under equal noise too"
    advice = (
        "Sample by DDIM with eta 0 or an ODE, switch dropout off, pass every random draw in as "
        "noise."
    )
    if found.chance_share > limits.chance_share_stop:
        most = f"at most {limits.chance_share_stop:.0%}"
        yield Reason(Level.STOP, "determinism.chance", share, most, advice)
    elif found.chance_share > limits.chance_share_warn:
        most = f"at most {limits.chance_share_warn:.0%}"
        yield Reason(Level.WARN, "determinism.chance", share, most, advice)
    elif max(found.repeated, found.batched) > found.tolerance:
        yield Reason(
            Level.WARN,
            "determinism.tolerance",
            f"equal noises differ by {found.repeated:.2g} decoded twice, by {found.batched:.2g} "
            "decoded one by one",
            f"at most {found.tolerance:.2g}, the file's tolerance",
            "Raise `tolerance` in policy.yaml if that is the accelerator's rounding.",
        )


def _of_sensitivity(found: Sensitivity, limits: Thresholds) -> Iterator[Reason]:
    if found.reach <= limits.ignored_spread:
        yield Reason(
            Level.STOP,
            "noise.ignored",
            f"noise moves a chunk by {found.reach:.1g} typical magnitudes",
            f"more than {limits.ignored_spread:.1g}",
            "The noise does not arrive at the policy: check how its server passes it on (openpi's "
            "drops it silently). A policy that takes none cannot be steered.",
        )
    elif found.behaviours < limits.behaviours_stop:
        yield Reason(
            Level.STOP,
            "noise.narrow",
            f"{found.behaviours:.2f} distinct behaviours",
            f"at least {limits.behaviours_stop:g}",
            "The policy does nearly the same whatever the noise: train it on more varied "
            "demonstrations, or learn a residual action instead.",
        )
    elif found.behaviours < limits.behaviours_warn:
        yield Reason(
            Level.WARN,
            "noise.narrow",
            f"{found.behaviours:.2f} distinct behaviours",
            f"at least {limits.behaviours_warn:g}",
            "Expect a part of the gain only. More varied demonstrations, a wider bound, or "
            "repeated noise if it is without objection, widen the choice.",
        )
    if limits.ignored_spread < found.reach and found.pinned > limits.pinned_warn:
        yield Reason(
            Level.WARN,
            "noise.pinned",
            f"{found.pinned:.0%} of the actions' values stay whatever the noise",
            f"at most {limits.pinned_warn:.0%}",
            "Look at the spread by column: does the noise reach those that the task depends on?",
        )
    if found.piled > limits.piled_warn:
        yield Reason(
            Level.WARN,
            "action.saturated",
            f"{found.piled:.0%} of the arm's values stand at the largest or smallest one seen",
            f"at most {limits.piled_warn:.0%}",
            "The policy is clipped or squashed: near its limits noise changes nothing. Check its "
            "normalisation.",
        )


def _of_motion(own: ShapeFigures, limits: Thresholds) -> Iterator[Reason]:
    advice = "Check units and scale of the action in policy.yaml, and its normalisation."
    if own.refused > limits.refused_stop:
        yield Reason(
            Level.STOP,
            "action.refused",
            f"{own.refused:.1%} of the policy's own chunks would be refused as jumps",
            f"at most {limits.refused_stop:.1%}",
            advice,
        )
    if own.untypical > limits.untypical_warn:
        yield Reason(
            Level.WARN,
            "action.untypical",
            f"{own.untypical:.1%} of its values are more than {limits.typical_multiple:g} typical "
            "magnitudes from their centre",
            f"at most {limits.untypical_warn:.0%}",
            advice,
        )


def _of_shapes(
    own: ShapeFigures,
    shapes: tuple[ShapeFigures, ...],
    recommended: Recommendation,
    task: TaskSpec,
    limits: Thresholds,
) -> Iterator[Reason]:
    steering, kind = task.steering, recommended.kind
    knots = f", knots: {kind.knots}" if kind.shape == "knots" else ""
    setting = f"noise_shape: {kind.shape}{knots}, noise_bound: {kind.bound:g}"
    advice = f"Set {setting} in the task file."
    for figures in shapes:
        chosen = figures.kind
        is_tasks = chosen.shape == steering.noise_shape and (
            chosen.shape != "knots" or chosen.knots == steering.knots
        )
        against = objections(figures, own, limits)
        if is_tasks and against:
            yield Reason(
                Level.WARN,
                "shape.harmful",
                f"{figures.kind.name}, as the task asks: {'; '.join(against)}",
                "noise that the policy bears",
                advice,
            )
    if steering.noise_bound > kind.bound:
        yield Reason(
            Level.WARN,
            "shape.bound",
            f"noise_bound is {steering.noise_bound:g}",
            f"at most {kind.bound:g}: beyond, noises lead where the policy's chunks hardly ever do",
            advice,
        )
    if not recommended.is_clean:
        yield Reason(
            Level.WARN,
            "shape.none",
            "no shape of noise is without objection",
            "at least one",
            "The policy is touchy: watch the first steered episodes with a hand at the stop.",
        )


def _of_time(found: DecisionTime, limits: Thresholds) -> Iterator[Reason]:
    p50, p99, chunk = found.decision.p50, found.decision.p99, found.chunk_ms
    expected = f"a chunk lasts {chunk:.0f} ms"
    advice = "A GPU, fewer denoising steps, fewer candidates in the task's steering, less load."
    if p50 > limits.decision_share_stop * chunk:
        yield Reason(
            Level.STOP,
            "time.decision",
            f"a decision takes {p50:.0f} ms (median)",
            f"{expected}: the arm would wait longer than it moves",
            advice,
        )
    elif p99 > limits.decision_share_warn * chunk:
        yield Reason(
            Level.WARN,
            "time.decision",
            f"one decision in a hundred takes {p99:.0f} ms or more",
            f"{expected}; at most {limits.decision_share_warn:.0%} of it",
            advice,
        )
