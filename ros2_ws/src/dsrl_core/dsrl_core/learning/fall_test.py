"""Has success fallen? An answer that may be asked for after every episode.

The latest outcomes are compared with those before them by Fisher's exact test, one-sided, and for
several lengths of "latest", as nobody knows when a fall began. Outcomes of different sources
(training, evaluation) are never compared with each other: each is a stratum of its own, as in an
exact Mantel-Haenszel test (Mantel and Haenszel 1959), so that a constant difference between them
says nothing and a common fall is seen in both.

Null hypothesis: in no source does the chance of success fall from one episode to the next; it may
be anything and rise in any way, as it does while learning. A single comparison then errs with its
level. For so many of them, made anew after every episode and all alike, the level is divided by
`LOOKS`, more than the independent comparisons that they are worth over `HORIZON` episodes,
which was found by simulation (100 to 150 at constant chances of 0.5 to 0.9); a test repeats that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

WINDOWS: Final = (4, 6, 9, 13, 19, 28, 40)
"""Lengths of "latest" [episodes]."""
REFERENCE_MAX: Final = 40
"""Outcomes before them that are compared with, at most, of each source."""
REFERENCE_MIN: Final = 4
HORIZON: Final = 200
"""Episodes for which the level holds."""
LOOKS: Final = 220.0

_LOG_FACTORIALS: Final = gammaln(np.arange(1, 1000, dtype=np.float64))


@dataclass(frozen=True)
class Fall:
    """What speaks for a fall: the clearest comparison."""

    p: float
    """Of the single comparison."""
    window: int
    """How many of the latest outcomes it is about."""

    def is_significant(self, level: float) -> bool:
        """Whether a fall is established; without one, `level` of all runs of `HORIZON` episodes
        say so at some time."""
        return self.p <= level / LOOKS


NO_FALL: Final = Fall(1.0, 0)


def fall_of(outcomes: Sequence[bool], sources: Sequence[int], earliest: int = 0) -> Fall:
    """For outcomes in their order, each with the number of its source, from 0.

    No fall is looked for before the outcome at `earliest`.
    """
    won = np.asarray(outcomes, dtype=np.int64)
    source = np.asarray(sources, dtype=np.int64)
    found = NO_FALL
    for window in WINDOWS:
        start = len(won) - window
        if start < max(REFERENCE_MIN, earliest):
            break
        p = _p_value(won, source, start)
        if p < found.p:
            found = Fall(p, window)
    return found


def _p_value(won: Int64Array, source: Int64Array, start: int) -> float:
    """Chance that the outcomes from `start` on are as bad as they are, or worse, given how many
    successes there are in all of each source; 1 where they are not bad."""
    strata, observed, expected = [], 0, 0.0
    for number in range(int(source.max()) + 1):
        before = won[:start][source[:start] == number][-REFERENCE_MAX:]
        after = won[start:][source[start:] == number]
        if len(before) and len(after):
            won_after = int(after.sum())
            successes = int(before.sum()) + won_after
            strata.append((successes, len(before), len(after)))
            observed += won_after
            expected += successes * len(after) / (len(before) + len(after))
    if observed >= expected:
        # They are no worse: how little that says does not matter.
        return 1.0
    chances = np.ones(1)
    for stratum in strata:
        chances = np.convolve(chances, _hypergeometric(*stratum))
    return float(min(1.0, chances[: observed + 1].sum()))


@lru_cache(maxsize=4096)
def _hypergeometric(successes: int, before: int, after: int) -> Float64Array:
    """Chances of 0, 1, ... successes among the `after` last of all, (after + 1,)."""
    k = np.arange(after + 1)
    possible = (k <= successes) & (successes - k <= before)
    k = k[possible]
    chances = np.zeros(after + 1)
    log = (
        _log_choose(after, k)
        + _log_choose(before, successes - k)
        - _log_choose(before + after, np.asarray(successes))
    )
    chances[possible] = np.exp(log)
    return chances


def _log_choose(n: int, k: Int64Array) -> Float64Array:
    chosen: Float64Array = _LOG_FACTORIALS[n] - _LOG_FACTORIALS[k] - _LOG_FACTORIALS[n - k]
    return chosen
