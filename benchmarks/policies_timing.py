"""What `./dsrl bench policies` measured: samples of several subjects in turn, and their tables."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

Ask = Callable[[], object]
"""One decision."""
_WARM_UPS: Final = 5


@dataclass(frozen=True)
class Row:
    """Decisions of one subject: how long each took [ms], round by round."""

    part: str
    subject: str
    policy: str
    rounds_ms: list[list[float]]
    more: dict[str, float] = field(default_factory=dict)
    """Other figures, by name with unit."""

    @property
    def p50_ms(self) -> float:
        return float(np.percentile(np.concatenate(self.rounds_ms), 50))

    @property
    def p99_ms(self) -> float:
        return float(np.percentile(np.concatenate(self.rounds_ms), 99))

    def to_json(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "subject": self.subject,
            "policy": self.policy,
            "p50_ms": self.p50_ms,
            "p99_ms": self.p99_ms,
            "samples": sum(map(len, self.rounds_ms)),
            # Of single decisions in turn a round says nothing by itself.
            "rounds_p50_ms": [float(np.median(r)) for r in self.rounds_ms if len(r) > 1],
            **self.more,
        }


@dataclass(frozen=True)
class Verdict:
    """A figure beside what was asked for."""

    what: str
    found: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool:
        return (self.at_most is None or self.found <= self.at_most) and (
            self.at_least is None or self.found >= self.at_least
        )

    @property
    def asked(self) -> str:
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}"


def in_turn(subjects: Mapping[str, Ask], rounds: int, count: int) -> dict[str, list[list[float]]]:
    """Milliseconds of every decision: each subject decides `count` times in a row in each round,
    so that whatever else the machine does meets all of them. Their order is drawn for every round,
    and the first decisions of a turn, which find the caches full of somebody else's, are left out:
    with few rounds they alone would make the 99th percentile."""
    found: dict[str, list[list[float]]] = {name: [] for name in subjects}
    for ask in subjects.values():
        for _ in range(_WARM_UPS):
            ask()
    names, draw = list(subjects), random.Random(0)
    for _ in range(rounds):
        draw.shuffle(names)
        for name in names:
            for _ in range(_WARM_UPS if count > 1 else 0):
                subjects[name]()
            found[name].append([milliseconds(subjects[name]) for _ in range(count)])
    return found


def milliseconds(ask: Ask) -> float:
    began_s = time.perf_counter()
    ask()
    return 1000.0 * (time.perf_counter() - began_s)


def table(rows: list[Row]) -> str:
    """As Markdown."""
    lines = [
        "| part | decision by | policy | p50 [ms] | p99 [ms] | decisions | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        more = ", ".join(f"{name} {value:.3g}" for name, value in row.more.items())
        count = sum(map(len, row.rounds_ms))
        lines.append(
            f"| {row.part} | {row.subject} | {row.policy} | {row.p50_ms:.3f} | {row.p99_ms:.3f} | "
            f"{count} | {more} |"
        )
    return "\n".join(lines) + "\n"


def verdict_table(verdicts: list[Verdict]) -> str:
    """As Markdown."""
    lines = ["| what | measured | asked for | |", "|---|---|---|---|"]
    lines += [
        f"| {each.what} | {each.found:.3g} {each.unit} | {each.asked} | "
        f"{'' if each.holds else '**not held**'} |"
        for each in verdicts
    ]
    return "\n".join(lines) + "\n"
