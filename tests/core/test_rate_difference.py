"""The interval of a difference covers what it says, whatever both rates are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from dsrl_core.evaluation.rate_difference import RateDifference
from dsrl_core.evaluation.statistics import SuccessCount

EDGES = [0.005, 0.02, 0.04]
RATES = np.array([*np.linspace(0, 1, 21), *EDGES, *(1 - np.array(EDGES))])


def difference(first: tuple[int, int], second: tuple[int, int]) -> RateDifference:
    return RateDifference.of("first", SuccessCount.of(*first), "second", SuccessCount.of(*second))


@pytest.mark.parametrize(("first", "second"), [(1, 1), (5, 5), (8, 8), (8, 3), (4, 20)])
def test_it_covers_at_least_95_percent_at_every_pair_of_rates(first: int, second: int) -> None:
    found = [
        [difference((one, first), (other, second)) for other in range(second + 1)]
        for one in range(first + 1)
    ]
    low = np.array([[each.low for each in row] for row in found])
    high = np.array([[each.high for each in row] for row in found])
    for one in RATES:
        for other in RATES:
            truth = other - one
            holds = (low <= truth + 1e-9) & (truth <= high + 1e-9)
            chances = np.outer(
                binom.pmf(range(first + 1), first, one), binom.pmf(range(second + 1), second, other)
            )
            assert chances[holds].sum() >= 0.95, (one, other)


counts = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_it_holds_what_was_seen_and_is_the_other_way_round_when_turned(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    found, turned = difference(first, second), difference(second, first)
    assert -1.0 <= found.low <= found.difference <= found.high <= 1.0
    assert (turned.low, turned.high) == (-found.high, -found.low)


def test_without_trials_nothing_is_known() -> None:
    found = difference((0, 0), (1, 2))
    assert math.isnan(found.difference)
    assert (found.low, found.high) == (-1.0, 1.0)
