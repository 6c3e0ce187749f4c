"""Which noises a preflight tries on the robot, and what it takes from trials in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dsrl_core.steering.preflight.examination import Measured, conclude
from dsrl_core.steering.preflight.judging import judge
from dsrl_core.steering.preflight.noise_kinds import NoiseKind
from dsrl_core.steering.preflight.preflight_file import to_json
from dsrl_core.steering.preflight.recommendation import Recommendation
from dsrl_core.steering.preflight.thresholds import THRESHOLDS
from dsrl_core.steering.preflight.to_try import noises_to_try
from dsrl_core.steering.preflight.trials import Trial
from dsrl_core.types import Float32Array
from tests.core.preflight_setup import SPEC, TASK, MadePolicy, examined, steerable
from tests.core.test_preflight_verdicts import thrown_off_by_equal_rows

NOISE = "full, clipped 1"


def alike_within_a_chunk(features: Float32Array, noises: Float32Array) -> Float32Array:
    """Only the first row of noise counts: repeated noise is as good as any."""
    return steerable(features, np.repeat(noises[:, :1], 4, axis=1))


def measured(recommended: NoiseKind | None = None) -> Measured:
    found = examined(MadePolicy(alike_within_a_chunk))
    return found if recommended is None else replace(found, recommendation=advice(recommended))


def advice(kind: NoiseKind) -> Recommendation:
    return Recommendation(kind, True)


def test_its_own_the_recommended_and_repeated_noise_are_tried() -> None:
    plan = noises_to_try(measured(NoiseKind("full", 1.5)), THRESHOLDS)
    assert plan.noises == ("base", "full, clipped 1.5", "repeated, clipped 1.5")
    assert plan.left_out == ()


def test_repeated_noise_stays_within_the_bound_that_was_measured() -> None:
    plan = noises_to_try(measured(NoiseKind("full", 3.0)), THRESHOLDS)
    assert TASK.steering.noise_bound < 3.0
    assert plan.noises[2] == f"repeated, clipped {TASK.steering.noise_bound:g}"


def test_no_noise_is_tried_twice() -> None:
    plan = noises_to_try(measured(NoiseKind("repeated", 1.0)), THRESHOLDS)
    assert plan.noises == ("base", "repeated, clipped 1")


def test_noise_that_throws_the_policy_off_is_not_tried_on_an_arm() -> None:
    plan = noises_to_try(examined(MadePolicy(thrown_off_by_equal_rows)), THRESHOLDS)
    assert len(plan.noises) == 2
    assert not any(noise.startswith("repeated") for noise in plan.noises)
    (reason,) = plan.left_out
    assert reason.startswith("repeated, clipped")


def test_where_nothing_could_be_measured_only_the_policys_own_noise_is_left() -> None:
    assert noises_to_try(Measured(measured().horizon), THRESHOLDS).noises == ("base",)


def outcomes(noise: str, successes: int, count: int, first_reset: int = 0) -> list[Trial]:
    return [Trial(first_reset + n, noise, 0, n < successes) for n in range(count)]


def test_noises_are_compared_by_what_was_played_in_turn_alone() -> None:
    before = outcomes("base", 20, 20, 100)
    even = [*outcomes("base", 2, 8), *outcomes(NOISE, 2, 8)]
    uneven = [*outcomes("base", 7, 8), *outcomes(NOISE, 1, 8)]
    for in_turn, is_worse in ((even, False), (uneven, True)):
        trials = [*before, *in_turn]
        found = conclude(TASK, SPEC, measured(), trials, 8, in_turn=in_turn)
        names = [reason.name for reason in judge(found, THRESHOLDS)]
        assert ("trials.worse" in names) == is_worse
        content = to_json(found, (), THRESHOLDS, {})
        assert content["trials"]["base"]["trials"] == 28, "the head-room rests on all of them"
        assert content["compared"]["base"]["trials"] == 8
        difference = content["against_base"][NOISE]
        expected = -0.75 if is_worse else 0.0
        assert difference["difference"] == expected
        assert difference["low"] < expected < difference["high"]
    together = conclude(TASK, SPEC, measured(), [*before, *even], 8)
    assert together.compared == together.trials
