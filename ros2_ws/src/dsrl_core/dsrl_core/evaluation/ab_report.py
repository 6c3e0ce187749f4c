"""The report of an A/B test: one HTML file with all that a reviewer asks for; it loads nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.ab_episodes import AbEpisode
from dsrl_core.evaluation.ab_plot import plot_difference
from dsrl_core.evaluation.ab_rule import Forecast
from dsrl_core.evaluation.ab_test import AbTest, ArmResult
from dsrl_core.evaluation.confidence_sequence import Interval
from dsrl_core.evaluation.exact_interval import clopper_pearson_interval
from dsrl_core.evaluation.rendering import rendered
from dsrl_core.types import NANOSECONDS_PER_SECOND, Label, Outcome

_NEVER_RANDOM: Final = (
    "That both arms ran on one robot, in one place, with one frozen policy, on the resets of one "
    "series: what is shown holds for these.",
    "Operators: who stood by did so for both arms of a pair, but was not drawn.",
    "The motion itself: whoever watches may recognise an arm by how it moves. Codes hide the name, "
    "not the behaviour; an outcome that a machine judges is not open to this.",
)
_SIMULATED_S: Final = 1e9
"""A ROS time before that (2001) is a simulator's."""


@dataclass(frozen=True)
class Unblinding:
    """When the key was opened, and by whom."""

    author: str
    stamp_ns: int
    """By the clock of the labels: ROS time."""
    ledger_entries: int | None = None
    """Entries that the label ledger had then; None: not recorded, the stamps have to tell."""

    def is_before(self, label: Label) -> bool:
        """Whether who wrote this label could know the key."""
        if self.ledger_entries is None:
            return label.stamp_ns > self.stamp_ns
        return label.entry > self.ledger_entries


@dataclass(frozen=True)
class AbFacts:
    """What the report tells beside the test itself."""

    title: str
    """Task, policy, place: for people."""
    planned_at: str = ""
    """UTC, ISO 8601: when plan, rule and seal were written down."""
    seal: str = ""
    """Of plan and stop rule, as it was written down; empty: it was not."""
    forecast: Forecast | None = None
    """As told before the first episode."""
    not_randomised: tuple[str, ...] = ()
    """What else was not."""
    resets_match: bool = True
    """Whether a reset's index says where things stand; False: a person places them, as well as
    can be."""
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


class ArmRow(NamedTuple):
    """A line of the table of arms."""

    name: str
    result: ArmResult
    exact: Interval
    """Clopper and Pearson's."""


class EpisodeRow(NamedTuple):
    """A line of the list of all episodes."""

    episode: AbEpisode
    pair: int
    code: str
    reset: int
    arm: str
    outcome: str
    counts: bool
    authors: str
    remark: str


class Correction(NamedTuple):
    """A word that replaced another."""

    label: Label
    before: str
    after: str
    at: str
    after_unblinding: bool


def render_ab_report(test: AbTest, facts: AbFacts, unblinding: Unblinding | None) -> str:
    """The report as HTML; without an unblinding nothing of the arms' results is in it."""
    opened = unblinding is not None
    picture = base64.b64encode(plot_difference(test)).decode("ascii") if opened else ""
    return rendered(
        "ab_report.html.j2",
        t=test,
        f=facts,
        unblinding=unblinding,
        planned_at=_plain(facts.planned_at),
        unblinded_at=time_of(unblinding.stamp_ns) if unblinding else "",
        arms=_arms(test) if opened else [],
        rows=_rows(test, opened),
        corrections=_corrections(test, unblinding),
        labelled_late=_labelled_late(test, unblinding),
        never_random=(*_NEVER_RANDOM, *facts.not_randomised),
        picture=picture,
        order=[test.plan.arm_number_of(2 * pair.number) for pair in test.pairs],
    )


def write_ab_report(
    test: AbTest, facts: AbFacts, unblinding: Unblinding | None, path: Path
) -> Path:
    """Render the report into a file.

    Raises:
        DsrlError: it cannot be written.
    """
    try:
        path.write_text(render_ab_report(test, facts, unblinding))
    except OSError as error:
        raise DsrlError(f"{path} cannot be written: {error.strerror}") from error
    return path


def time_of(stamp_ns: int) -> str:
    """A ROS time for people."""
    seconds = stamp_ns / NANOSECONDS_PER_SECOND
    if seconds < _SIMULATED_S:
        return f"{seconds:.1f} s of simulated time"
    return _plain(datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds"))


def _plain(moment: str) -> str:
    """An ISO 8601 time in UTC for people."""
    return moment.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")


def _arms(test: AbTest) -> list[ArmRow]:
    results = [test.arm(number) for number in (0, 1)]
    return [
        ArmRow(str(arm), result, clopper_pearson_interval(result.count))
        for arm, result in zip(test.plan.arms, results, strict=True)
    ]


def _rows(test: AbTest, opened: bool) -> list[EpisodeRow]:
    plan = test.plan
    counted = {
        one.number
        for pair in test.pairs
        for arm in (0, 1)
        if (one := pair.counted(arm)) is not None
    }
    rows, tried = [], set[int]()
    for episode in sorted(test.episodes, key=lambda one: one.number):
        remark = episode.reason
        if episode.index in tried:
            remark = f"repeated{': ' if remark else ''}{remark}"
        tried.add(episode.index)
        rows.append(
            EpisodeRow(
                episode,
                plan.pair_of(episode.index) + 1,
                plan.code_of(episode.index),
                plan.reset_index_of(episode.index),
                str(plan.arm_of(episode.index)) if opened else "sealed",
                _outcome(episode),
                episode.number in counted,
                ", ".join(dict.fromkeys(label.author for label in episode.said)),
                remark,
            )
        )
    return rows


def _outcome(episode: AbEpisode) -> str:
    if not episode.is_valid:
        return "invalid"
    label = episode.label
    if label is None:
        return "unlabelled"
    return said_of(label)


def said_of(label: Label) -> str:
    """What a label says, with its grade."""
    return f"{label.outcome} ({label.reward:g})" if label.is_graded else str(label.outcome)


def _labelled_late(test: AbTest, unblinding: Unblinding | None) -> int:
    """Episodes that nothing had been said of when the key was opened."""
    if unblinding is None:
        return 0
    first = [episode.said[0] for episode in test.episodes if episode.said]
    return sum(unblinding.is_before(label) for label in first)


def _corrections(test: AbTest, unblinding: Unblinding | None) -> list[Correction]:
    found = []
    for episode in test.episodes:
        said = episode.said
        for before, label in pairwise(said):
            after = unblinding is not None and unblinding.is_before(label)
            became = "taken back" if label.outcome is Outcome.UNDO else said_of(label)
            found.append(Correction(label, said_of(before), became, time_of(label.stamp_ns), after))
    return sorted(found, key=lambda one: one.label.entry)
