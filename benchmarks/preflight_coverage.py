"""How often preflight's head-room intervals hold the truth, on synthetic resets.

    ./dsrl bench preflight_coverage

At some share of the resets success is possible, and there its rate is drawn from a Beta
distribution. Worlds are all combinations of that share, the Beta's mean, and how much resets differ
(rho, 0: all alike, 1: each always succeeds or always fails). Truth of the reach: the best of 64
episodes at each reset. Nominal: 95 %.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from dsrl_core.steering.preflight.head_room import HeadRoom, estimate_head_room
from dsrl_core.steering.preflight.noise_kinds import BASE_NOISE
from dsrl_core.steering.preflight.thresholds import THRESHOLDS
from dsrl_core.steering.preflight.trials import Trial

RESULTS: Final = Path(__file__).parent / "results" / "preflight_coverage.json"
DESIGNS: Final = ((6, 8), (12, 2), (24, 1), (8, 1))
"""Resets, and trials at each. The first is `--sim`, the last `--robot`, at their defaults."""
POSSIBLE: Final = (1.0, 0.95, 0.9, 0.7, 0.5, 0.3, 0.15)
MEAN: Final = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99)
RHO: Final = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
QUANTITIES: Final = ("base", "reach", "gain")
WORST: Final = 3
"""Worlds of each design and quantity that are told."""

World = tuple[float, float, float]


@cache
def estimated(successes: tuple[int, ...], number: int) -> HeadRoom:
    trials = [
        Trial(reset, BASE_NOISE, draw, draw < count)
        for reset, count in enumerate(successes)
        for draw in range(number)
    ]
    room = estimate_head_room(trials, True, True, THRESHOLDS.choices)
    assert room is not None
    return room


def covered(world: World, resets: int, draws: int, runs: int) -> list[float]:
    """Shares of preflights whose intervals held base rate, reach and gain."""
    possible, mean, rho = world
    a, b = mean * (1 / rho - 1), (1 - mean) * (1 / rho - 1)
    generator = np.random.default_rng(1000)
    failing = (1 - generator.beta(a, b, 200_000)) ** THRESHOLDS.choices
    base, best = possible * mean, possible * float(1 - failing.mean())
    there = generator.random((runs, resets)) < possible
    rates = generator.beta(a, b, (runs, resets)) * there
    drawn = np.sort(generator.binomial(draws, rates), axis=1)
    held = np.zeros(len(QUANTITIES))
    for successes, times in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True):
        room = estimated(tuple(successes.tolist()), draws)
        held += times * np.array(
            [
                room.base_low <= base <= room.base_high,
                room.reach_low <= best <= room.reach_high,
                room.gain[0] <= best - base <= room.gain[1],
            ]
        )
    return (held / runs).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000, help="preflights of each world")
    runs = parser.parse_args().runs
    table = Table("resets x trials", "of the", *(f"the worst {WORST} worlds: held",), "median")
    found = {}
    for resets, draws in DESIGNS:
        worlds: dict[World, list[float]] = {
            world: covered(world, resets, draws, runs) for world in product(POSSIBLE, MEAN, RHO)
        }
        for place, quantity in enumerate(QUANTITIES):
            order = sorted(worlds, key=lambda world: worlds[world][place])
            told = [
                f"{worlds[world][place]:.1%} (share {world[0]:g}, mean {world[1]:g}, "
                f"rho {world[2]:g})"
                for world in order[:WORST]
            ]
            median = float(np.median([held[place] for held in worlds.values()]))
            table.add_row(f"{resets} x {draws}", quantity, "\n".join(told), f"{median:.1%}")
            least = worlds[order[0]][place]
            found[f"{resets} x {draws}, {quantity}"] = {"least": least, "median": median}
    Console(width=100).print(table)
    worlds_told = f"{len(POSSIBLE) * len(MEAN) * len(RHO)} worlds, {runs} preflights of each"
    made = {"command": "./dsrl bench preflight_coverage", "of": worlds_told, "held": found}
    RESULTS.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
