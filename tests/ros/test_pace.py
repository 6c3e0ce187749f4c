"""Set-points are stamped one period apart, and what was missed is counted."""

from __future__ import annotations

import math

import pytest

from dsrl_ros.pace import Pace

PERIOD_NS = 10_000_000


def test_jitter_of_ticks_is_not_in_the_stamps() -> None:
    pace = Pace(PERIOD_NS)
    times = [0, 10_400_000, 19_100_000, 33_000_000, 40_200_000]
    stamps = [pace.tick(10**9 + time) - 10**9 for time in times]
    assert stamps == [0, 10_000_000, 20_000_000, 30_000_000, 40_000_000]
    assert pace.missed == 0


def test_a_gap_is_counted_in_periods_and_stamps_catch_up() -> None:
    pace = Pace(PERIOD_NS)
    pace.tick(10**9)
    assert pace.tick(10**9 + 60_000_000) == 10**9 + 60_000_000
    assert pace.missed == 5
    assert pace.set_points == 2


def test_nothing_is_missed_in_a_pause() -> None:
    pace = Pace(PERIOD_NS)
    pace.tick(10**9)
    pace.pause()
    assert pace.tick(3 * 10**9) == 3 * 10**9
    assert pace.missed == 0


def test_a_clock_that_is_set_is_no_gap() -> None:
    pace = Pace(PERIOD_NS)
    for now_ns in (10**18, 0, 0, 10**18):
        pace.tick(now_ns)
    assert pace.missed == 0
    assert pace.set_points == 4


def test_percentile_is_told_once_there_are_enough() -> None:
    pace = Pace(PERIOD_NS)
    assert math.isnan(pace.p99_s())
    for index in range(200):
        pace.tick(10**9 + index * PERIOD_NS + (5_000_000 if index == 100 else 0))
    assert pace.p99_s() == pytest.approx(0.01, abs=2e-3)
