"""Do intervals of the difference of two rates, counted apart from each other, hold what they say?

    ./dsrl bench differences

Sums over all outcomes, not draws: coverage at the worst pair of rates of a grid, on average over
the grid, and the mean width over outcomes; ours, and Newcombe's from Wilson's limits, plain and
corrected for continuity. Nominal: 95 %.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import binom

from dsrl_core.evaluation.rate_difference import RateDifference
from dsrl_core.evaluation.statistics import SuccessCount

RESULTS = Path(__file__).parent / "results" / "differences.json"
TRIALS = ((3, 3), (5, 5), (8, 8), (8, 16), (10, 30), (20, 20), (30, 30))
EDGES = (0.001, 0.003, 0.005, 0.015, 0.025, 0.035, 0.045)
RATES = np.unique(np.concatenate([np.linspace(0, 1, 101), EDGES, 1 - np.array(EDGES)]))
SQUARE = NormalDist().inv_cdf(0.975) ** 2

Limits = Callable[[SuccessCount, SuccessCount], tuple[float, float]]


def exact(first: SuccessCount, second: SuccessCount) -> tuple[float, float]:
    found = RateDifference.of("first", first, "second", second)
    return found.low, found.high


def corrected(first: SuccessCount, second: SuccessCount) -> tuple[float, float]:
    limits = [(count.wilson_low, count.wilson_high) for count in (first, second)]
    return newcombe(first, second, limits)


def plain(first: SuccessCount, second: SuccessCount) -> tuple[float, float]:
    limits = []
    for count in (first, second):
        middle = (count.successes + SQUARE / 2) / (count.trials + SQUARE)
        inner = count.trials * count.rate * (1 - count.rate) + SQUARE / 4
        half = np.sqrt(SQUARE * inner) / (count.trials + SQUARE)
        limits.append((middle - half, middle + half))
    return newcombe(first, second, limits)


def newcombe(
    first: SuccessCount, second: SuccessCount, limits: list[tuple[float, float]]
) -> tuple[float, float]:
    """Statistics in Medicine 17 (1998), 873, method 10; with corrected limits 11."""
    (low_1, high_1), (low_2, high_2) = limits
    down = np.hypot(second.rate - low_2, high_1 - first.rate)
    up = np.hypot(high_2 - second.rate, first.rate - low_1)
    difference = second.rate - first.rate
    return float(difference - down), float(difference + up)


KINDS: dict[str, Limits] = {"ours": exact, "Newcombe, corrected": corrected, "Newcombe": plain}


def coverage(kind: Limits, first: int, second: int) -> dict[str, float]:
    counts = [[SuccessCount.of(s, n) for s in range(n + 1)] for n in (first, second)]
    limits = np.array([[kind(one, other) for other in counts[1]] for one in counts[0]])
    masses = [binom.pmf(np.arange(n + 1)[:, None], n, RATES[None, :]) for n in (first, second)]
    differences = (RATES[None, :] - RATES[:, None]).round(9)
    covered = np.zeros(differences.shape)
    for difference in np.unique(differences):
        holds = (limits[..., 0] <= difference + 1e-9) & (difference <= limits[..., 1] + 1e-9)
        places = np.nonzero(differences == difference)
        mass = holds.astype(float) @ masses[1][:, places[1]]
        covered[places] = (masses[0][:, places[0]] * mass).sum(axis=0)
    width = float((limits[..., 1] - limits[..., 0]).mean())
    return {"worst": float(covered.min()), "mean": float(covered.mean()), "width": width}


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    found: list[dict[str, Any]] = []
    table = Table("trials", *(f"{name}: worst, mean, width" for name in KINDS))
    for first, second in TRIALS:
        rows = {name: coverage(kind, first, second) for name, kind in KINDS.items()}
        found.append({"trials": [first, second]} | rows)
        told = [f"{r['worst']:.1%}, {r['mean']:.1%}, {r['width']:.2f}" for r in rows.values()]
        table.add_row(f"{first}, {second}", *told)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
