"""Signs of failing learning: raised when they hold, not at a flicker, and cleared again."""

from __future__ import annotations

import math

import pytest

from dsrl_core.learning.alarms import NAMES, AlarmConfig, Alarms

WELL = {
    "critic/loss": 0.1,
    "critic/q_mean": 0.5,
    "critic/q_max": 1.1,
    "critic/disagreement": 0.05,
    "actor/saturated": 0.1,
    "actor/alpha": 0.01,
    "actor/penalty": 3.0,
    "noise_critic/gap": 0.02,
}
SIGNS = {
    "not_finite": {"critic/loss": math.nan},
    "value_out_of_range": {"critic/q_mean": 1.2},
    "critics_disagree": {"critic/disagreement": 0.6},
    "actor_saturated": {"actor/saturated": 0.9},
    "alpha_collapsed": {"actor/alpha": 1e-7},
    "alpha_exploded": {"actor/alpha": 40.0, "actor/penalty": 0.0},
    "entropy_outweighs_success": {"actor/alpha": 1.0, "actor/penalty": -5.0},
    "critics_apart": {"noise_critic/gap": 0.8},
}
REPORTS = AlarmConfig().reports


def heard(*reports: dict[str, float], value_range: tuple[float, float] = (0.0, 1.0)) -> Alarms:
    alarms = Alarms(value_range)
    for report in reports:
        alarms.hear(WELL | report)
    return alarms


def test_every_sign_has_a_case_here() -> None:
    assert set(SIGNS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_sign_that_holds_is_raised_alone_and_says_what_to_do(name: str) -> None:
    alarms = heard(*[SIGNS[name]] * REPORTS)
    assert list(alarms.active) == [name]
    (text,) = alarms.texts()
    assert text.startswith(f"{name}: ")
    assert len(text) > 40


@pytest.mark.parametrize("name", set(NAMES) - {"not_finite"})
def test_a_flicker_raises_nothing(name: str) -> None:
    flicker = [SIGNS[name], SIGNS[name], {}] * 10
    assert not heard(*flicker).active


@pytest.mark.parametrize("name", NAMES)
def test_a_sign_is_cleared_once_it_is_gone_for_several_reports(name: str) -> None:
    raised = [SIGNS[name]] * REPORTS
    assert name in heard(*raised, *[{}] * (REPORTS - 1)).active
    assert not heard(*raised, *[{}] * REPORTS).active


def test_a_loss_that_is_not_finite_is_told_at_once() -> None:
    assert "not_finite" in heard({"actor/loss": math.inf}).active


def test_a_positive_value_is_a_sign_where_rewards_are_never_positive() -> None:
    """Published settings with a reward of -1 per chunk: values rose to +84."""
    steps = (-1 / (1 - 0.97), 0.0)
    inflated = {"critic/q_mean": 84.0, "critic/q_max": 90.0}
    sound = {"critic/q_mean": -12.0, "critic/q_max": -0.5}
    assert "value_out_of_range" in heard(*[inflated] * REPORTS, value_range=steps).active
    assert not heard(*[sound] * REPORTS, value_range=steps).active


def test_without_a_range_of_returns_nothing_is_measured_in_it() -> None:
    wild = {"critic/q_mean": 1e6, "critic/q_max": 1e7, "noise_critic/gap": 50.0}
    assert not heard(*[wild] * REPORTS, value_range=(-math.inf, math.inf)).active


def test_an_algorithm_that_does_not_tell_a_quantity_cannot_raise_its_sign() -> None:
    alarms = Alarms((0.0, 1.0))
    for _ in range(5):
        alarms.hear({"critic/loss": 1.0})
    assert not alarms.active


def test_no_report_changes_nothing() -> None:
    alarms = heard(*[SIGNS["actor_saturated"]] * REPORTS)
    for _ in range(9):
        alarms.hear({})
    assert list(alarms.active) == ["actor_saturated"]
