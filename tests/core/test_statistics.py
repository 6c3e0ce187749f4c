"""Success rates with their intervals, and latencies."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binom, binomtest

from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.exact_interval import clopper_pearson_interval
from dsrl_core.evaluation.statistics import CONFIDENCE, Latency, SuccessCount, wilson_interval
from dsrl_core.types import Outcome

BESIDE = (-1e-9, 1e-9)


@given(st.integers(1, 2000), st.data())
def test_interval_is_scipys_but_for_the_limits_beside_a_single_outcome(
    trials: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilsoncc")
    low, high = wilson_interval(successes, trials)
    if successes == 1:
        assert low <= expected.low + 1e-12
    else:
        assert low == pytest.approx(expected.low, abs=1e-12)
    assert (1.0 - high, 1.0 - low) == pytest.approx(
        wilson_interval(trials - successes, trials), abs=1e-12
    )


@pytest.mark.parametrize("trials", [1, 2, 3, 5, 8, 13, 20, 34, 50, 89, 100, 150, 200])
def test_interval_never_covers_less_than_it_says_at_any_rate(trials: int) -> None:
    successes = np.arange(trials + 1)
    low, high = np.array([wilson_interval(int(s), trials) for s in successes]).T
    # Coverage is least just beside the limits themselves.
    rates = np.concatenate([np.linspace(0, 1, 1001), *(e + d for e in (low, high) for d in BESIDE)])
    rates = rates[(rates >= 0) & (rates <= 1)]
    covers = (low <= rates[:, None]) & (rates[:, None] <= high)
    assert (binom.pmf(successes, trials, rates[:, None]) * covers).sum(axis=1).min() >= CONFIDENCE


def test_a_rate_makes_no_window_wait_for_a_large_import() -> None:
    code = (
        "import sys\n"
        "from dsrl_core.operator.progress import rates_of\n"
        "from dsrl_core.evaluation.statistics import SuccessCount\n"
        "SuccessCount.of(3, 5)\n"
        "print('scipy.stats' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_nothing_tried_says_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert math.isnan(SuccessCount.of(0, 0).rate)


@given(st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_holds_the_rate_and_stays_within_0_and_1(counts: tuple[int, int]) -> None:
    count = SuccessCount.of(*counts)
    assert 0.0 <= count.wilson_low <= count.wilson_high <= 1.0
    if count.trials:
        assert count.wilson_low - 1e-12 <= count.rate <= count.wilson_high + 1e-12


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (0, -1)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(InvalidValue, match=f"{successes} successes of {trials} trials"):
        SuccessCount.of(successes, trials)
    with pytest.raises(ValidationError):
        SuccessCount(successes, trials, 0.0, 1.0)


def test_a_discarded_episode_is_no_trial() -> None:
    outcomes = [Outcome.SUCCESS, Outcome.DISCARD, Outcome.FAILURE, Outcome.SUCCESS]
    assert SuccessCount.of_outcomes(outcomes) == SuccessCount.of(2, 3)


def test_latencies_are_given_in_milliseconds() -> None:
    latency = Latency.of_seconds([0.001] * 50 + [0.003] * 50 + [0.1])
    assert latency is not None
    assert (latency.p50, latency.p99, latency.count) == (
        pytest.approx(3.0),
        pytest.approx(3.0),
        101,
    )


def test_no_latencies_are_no_measurement() -> None:
    assert Latency.of_seconds([]) is None


counts = st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_exact_interval_holds_the_rate_and_is_mirrored_where_failures_are_counted(
    of: tuple[int, int],
) -> None:
    successes, trials = of
    low, high = clopper_pearson_interval(SuccessCount.of(successes, trials))
    mirrored = clopper_pearson_interval(SuccessCount.of(trials - successes, trials))
    assert 0.0 <= low <= high <= 1.0
    if trials:
        assert low <= successes / trials <= high
    assert (low, high) == pytest.approx((1.0 - mirrored.high, 1.0 - mirrored.low))


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.3, 0.5, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("trials", [5, 20, 60])
def test_exact_interval_never_covers_less_than_it_says(rate: float, trials: int) -> None:
    covered = 0.0
    for successes in range(trials + 1):
        low, high = clopper_pearson_interval(SuccessCount.of(successes, trials))
        if low <= rate <= high:
            ways = math.comb(trials, successes)
            covered += ways * rate**successes * (1.0 - rate) ** (trials - successes)
    assert covered >= 0.95
