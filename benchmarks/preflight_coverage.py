"""How often preflight's head-room intervals hold the truth, on synthetic resets.

    ./dsrl bench preflight_coverage

At some share of the resets success is possible, and there its rate is drawn from a Beta
distribution. Truth of the reach: the best of 64 episodes at each reset. Nominal: 95 %.
"""

from __future__ import annotations

import argparse
from functools import cache

import numpy as np
from rich.console import Console
from rich.table import Table

from dsrl_core.steering.preflight.head_room import HeadRoom, estimate_head_room
from dsrl_core.steering.preflight.noise_kinds import BASE_NOISE
from dsrl_core.steering.preflight.thresholds import THRESHOLDS
from dsrl_core.steering.preflight.trials import Trial

DESIGNS = ((6, 8), (12, 2), (24, 1), (8, 1))
"""Resets, and trials at each. The first is `--sim`, the last `--robot`, at their defaults."""
WORLDS = (
    (1.0, 2.0, 3.0),
    (1.0, 6.0, 12.0),
    (1.0, 0.3, 0.6),
    (1.0, 0.1, 0.2),
    (1.0, 20.0, 2.0),
    (1.0, 1.0, 20.0),
    (1.0, 50.0, 50.0),
    (0.95, 40.0, 1.0),
    (0.9, 1.0, 4.0),
    (0.6, 2.0, 2.0),
    (0.6, 0.5, 1.0),
    (0.4, 50.0, 1.0),
    (0.3, 1.0, 1.0),
    (0.3, 4.0, 4.0),
)
"""Share of resets where success is possible, and the Beta's two parameters there."""


@cache
def estimated(counts: tuple[tuple[int, int], ...]) -> HeadRoom:
    trials = [
        Trial(reset, BASE_NOISE, draw, draw < successes)
        for reset, (successes, number) in enumerate(counts)
        for draw in range(number)
    ]
    room = estimate_head_room(trials, True, True, THRESHOLDS.choices)
    assert room is not None
    return room


def covered(world: tuple[float, float, float], resets: int, draws: int, runs: int) -> list[float]:
    """True base rate and reach, and the shares of preflights whose intervals held base rate, reach
    and gain."""
    possible, a, b = world
    generator = np.random.default_rng(1000)
    base = possible * a / (a + b)
    failing = (1 - generator.beta(a, b, 200_000)) ** THRESHOLDS.choices
    best = possible * float(1 - failing.mean())
    held = np.zeros(3)
    for _ in range(runs):
        rates = generator.beta(a, b, resets) * (generator.random(resets) < possible)
        successes = sorted(generator.binomial(draws, rates).tolist())
        room = estimated(tuple((count, draws) for count in successes))
        held += [
            room.base_low <= base <= room.base_high,
            room.reach_low <= best <= room.reach_high,
            room.gain[0] <= best - base <= room.gain[1],
        ]
    return [base, best, *(held / runs).tolist()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=600, help="preflights of each world and design")
    runs = parser.parse_args().runs
    table = Table(
        "resets x trials", "world", "base", "reach", "base held", "reach held", "gain held"
    )
    least = np.ones(3)
    for resets, draws in DESIGNS:
        for world in WORLDS:
            base, best, *held = covered(world, resets, draws, runs)
            least = np.minimum(least, held)
            share, a, b = world
            cells = [f"{resets} x {draws}", f"{share:g}, Beta({a:g}, {b:g})"]
            cells += [f"{base:.2f}", f"{best:.2f}", *(f"{value:.1%}" for value in held)]
            table.add_row(*cells)
    table.add_row("least", "", "", "", *(f"{value:.1%}" for value in least))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
