"""Which kinds of noise are worth robot time in a preflight, and what their trials say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dsrl_core.evaluation.rate_difference import RateDifference
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.steering.preflight.examination import Measured
from dsrl_core.steering.preflight.noise_kinds import BASE_NOISE
from dsrl_core.steering.preflight.recommendation import dangers
from dsrl_core.steering.preflight.thresholds import Thresholds


@dataclass(frozen=True)
class ToTry:
    """Noises by name, the policy's own first, and what is not played and why."""

    noises: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def noises_to_try(measured: Measured, thresholds: Thresholds) -> ToTry:
    """The policy's own noise, the recommended one, and repeated noise within the smaller of its and
    the task's bound: unless that is the recommended one already, or a danger to the arm."""
    advice, own = measured.recommendation, measured.own
    if advice is None or own is None:
        return ToTry((BASE_NOISE,))
    noises, left_out = [BASE_NOISE, advice.kind.name], []
    for figures in measured.shapes:
        if figures.kind.shape != "repeated" or advice.kind.shape == "repeated":
            continue
        bound = min(advice.kind.bound, figures.kind.bound)
        name = replace(figures.kind, bound=bound).name
        if against := dangers(figures, own, thresholds):
            left_out.append(f"{name}: {'; '.join(against)}")
        else:
            noises.append(name)
    return ToTry(tuple(noises), tuple(left_out))


def against_base(trials: Mapping[str, SuccessCount]) -> dict[str, RateDifference]:
    """What each other noise adds to the success rate of the policy's own; empty without trials of
    that."""
    base = trials.get(BASE_NOISE)
    if base is None:
        return {}
    return {
        name: RateDifference.of(BASE_NOISE, base, name, count)
        for name, count in trials.items()
        if name != BASE_NOISE
    }
