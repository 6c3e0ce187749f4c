"""Go, warn or stop, and every reason with its figure, its threshold and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """What a reason, and the verdict, amount to."""

    GO = "go"
    WARN = "warn"
    STOP = "stop"


EXIT_STATUS: Final = {Level.GO: 0, Level.WARN: 1, Level.STOP: 3}
"""Of the command; 2 is a question that could not be answered."""
_BADNESS: Final = tuple(Level)


@dataclass(frozen=True)
class Reason:
    """One thing that speaks against steering this policy as it is."""

    level: Level
    name: str
    """Stable, for programs: `what.which`."""
    found: str
    expected: str
    advice: str


def verdict_of(reasons: Sequence[Reason]) -> Level:
    """The worst of them."""
    return max((reason.level for reason in reasons), key=_BADNESS.index, default=Level.GO)
