"""What grows is told from what only jumps about, and the warm-up does not count."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.growth import growth

HOURS = np.linspace(0.0, 2.0, 60)


def noise(size: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, size, len(HOURS))


def test_a_leak_is_found_in_noise() -> None:
    found = growth(HOURS, 100 + 6 * HOURS + noise(1.0), warm_up=0.2)
    assert found.low < 6 < found.high
    assert not found.is_flat(allowed=2.0)
    assert found.is_sure(allowed=2.0)


def test_what_jumps_about_is_flat() -> None:
    found = growth(HOURS, 100 + noise(0.2), warm_up=0.2)
    assert found.low < 0 < found.high
    assert found.is_flat(allowed=2.0)
    assert found.is_sure(allowed=2.0)


def test_few_noisy_samples_leave_it_open() -> None:
    found = growth(HOURS[:10], 100 + noise(5.0)[:10], warm_up=0.0)
    assert not found.is_sure(allowed=2.0)


def test_what_comes_in_the_warm_up_does_not_count() -> None:
    values = np.where(HOURS < 0.4, 100 * HOURS, 40.0)
    found = growth(HOURS, values, warm_up=0.25)
    assert (found.slope, found.low, found.high) == (0.0, 0.0, 0.0)
    assert (found.first, found.last) == (40.0, 40.0)


def test_one_wild_sample_does_not_make_a_leak() -> None:
    values = np.full(len(HOURS), 50.0)
    values[-1] = 5000.0
    assert growth(HOURS, values, warm_up=0.2).slope == 0.0


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(InvalidValue, match="5 samples after the warm-up, expected at least 8"):
        growth(HOURS[:5], np.zeros(5), warm_up=0.0)
