"""Policies that differ in steerability, by construction, and what preflight says of each."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.steering.preflight.verdict import EXIT_STATUS, Level, verdict_of
from dsrl_core.types import Float32Array
from tests.core.preflight_setup import Clock, Decode, MadePolicy, examined, reasons, steerable

CHANCE = np.random.default_rng(5)


def scaled(share: float) -> Decode:
    return lambda features, noises: steerable(features, np.float32(share) * noises)


def partly_chance(share: float) -> Decode:
    def decode(features: Float32Array, noises: Float32Array) -> Float32Array:
        own = CHANCE.standard_normal(noises.shape, dtype=np.float32)
        mixed = np.sqrt(1 - share) * noises + np.sqrt(share) * own
        return steerable(features, mixed.astype(np.float32))

    return decode


def thrown_off_by_equal_rows(features: Float32Array, noises: Float32Array) -> Float32Array:
    mean = noises.mean(axis=1, keepdims=True)
    off = np.sign(mean) * np.maximum(np.abs(mean) - 1.3, 0.0)
    return steerable(features, noises) + 3.0 * off


def saturated(features: Float32Array, noises: Float32Array) -> Float32Array:
    return np.clip(20.0 * steerable(features, noises), -1.0, 1.0)


def another_unit(features: Float32Array, noises: Float32Array) -> Float32Array:
    return 1000.0 * steerable(features, noises)


def no_numbers(features: Float32Array, noises: Float32Array) -> Float32Array:
    return np.full(noises.shape, np.nan, np.float32)


def turns_only(features: Float32Array, noises: Float32Array) -> Float32Array:
    still = steerable(features, 0 * noises)
    still[..., 3] += 0.5 * noises[..., 3]
    return still


def longer(features: Float32Array, noises: Float32Array) -> Float32Array:
    rows = steerable(features, noises)
    return np.concatenate([rows, rows[:, :2]], axis=1)


def test_a_steerable_policy_may_go() -> None:
    assert reasons(MadePolicy(), noise_bound=2.0) == {}


@pytest.mark.parametrize(
    ("decode", "name", "level"),
    [
        (scaled(0.0), "noise.ignored", Level.STOP),
        (scaled(0.03), "noise.narrow", Level.STOP),
        (scaled(0.12), "noise.narrow", Level.WARN),
        (partly_chance(0.1), "determinism.chance", Level.WARN),
        (partly_chance(0.8), "determinism.chance", Level.STOP),
        (longer, "horizon.shape", Level.STOP),
        (no_numbers, "horizon.finite", Level.STOP),
        (another_unit, "action.refused", Level.STOP),
        (another_unit, "action.untypical", Level.WARN),
        (saturated, "action.saturated", Level.WARN),
        (turns_only, "noise.pinned", Level.WARN),
    ],
)
def test_what_is_wrong_is_said(decode: Decode, name: str, level: Level) -> None:
    found = reasons(MadePolicy(decode))
    assert found[name].level is level
    assert found[name].expected
    assert found[name].advice


def test_noise_that_throws_the_policy_off_is_not_recommended() -> None:
    policy = MadePolicy(thrown_off_by_equal_rows)
    advice = examined(policy).recommendation
    assert advice is not None
    assert advice.kind.shape == "full"
    assert "shape.harmful" not in reasons(policy)
    harmful = reasons(policy, noise_shape="repeated")["shape.harmful"]
    assert "repeated" in harmful.found
    assert "noise_shape: full" in harmful.advice


def test_a_bound_beyond_what_the_policy_bears_is_said() -> None:
    found = reasons(MadePolicy(), noise_bound=6.0)
    assert "noise_bound is 6" in found["shape.bound"].found


def test_a_policy_that_takes_any_horizon_is_said() -> None:
    policy = MadePolicy()
    policy.checks_horizon = False
    found = reasons(policy)["horizon.silent"]
    assert found.level is Level.WARN
    assert "3, 5, 8" in found.found


def test_a_policy_that_fails_is_a_finding_and_no_crash() -> None:
    def broken(features: Float32Array, noises: Float32Array) -> Float32Array:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    found = reasons(MadePolicy(broken))["horizon.shape"]
    assert found.level is Level.STOP
    assert "mat1 and mat2" in found.found


@pytest.mark.parametrize(
    ("delay_s", "level"), [(0.01, None), (0.09, Level.WARN), (0.3, Level.STOP)]
)
def test_time_is_held_against_the_chunks(delay_s: float, level: Level | None) -> None:
    clock = Clock()

    def slow(features: Float32Array, noises: Float32Array) -> Float32Array:
        # A decision asks for all candidates, then for one refinement.
        clock.now_s += delay_s * 1.3
        return steerable(features, noises)

    found = reasons(MadePolicy(slow), clock).get("time.decision")
    assert (found.level if found else None) is level


def test_the_verdict_is_the_worst_reason_and_has_a_status_of_its_own() -> None:
    found = reasons(MadePolicy(another_unit))
    assert verdict_of(list(found.values())) is Level.STOP
    assert verdict_of([]) is Level.GO
    # 2 is a question that could not be answered.
    assert sorted(EXIT_STATUS.values()) == [0, 1, 3]
