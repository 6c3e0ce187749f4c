"""Do the intervals hold what they say, and is the stop rule wrong as seldom as it may be?

./dsrl bench intervals                  # 10,000 synthetic tests for each row
./dsrl bench intervals --runs 2000 --pairs 100

The intervals of a rate at fixed numbers of trials, the confidence sequences and the stop rule of
A/B tests with a look after every pair. `exact` figures are sums over all outcomes, not draws.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from interval_scenes import RATES, SCENES, Scene
from rich.console import Console
from rich.table import Table
from scipy.stats import binom, binomtest

from dsrl_core.evaluation.ab_rule import AbVerdict, StopRule, Stops, stops_of
from dsrl_core.evaluation.confidence_sequence import difference_e_values, rate_log_e_values
from dsrl_core.evaluation.exact_interval import clopper_pearson_interval
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.types import Float64Array

RESULTS = Path(__file__).parent / "results"
ALPHA = 0.05
MARGIN = 0.1
POWER = 0.8
FIXED_MAX = 1000
TRIALS = (5, 10, 20, 50, 100, 200)
GRID = 2000
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000, help="synthetic tests for each row")
    parser.add_argument("--pairs", type=int, default=200, help="at most, in each")
    asked = parser.parse_args()
    began = time.process_time()
    found: Row = {
        "runs": asked.runs,
        "pairs": asked.pairs,
        "alpha": ALPHA,
        "margin": MARGIN,
        "worst": [worst(n) for n in TRIALS],
        "fixed": [fixed(rate, n, asked.runs) for rate in RATES for n in TRIALS],
        "rates": [peeked(rate, asked.runs, asked.pairs) for rate in RATES],
        "differences": [difference(scene, asked.runs, asked.pairs) for scene in SCENES],
    }
    found["processor_s"] = round(time.process_time() - began, 1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "intervals.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "intervals.md").write_text(report(found))


def fixed(rate: float, trials: int, runs: int) -> Row:
    """Coverage of the intervals of a rate after so many trials, looked at once."""
    successes = np.arange(trials + 1)
    counts = [SuccessCount.of(int(s), trials) for s in successes]
    wilson = np.array([c.wilson_low <= rate <= c.wilson_high for c in counts])
    exact = [clopper_pearson_interval(c) for c in counts]
    pearson = np.array([low <= rate <= high for low, high in exact])
    drawn = np.random.default_rng([trials, int(100 * rate)]).binomial(trials, rate, runs)
    mass = binom.pmf(successes, trials, rate)
    return {
        "rate": rate,
        "trials": trials,
        "wilson": float(wilson[drawn].mean()),
        "wilson_exact": float(mass @ wilson),
        "clopper_pearson": float(pearson[drawn].mean()),
        "clopper_pearson_exact": float(mass @ pearson),
    }


def worst(trials: int) -> Row:
    """Exact coverage at the worst of all rates, and the mean width over outcomes."""
    counts = [SuccessCount.of(s, trials) for s in range(trials + 1)]
    plain = [binomtest(s, trials).proportion_ci(method="wilson") for s in range(trials + 1)]
    kinds = {
        "wilson": [(c.wilson_low, c.wilson_high) for c in counts],
        "wilson_uncorrected": [(found.low, found.high) for found in plain],
        "clopper_pearson": [tuple(clopper_pearson_interval(c)) for c in counts],
    }
    row: Row = {"trials": trials}
    for name, intervals in kinds.items():
        low, high = np.array(intervals).T
        # Coverage jumps at the limits: just beside them it is least.
        beside = [end + step for end in (low, high) for step in (-1e-9, 1e-9)]
        rates = np.concatenate([np.arange(1, GRID) / GRID, *beside])
        rates = rates[(rates > 0) & (rates < 1)]
        covers = (low <= rates[:, None]) & (rates[:, None] <= high)
        mass = binom.pmf(np.arange(trials + 1), trials, rates[:, None])
        row[name] = float((mass * covers).sum(axis=1).min())
        row[f"{name}_width"] = float((high - low).mean())
    return row


def peeked(rate: float, runs: int, trials: int) -> Row:
    """Share of the runs in which an interval covers the rate at every look."""
    random = np.random.default_rng([1, int(100 * rate)])
    totals = np.cumsum(random.random((runs, trials)) < rate, axis=1).astype(np.float64)
    counts = np.arange(1.0, trials + 1)
    capital = rate_log_e_values(totals, np.broadcast_to(counts, totals.shape), rate)
    covers = np.ones(runs, dtype=bool)
    for n in range(1, trials + 1):
        of_n = [SuccessCount.of(s, n) for s in range(n + 1)]
        wilson = np.array([c.wilson_low <= rate <= c.wilson_high for c in of_n])
        covers &= wilson[totals[:, n - 1].astype(int)]
    return {
        "rate": rate,
        "sequence": float(np.mean((capital < -np.log(ALPHA)).all(axis=1))),
        "wilson_peeked": float(covers.mean()),
    }


def difference(scene: Scene, runs: int, pairs: int) -> Row:
    """The confidence sequence and the stop rule, beside what a fixed test would do."""
    random = np.random.default_rng([2, *(int(100 * r) for r in (scene.first, scene.second))])
    drawn = scene.draw(random, runs, pairs)
    true = scene.difference
    covered = (difference_e_values(drawn, true) < 1.0 / ALPHA).all(axis=1)
    stops, patient = (stops_of(drawn, StopRule(ALPHA, margin)) for margin in (MARGIN, None))
    shares = {str(verdict): stops.share(verdict) for verdict in AbVerdict}
    better, worse = shares[AbVerdict.SECOND_BETTER], shares[AbVerdict.FIRST_BETTER]
    wrong = (better if true <= 0 else 0.0) + (worse if true >= 0 else 0.0)
    if abs(true) >= MARGIN - 1e-9:
        wrong += shares[AbVerdict.EQUIVALENT]
    return {
        "scene": scene.name,
        "coverage": float(covered.mean()),
        "wrong": wrong,
        "better": better,
        "worse": worse,
        "equivalent": shares[AbVerdict.EQUIVALENT],
        "median_pairs": int(np.median(stops.pairs)),
        "most_pairs": int(np.quantile(stops.pairs, 0.9)),
        "patient_shown": patient.share(AbVerdict.SECOND_BETTER)
        + patient.share(AbVerdict.FIRST_BETTER),
        "patient_median_pairs": int(np.median(patient.pairs)),
        "patient_power_pairs": pairs_until_shown(patient, pairs),
        "sign_test_peeked": sign_test_peeked(drawn),
        "fixed_pairs": fixed_pairs(scene),
    }


def pairs_until_shown(stops: Stops, pairs: int) -> int | None:
    """Pairs after which `POWER` of the tests have shown a difference; None: not within all."""
    needed = int(np.quantile(stops.pairs, POWER, method="higher"))
    return needed if needed < pairs else None


def sign_test_peeked(drawn: Float64Array) -> float:
    """Share of runs that a sign test at alpha, repeated after every pair, ever rejects in."""
    wins, losses = (np.cumsum(sign * drawn > 0, axis=1) for sign in (1, -1))
    return float(np.mean((np.maximum(wins, losses) >= least_wins()[wins + losses]).any(axis=1)))


def least_wins() -> np.ndarray:
    """By the number of pairs that differ: wins of one arm at which the sign test rejects."""
    differing = np.arange(FIXED_MAX + 1)
    return (binom.isf(ALPHA / 2, differing, 0.5) + 1).astype(int)


def fixed_pairs(scene: Scene) -> int | None:
    """Pairs that the exact sign test needs to have its power here; None: no difference, or more."""
    if scene.difference == 0 or scene.kind != "independent":
        return None
    win = scene.second * (1 - scene.first)
    lose = scene.first * (1 - scene.second)
    differing = np.arange(FIXED_MAX + 1)
    needed = least_wins()
    share = win / (win + lose)
    power = sum(binom.sf(needed - 1, differing, part) for part in (share, 1 - share))
    for pairs in range(1, FIXED_MAX + 1):
        if binom.pmf(differing[: pairs + 1], pairs, win + lose) @ power[: pairs + 1] >= POWER:
            return pairs
    return None


def report(found: Row) -> str:
    """Print the tables; the same as Markdown."""
    head = (
        f"{found['runs']:,} synthetic tests per row, alpha {found['alpha']:g}, at most "
        f"{found['pairs']} pairs, a look after each; standard error of a share of 95%: "
        f"{np.sqrt(0.05 * 0.95 / found['runs']):.2%}.\n"
    )
    fixed_rows = [
        (
            f"{row['rate']:g}",
            str(row["trials"]),
            *(share(row[key]) for key in ("wilson", "wilson_exact")),
            *(share(row[key]) for key in ("clopper_pearson", "clopper_pearson_exact")),
        )
        for row in found["fixed"]
    ]
    kinds = ("wilson", "clopper_pearson", "wilson_uncorrected")
    worst_rows = [
        (
            str(row["trials"]),
            *(f"{100 * row[kind]:.2f}" for kind in kinds),
            ", ".join(f"{row[f'{kind}_width']:.3f}" for kind in kinds),
        )
        for row in found["worst"]
    ]
    rate_rows = [
        (f"{row['rate']:g}", share(row["sequence"]), share(row["wilson_peeked"]))
        for row in found["rates"]
    ]
    cover_rows = [
        (
            row["scene"],
            share(row["coverage"]),
            share(row["wrong"]),
            share(row["sign_test_peeked"]),
        )
        for row in found["differences"]
    ]
    size_rows = [
        (
            row["scene"],
            share(row["better"]),
            share(row["worse"]),
            share(row["equivalent"]),
            f"{row['median_pairs']} ({row['most_pairs']})",
            f"{row['patient_median_pairs']} ({share(row['patient_shown'])})",
            str(row["patient_power_pairs"] or "-"),
            str(row["fixed_pairs"] or "-"),
        )
        for row in found["differences"]
    ]
    return "\n".join(
        [
            head,
            shown(
                "95% intervals of a rate, looked at once: exact coverage at the worst rate [%]",
                ("trials", "Wilson, corrected", "Clopper-Pearson", "Wilson, plain", "mean widths"),
                worst_rows,
            ),
            shown(
                "95% intervals of a rate, looked at once: coverage [%]",
                ("rate", "trials", "Wilson", "exact", "Clopper-Pearson", "exact"),
                fixed_rows,
            ),
            shown(
                "95% intervals of a rate, looked at after every trial: always covered [%]",
                ("rate", "confidence sequence", "Wilson"),
                rate_rows,
            ),
            shown(
                "A/B tests: coverage at every look, and errors [%]",
                ("rates", "sequence covers", "stop rule wrong", "sign test, peeking, rejects"),
                cover_rows,
            ),
            shown(
                f"A/B tests: verdicts [%] and pairs; equivalent: within {MARGIN:g}",
                (
                    "rates",
                    "second better",
                    "first better",
                    "equivalent",
                    "pairs: median (90% of tests)",
                    "without margin: median (shown)",
                    f"shown in {POWER:.0%} by",
                    f"fixed sign test, power {POWER:.0%}",
                ),
                size_rows,
            ),
        ]
    )


def share(value: float) -> str:
    return f"{100 * value:.1f}"


def shown(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = Table(title=title)
    lines = [f"## {title}\n", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
        lines.append(f"| {' | '.join(row)} |")
    Console(width=120).print(table)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
