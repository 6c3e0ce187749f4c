"""What labelled trials say of the head-room, on trials whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.steering.preflight.head_room import estimate_head_room
from dsrl_core.steering.preflight.judging_outcomes import of_head_room, of_trials
from dsrl_core.steering.preflight.thresholds import THRESHOLDS
from dsrl_core.steering.preflight.trials import BASE_NOISE, Trial


def trials(*resets: tuple[int, int], noise: str = BASE_NOISE) -> list[Trial]:
    """Successes and trials of each reset."""
    return [
        Trial(reset, noise, draw, draw < successes)
        for reset, (successes, count) in enumerate(resets)
        for draw in range(count)
    ]


def names(found: list[Trial], noise_acts: bool = True, is_deterministic: bool = True) -> list[str]:
    room = estimate_head_room(found, noise_acts, is_deterministic, 64)
    return [reason.name for reason in of_head_room(room, THRESHOLDS)]


def test_without_base_trials_nothing_is_said() -> None:
    assert estimate_head_room([], True, True, 64) is None
    assert estimate_head_room(trials((1, 4), noise="held"), True, True, 64) is None
    assert names([]) == []


def test_outcomes_that_differ_at_equal_resets_show_head_room() -> None:
    differing = estimate_head_room(trials(*[(2, 4)] * 8), True, True, 64)
    deciding = estimate_head_room(trials(*[(4, 4), (0, 4)] * 4), True, True, 64)
    assert differing is not None
    assert deciding is not None
    assert differing.base.rate == deciding.base.rate == 0.5
    assert differing.resets_both == 8
    assert deciding.resets_both == 0
    assert differing.reach_low > 0.6 > deciding.reach_low
    assert differing.reach_median > deciding.reach_median
    assert "head_room.resets_decide" in names(trials(*[(4, 4), (0, 4)] * 4))


def test_single_trials_promise_no_more_than_the_base_rate() -> None:
    room = estimate_head_room(trials(*[(1, 1)] * 6, *[(0, 1)] * 14), True, True, 64)
    assert room is not None
    low, high = room.gain
    assert low == 0.0
    assert room.reach_high == 1.0
    assert high > 0.5


def test_without_any_success_nothing_is_promised() -> None:
    room = estimate_head_room(trials(*[(0, 8)] * 12), True, True, 64)
    assert room is not None
    assert room.reach_low == 0.0
    # A policy that succeeds rarely everywhere gives just that.
    assert room.reach_high == 1.0
    assert room.reach_median < 0.2


def test_resets_that_never_succeed_bound_the_reach_beside_others_that_do_now_and_then() -> None:
    room = estimate_head_room(trials(*[(4, 8), (0, 8)] * 12), True, True, 64)
    assert room is not None
    assert 0.5 < room.reach_high < 0.85


def test_repeated_resets_are_no_independent_trials() -> None:
    repeated = estimate_head_room(trials(*[(8, 8), (0, 8)] * 2), True, True, 64)
    assert repeated is not None
    assert repeated.base_low < repeated.base.wilson_low
    assert repeated.base_high > repeated.base.wilson_high


def test_noise_that_changes_no_action_gains_nothing() -> None:
    room = estimate_head_room(trials(*[(2, 4)] * 6), False, True, 64)
    assert room is not None
    assert (room.reach_low, room.reach_high) == (room.base_low, room.base_high)


def test_a_replay_that_ends_otherwise_lowers_what_is_promised() -> None:
    steady = trials(*[(2, 4)] * 8)
    again = [Trial(t.reset, t.noise, t.draw, t.success) for t in steady if t.draw == 0]
    room = estimate_head_room([*steady, *again], True, True, 64)
    assert room is not None
    assert (room.replays, room.replays_differ) == (8, 0)
    assert room.base.trials == 32
    other = [Trial(t.reset, t.noise, t.draw, not t.success) for t in again]
    lower = estimate_head_room([*steady, *other], True, True, 64)
    assert lower is not None
    assert lower.replays_differ == 8
    assert lower.reach_low <= lower.base_low < room.reach_low
    assert "head_room.chance" in names([*steady, *other])


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (trials((1, 2)), "head_room.few"),
        (trials(*[(0, 4)] * 6), "head_room.no_success"),
        (trials(*[(4, 4)] * 4), "head_room.always"),
        (trials(*[(4, 4)] * 200), "head_room.none"),
    ],
)
def test_reasons_of_trials(found: list[Trial], reason: str) -> None:
    assert names(found) == [reason]


def test_a_noise_that_does_worse_than_the_own_one_is_said() -> None:
    base = SuccessCount.of(15, 20)
    found = list(of_trials({"base": base, "repeated": SuccessCount.of(2, 20)}))
    assert [reason.name for reason in found] == ["trials.worse"]
    assert not list(of_trials({"base": base, "full": SuccessCount.of(12, 20)}))
    assert not list(of_trials({"base": base, "held": SuccessCount.of(0, 20)}))


@pytest.mark.parametrize("draws", [8, 1])
@pytest.mark.parametrize(
    ("possible", "a", "b"),
    [(1, 2, 3), (1, 6, 12), (1, 20, 2), (0.6, 2, 2), (0.9, 1, 4), (0.95, 40, 1)],
)
def test_intervals_cover_the_truth_of_synthetic_resets(
    possible: float, a: float, b: float, draws: int
) -> None:
    """Of 100 preflights, so many trials at 8 resets each; nominal is 95 %, less three standard
    errors. On a robot each reset is tried once."""
    generator = np.random.default_rng(1000)
    base = possible * a / (a + b)
    best = possible * (1 - np.mean((1 - generator.beta(a, b, 20_000)) ** 64))
    covered = np.zeros(2)
    for _ in range(100):
        rates = generator.beta(a, b, 8) * (generator.random(8) < possible)
        drawn = [(int(generator.binomial(draws, rate)), draws) for rate in rates]
        room = estimate_head_room(trials(*drawn), True, True, 64)
        assert room is not None
        covered += [
            room.base_low <= base <= room.base_high,
            room.reach_low <= best <= room.reach_high,
        ]
    assert (covered / 100 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 100)).all(), covered
