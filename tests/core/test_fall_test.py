"""How often the test for a fall errs, and how soon it sees one, over many simulated runs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import fisher_exact

from dsrl_core.learning.fall_test import HORIZON, NO_FALL, WINDOWS, _p_value, fall_of

LEVEL = 0.05
RUNS = 100
EVALUATE_EVERY = 10


def first_alarm(
    chances: npt.NDArray[np.float64], seed: int, alone: bool = False, after: int = 0
) -> int | None:
    """After how many episodes a fall is first established; every tenth is an evaluation."""
    won = (np.random.default_rng(seed).random(len(chances)) < chances).tolist()
    places = range(len(won))
    sources = [0 if alone else int((place + 1) % EVALUATE_EVERY == 0) for place in places]
    for count in range(after + 1, len(won) + 1):
        if fall_of(won[:count], sources[:count]).is_significant(LEVEL):
            return count - after
    return None


RISING = np.concatenate([np.full(10, 0.3), np.linspace(0.4, 0.9, 30), np.full(HORIZON - 40, 0.9)])


@pytest.mark.parametrize(
    ("chances", "alone"),
    [
        (np.full(HORIZON, 0.9), False),
        (np.full(HORIZON, 0.7), True),
        (np.full(HORIZON, 0.5), False),
        (RISING, True),
    ],
    ids=["0.9", "0.7, no evaluations", "0.5", "rising, no evaluations"],
)
def test_while_nothing_is_wrong_no_more_runs_than_the_level_says_have_an_alarm(
    chances: npt.NDArray[np.float64], alone: bool
) -> None:
    alarms = sum(first_alarm(chances, seed, alone) is not None for seed in range(RUNS))
    assert alarms <= LEVEL * RUNS


@pytest.mark.parametrize(
    ("low", "within", "power"), [(0.4, 20, 0.65), (0.4, 30, 0.85), (0.1, 10, 0.9)]
)
def test_a_fall_from_nine_of_ten_is_seen_soon(low: float, within: int, power: float) -> None:
    chances = np.concatenate([np.full(60, 0.9), np.full(within, low)])
    seen = sum(first_alarm(chances, seed, after=60) is not None for seed in range(RUNS))
    assert seen >= power * RUNS


def test_with_one_source_it_is_fishers_exact_test() -> None:
    won = np.array([1] * 9 + [0] + [1] * 2 + [0] * 4)
    p = _p_value(won, np.zeros(16, dtype=np.int64), 10)
    expected = fisher_exact([[9, 1], [2, 4]], alternative="greater").pvalue
    assert p == pytest.approx(expected)


def test_a_constant_difference_between_the_sources_is_no_fall() -> None:
    """Training episodes explore: many of them in a row are not evidence against the weights."""
    won = [True] * 30 + [False] * 30
    assert fall_of(won, [1] * 30 + [0] * 30) == NO_FALL
    assert fall_of(won, [0] * 60).is_significant(LEVEL)


def test_few_outcomes_say_nothing() -> None:
    assert fall_of([], []) == NO_FALL
    assert fall_of([True] * 4 + [False] * 3, [0] * 7) == NO_FALL


def test_no_fall_is_looked_for_before_the_first_steered_episode() -> None:
    won = [True] * 10 + [False] * 8
    assert fall_of(won, [0] * 18, earliest=18) == NO_FALL
    assert fall_of(won, [0] * 18, earliest=10).window in WINDOWS
