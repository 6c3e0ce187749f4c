"""Confidence sequences: nested, symmetric, around what was seen, and right at every look."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.confidence_sequence import (
    DifferenceSequence,
    Interval,
    RateSequence,
    difference_e_values,
    rate_log_e_values,
)

signs = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=30)
graded = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=12)
differences = st.one_of(signs, graded)
rewards = st.one_of(
    st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40),
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=15),
)
ROUND = 1e-6
"""Boundaries are found to 1e-7, outwards."""


def difference_of(values: list[float], alpha: float = 0.05) -> DifferenceSequence:
    sequence = DifferenceSequence(alpha)
    sequence.extend(values)
    return sequence


def rate_of(values: list[float], alpha: float = 0.05) -> RateSequence:
    sequence = RateSequence(alpha)
    sequence.extend(values)
    return sequence


def encloses(outer: Interval, inner: Interval) -> bool:
    return outer.low <= inner.low + ROUND and inner.high <= outer.high + ROUND


@given(differences)
def test_a_difference_lies_within_its_interval_and_that_within_the_range(
    values: list[float],
) -> None:
    low, high = difference_of(values).interval
    assert -1.0 <= low <= np.mean(values) + 1e-12
    assert np.mean(values) - 1e-12 <= high <= 1.0


@given(rewards)
def test_a_rate_lies_within_its_interval_and_that_within_the_range(values: list[float]) -> None:
    low, high = rate_of(values).interval
    assert 0.0 <= low <= np.mean(values) + 1e-12
    assert np.mean(values) - 1e-12 <= high <= 1.0


@given(differences, rewards)
def test_what_was_excluded_once_stays_excluded(values: list[float], rates: list[float]) -> None:
    for looks in (DifferenceSequence().extend(values), RateSequence().extend(rates)):
        for before, after in pairwise(looks):
            assert before.low <= after.low
            assert after.high <= before.high


@given(differences)
def test_swapped_arms_give_the_mirrored_interval(values: list[float]) -> None:
    one, other = difference_of(values), difference_of([-value for value in values])
    assert one.interval.low == pytest.approx(-other.interval.high, abs=ROUND)
    assert one.interval.high == pytest.approx(-other.interval.low, abs=ROUND)
    assert one.e_value == pytest.approx(other.e_value)


@given(rewards)
def test_swapped_outcomes_give_the_mirrored_rate(values: list[float]) -> None:
    one, other = rate_of(values).interval, rate_of([1.0 - value for value in values]).interval
    assert one.low == pytest.approx(1.0 - other.high, abs=ROUND)


@given(differences, rewards, st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_who_accepts_more_errors_gets_a_narrower_interval(
    values: list[float], rates: list[float], alpha: float, other: float
) -> None:
    strict, loose = sorted((alpha, other))
    assert encloses(difference_of(values, strict).interval, difference_of(values, loose).interval)
    assert encloses(rate_of(rates, strict).interval, rate_of(rates, loose).interval)


@given(signs, st.randoms(use_true_random=False))
def test_the_last_interval_does_not_depend_on_the_order(values: list[float], random) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    assert difference_of(shuffled).interval == pytest.approx(difference_of(values).interval)


@given(differences)
def test_interval_and_p_value_say_the_same_of_no_difference(values: list[float]) -> None:
    sequence = difference_of(values)
    excludes = sequence.running.low > 0.0 or sequence.running.high < 0.0
    assert 0.0 <= sequence.p_value <= 1.0
    if sequence.p_value > 0.05 * (1 + 1e-6):
        assert not excludes
    if sequence.p_value < 0.05 * (1 - 1e-3):
        assert excludes


@settings(max_examples=30)
@given(signs, st.floats(-0.99, 0.99))
def test_many_runs_at_once_are_bet_on_as_one(values: list[float], mean: float) -> None:
    capital = difference_e_values(np.array([values, values[::-1]]), mean)
    assert capital[0, -1] == pytest.approx(capital[1, -1], rel=1e-9)
    sequence = difference_of(values)
    is_left = capital[0, -1] < 20.0
    low, high = sequence.interval
    if low + ROUND < mean < high - ROUND:
        assert is_left
    elif not low - ROUND < mean < high + ROUND:
        assert not is_left


@pytest.mark.parametrize("mean", [-1.0, -0.3, 0.0, 0.5, 1.0])
def test_no_bet_gains_on_average_against_the_true_mean(mean: float) -> None:
    """Exactly: all outcomes of four pairs, weighted, with a third of them alike at most."""
    alike = min(1.0 - abs(mean), 0.3)
    chances = {-1.0: (1 - alike - mean) / 2, 0.0: alike, 1.0: (1 - alike + mean) / 2}
    runs = np.stack(np.meshgrid(*[list(chances)] * 4), axis=-1).reshape(-1, 4)
    weights = np.prod(np.vectorize(chances.__getitem__)(runs), axis=1)
    possible = weights > 0
    capital = difference_e_values(runs[possible], mean)[:, -1]
    expected = float(weights[possible] @ capital)
    assert expected <= 1.0 + 1e-9
    if abs(mean) < 1.0:
        assert expected == pytest.approx(1.0)


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.8])
def test_no_bet_gains_on_average_against_the_true_rate(rate: float) -> None:
    successes = np.arange(11.0)
    ways = np.array([math.comb(10, s) for s in range(11)])
    chance = ways * rate**successes * (1 - rate) ** (10 - successes)
    capital = np.exp(rate_log_e_values(successes, np.full(11, 10.0), rate))
    assert chance @ capital == pytest.approx(1.0)


def test_graded_outcomes_give_no_more_capital_than_their_extremes() -> None:
    total = np.array([5.0])
    graded_capital = rate_log_e_values(total, np.array([10.0]), 0.5)[0]
    assert graded_capital <= 0.0


def test_the_truth_is_covered_at_every_look_in_most_runs() -> None:
    random = np.random.default_rng(0)
    drawn = (random.random((400, 60)) < 0.7).astype(float) - (random.random((400, 60)) < 0.4)
    covered = (difference_e_values(drawn, 0.3) < 20.0).all(axis=1)
    assert covered.mean() >= 0.95


def test_before_the_first_pair_nothing_is_known() -> None:
    sequence = DifferenceSequence()
    assert sequence.running == (-1.0, 1.0)
    assert math.isnan(sequence.mean)
    assert (sequence.e_value, sequence.p_value) == (pytest.approx(1.0), 1.0)
    assert RateSequence().running == (0.0, 1.0)


def test_eight_wins_in_a_row_show_a_difference_and_seven_do_not() -> None:
    assert difference_of([1.0] * 7).running.low < 0.0 < difference_of([1.0] * 8).running.low


@pytest.mark.parametrize("value", [-1.01, 1.5, math.nan])
def test_a_difference_out_of_range_is_refused_and_not_counted(value: float) -> None:
    sequence = DifferenceSequence()
    with pytest.raises(InvalidValue, match="expected -1 to 1"):
        sequence.add(value)
    assert sequence.count == 0


@pytest.mark.parametrize("value", [-0.01, 1.5, math.nan])
def test_an_outcome_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(InvalidValue, match="expected 0 to 1"):
        RateSequence().add(value)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_an_impossible_alpha_is_refused(alpha: float) -> None:
    for sequence in (DifferenceSequence, RateSequence):
        with pytest.raises(InvalidValue, match="expected between 0 and 1"):
            sequence(alpha)
