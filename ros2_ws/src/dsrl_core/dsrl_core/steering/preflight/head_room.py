"""What choosing noise could give at most, from labelled episodes; an estimate, not a promise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.steering.preflight.noise_kinds import BASE_NOISE, HELD_NOISE
from dsrl_core.steering.preflight.reset_rates import ResetRates
from dsrl_core.steering.preflight.trials import Trial

ASSUMPTIONS = (
    "trials with one seed begin from equal resets",
    "what differs between them is the noise (replays test it)",
    "steering sees what decides, and learns it",
    "the lower end: it chooses as well as one who picks the best of 64 whole episodes",
    "the upper end: it succeeds wherever success is possible at all",
)
"""Under which the interval holds."""


@dataclass(frozen=True)
class HeadRoom:
    """Rates are success rates over resets; intervals are of 95 %."""

    base: SuccessCount
    """With Wilson's interval, as if all trials were from different resets."""
    base_low: float
    base_high: float
    """The same, wider by what repeated resets do not tell."""
    resets: int
    resets_both: int
    """Where some trials succeeded and others failed: there noise decides."""
    resets_never: int
    """Where none succeeded."""
    replays: int
    replays_differ: int
    """Trials that were repeated with equal noise, and those that ended otherwise then."""
    reach_low: float
    reach_median: float
    reach_high: float
    """Of a perfect choice of noise."""

    @property
    def gain(self) -> tuple[float, float]:
        """Lowest and highest difference to the base rate."""
        return max(0.0, self.reach_low - self.base_high), max(0.0, self.reach_high - self.base_low)


def estimate_head_room(
    trials: Sequence[Trial], noise_acts: bool, is_deterministic: bool, choices: int
) -> HeadRoom | None:
    """None without base trials.

    Where noise changes no action, nothing can be gained whatever the outcomes say. Where equal
    noises give other actions, outcomes do not show what noise does: nothing is promised then.
    """
    unique, replays = split_replays(trials)
    base = [trial for trial in unique if trial.noise == BASE_NOISE]
    if not base:
        return None
    counted = SuccessCount.of(sum(trial.success for trial in base), len(base))
    low, high = ResetRates(_counts(base)).base_rate()
    # The grid has no rates of 0 and 1; where every reset was tried once, Wilson's is exact.
    base_low, base_high = min(low, counted.wilson_low), max(high, counted.wilson_high)
    counts = _counts(t for t in unique if t.noise in (BASE_NOISE, HELD_NOISE))
    rates = ResetRates(counts)
    low, median = rates.best_of(choices)
    high = max(rates.possible_at_most(), median)
    differ = sum(first != again for first, again in replays)
    if not any(successes for successes, _ in counts):
        low = 0.0  # the prior alone would promise a little
    if not noise_acts:
        low, median, high = base_low, (base_low + base_high) / 2, base_high
    elif not is_deterministic or differ:
        low = min(low, base_low)
    return HeadRoom(
        counted,
        base_low,
        base_high,
        len(counts),
        sum(0 < successes < trials for successes, trials in counts),
        sum(successes == 0 for successes, _ in counts),
        len(replays),
        differ,
        low,
        median,
        high,
    )


def split_replays(trials: Iterable[Trial]) -> tuple[list[Trial], list[tuple[bool, bool]]]:
    """Every trial once, and the outcomes of those that were played again: first and again."""
    first: dict[tuple[int, str, int], Trial] = {}
    again = []
    for trial in trials:
        key = (trial.reset, trial.noise, trial.draw)
        if key in first:
            again.append((first[key].success, trial.success))
        else:
            first[key] = trial
    return list(first.values()), again


def _counts(trials: Iterable[Trial]) -> list[tuple[int, int]]:
    """Successes and trials by reset."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for trial in trials:
        counts[trial.reset][0] += trial.success
        counts[trial.reset][1] += 1
    return [(successes, number) for successes, number in counts.values()]
