"""The list of recent episodes with what was said of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dsrl_core.operator.heard import Heard
from dsrl_core.status import INVALID, UNLABELLED, Phase
from dsrl_core.types import Label, Outcome

ROWS_MAX: Final = 60
RUNNING: Final = "running"


@dataclass(frozen=True)
class EpisodeRow:
    """An episode as it stands now."""

    episode: int
    mode: str
    """Or its code; empty: not heard."""
    outcome: str
    """success, failure, discard, invalid, unlabelled or running."""
    grade: float | None
    """Reward of a graded outcome; None: plain success, failure or discard."""
    author: str
    entry: int
    """Ledger entry that holds; 0: none."""
    is_learned: bool
    """Whether the learner has taken that entry into account."""
    conflict: str
    """Who said something else without being known of, for people; empty: nobody."""
    other: str
    """What that other one said, in short."""
    marks: int
    """Remarks on moments."""

    @property
    def name(self) -> str:
        """Its number with its mode or its code."""
        return f"{self.episode} · {self.mode}" if self.mode else str(self.episode)

    @property
    def words(self) -> str:
        """What was said, by whom."""
        return self.graded + (f" by {self.author}" if self.author else "")

    @property
    def graded(self) -> str:
        """The outcome, with its grade."""
        if self.grade is None:
            return self.outcome
        # Neither is it a failure to whoever gave it, nor does it count as a success.
        word = "graded" if self.outcome == Outcome.FAILURE else self.outcome
        return f"{word} {self.grade:.2g}"


def episode_rows(heard: Heard) -> tuple[EpisodeRow, ...]:
    """The latest episodes that ran, newest first."""
    standing = heard.standing()
    numbers = set(standing) | set(heard.recorded) | set(heard.seen)
    status = heard.status
    if status is not None and status.phase in (Phase.RESETTING, Phase.READY):
        numbers.discard(status.episode)
    latest = sorted(numbers, reverse=True)[:ROWS_MAX]
    return tuple(_row(heard, number, standing.get(number)) for number in latest)


def _row(heard: Heard, number: int, label: Label | None) -> EpisodeRow:
    seen = heard.seen.get(number)
    learned = heard.learner.ledger_entries if heard.learner else 0
    return EpisodeRow(
        number,
        seen.mode if seen else "",
        label.outcome if label else _unlabelled(heard, number),
        label.reward if label and label.is_graded else None,
        label.author if label else "",
        label.entry if label else 0,
        label is not None and 0 < label.entry <= learned,
        *_conflict(heard.entries, label),
        sum(e.outcome is Outcome.MARK and e.episode == number for e in heard.entries),
    )


def _unlabelled(heard: Heard, number: int) -> str:
    """Outcome of an episode of which no label holds."""
    recorded, seen, status = heard.recorded.get(number), heard.seen.get(number), heard.status
    if recorded is not None and recorded.end_reason == INVALID:
        return INVALID
    if seen is not None and seen.outcome == INVALID:
        return INVALID
    if status is not None and (status.phase, status.episode) == (Phase.RUNNING, number):
        return RUNNING
    return UNLABELLED


def _conflict(entries: Sequence[Label], label: Label | None) -> tuple[str, str]:
    """In a sentence, and in short; empty: none."""
    if label is None or not label.conflicts_with:
        return "", ""
    other = next((e for e in entries if e.entry == label.conflicts_with), None)
    who, what = (other.author, str(other.outcome)) if other else ("somebody", "something else")
    holds = f"{label.author} said {label.outcome}, which holds"
    return f"episode {label.episode}: {who} said {what}, {holds}", f"{who} said {what}"
