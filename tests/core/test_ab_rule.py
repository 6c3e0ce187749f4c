"""When a test may stop, how long it is going to take, and how often it errs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.ab_rule import (
    AbVerdict,
    StopRule,
    earliest_stop,
    forecast,
    stops_of,
)
from dsrl_core.evaluation.confidence_sequence import DifferenceSequence

PLAIN, WITH_MARGIN = StopRule(), StopRule(margin=0.2)


def one(values: list[float], rule: StopRule = PLAIN) -> tuple[AbVerdict, int]:
    stops = stops_of(np.array([values]), rule)
    return stops.verdict(0), int(stops.pairs[0])


def test_it_stops_at_the_first_pair_that_shows_a_difference() -> None:
    assert one([1.0] * 12) == (AbVerdict.SECOND_BETTER, 8)
    assert one([-1.0] * 12) == (AbVerdict.FIRST_BETTER, 8)
    assert one([0.0, 1.0] * 12) == (AbVerdict.SECOND_BETTER, 16)


def test_what_came_after_the_stop_changes_nothing() -> None:
    assert one([1.0] * 8 + [-1.0] * 40) == (AbVerdict.SECOND_BETTER, 8)


def test_it_goes_on_while_nothing_is_shown() -> None:
    assert one([1.0, -1.0] * 20) == (AbVerdict.OPEN, 40)
    assert one([1.0] * 7) == (AbVerdict.OPEN, 7)


def test_arms_that_always_do_alike_are_equivalent_if_a_margin_was_named() -> None:
    assert one([0.0] * 60) == (AbVerdict.OPEN, 60)
    assert one([0.0] * 60, WITH_MARGIN) == (AbVerdict.EQUIVALENT, 24)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60))
@settings(max_examples=40)
def test_the_rule_follows_the_running_interval(values: list[float]) -> None:
    verdict, pairs = one(values, WITH_MARGIN)
    sequence = DifferenceSequence()
    for count, (low, high) in enumerate(sequence.extend(values), start=1):
        if low > 0.0 or high < 0.0 or (low > -0.2 and high < 0.2):
            assert pairs == count
            if low > 0.0:
                assert verdict is AbVerdict.SECOND_BETTER
            elif high < 0.0:
                assert verdict is AbVerdict.FIRST_BETTER
            else:
                assert verdict is AbVerdict.EQUIVALENT
            return
    assert verdict is AbVerdict.OPEN


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.95])
def test_of_equal_arms_few_tests_find_a_difference_however_often_they_look(rate: float) -> None:
    draws = np.random.default_rng(1).random((2, 2000, 80)) < rate
    stops = stops_of(draws[1].astype(float) - draws[0], PLAIN)
    errors = stops.share(AbVerdict.SECOND_BETTER) + stops.share(AbVerdict.FIRST_BETTER)
    assert errors <= 0.05


def test_few_tests_call_arms_equivalent_that_differ_by_the_margin() -> None:
    random = np.random.default_rng(2)
    drawn = (random.random((1000, 80)) < 0.95).astype(float) - (random.random((1000, 80)) < 0.75)
    assert stops_of(drawn, WITH_MARGIN).share(AbVerdict.EQUIVALENT) <= 0.05


def test_the_least_number_of_pairs_is_told_in_advance() -> None:
    assert earliest_stop(PLAIN, 40) == 8
    assert earliest_stop(StopRule(alpha=0.01), 40) == 11
    assert earliest_stop(PLAIN, 7) is None


def test_a_forecast_is_the_same_again_and_longer_for_a_smaller_difference() -> None:
    far, near = (forecast(PLAIN, (0.3, rate), 120, runs=300) for rate in (0.9, 0.6))
    assert far == forecast(PLAIN, (0.3, 0.9), 120, runs=300)
    assert far.earliest_pairs == 8
    assert 8 <= far.median_pairs < near.median_pairs
    assert far.median_pairs <= far.most_pairs <= 120
    assert far.share_shown > 0.95


def test_a_forecast_does_not_care_which_arm_is_the_better() -> None:
    up, down = forecast(PLAIN, (0.3, 0.8), 80), forecast(PLAIN, (0.8, 0.3), 80)
    assert up.median_pairs == pytest.approx(down.median_pairs, abs=3)
    assert up.share_shown == pytest.approx(down.share_shown, abs=0.05)


def test_of_equal_rates_no_difference_is_to_be_shown() -> None:
    expected = forecast(StopRule(margin=0.3), (1.0, 1.0), 60, runs=50)
    assert expected.share_shown == 0.0
    assert expected.share_equivalent == 1.0


@pytest.mark.parametrize("margin", [0.0, 1.0, -0.1, float("nan")])
def test_an_impossible_margin_is_refused(margin: float) -> None:
    with pytest.raises(InvalidValue, match="expected between 0 and 1"):
        StopRule(margin=margin)


def test_an_impossible_forecast_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"rate is 1\.2, expected 0 to 1"):
        forecast(PLAIN, (0.3, 1.2), 20)
    with pytest.raises(InvalidValue, match="0 pairs, expected 1 or more"):
        forecast(PLAIN, (0.3, 0.9), 0)
    with pytest.raises(InvalidValue, match="0 runs, expected 1 or more"):
        forecast(PLAIN, (0.3, 0.9), 20, runs=0)
