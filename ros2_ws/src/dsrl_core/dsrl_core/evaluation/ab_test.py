"""An A/B test as it stands: counts, difference, whether to stop, what is still to be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dsrl_core.evaluation.ab_episodes import AbEpisode, AbPair, pairs_of
from dsrl_core.evaluation.ab_plan import AbPlan
from dsrl_core.evaluation.ab_rule import AbVerdict, StopRule, stops_of
from dsrl_core.evaluation.confidence_sequence import DifferenceSequence, Interval, RateSequence
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.types import Outcome


@dataclass(frozen=True)
class ArmResult:
    """One arm so far: of the attempts that count, whether their pair is complete or not."""

    count: SuccessCount
    """Labelled successes of labelled episodes, with Wilson's interval."""
    mean: float
    """Of the rewards; the rate where nothing is graded. NaN before the first."""
    anytime: Interval
    """Confidence sequence of the mean: holds at every look."""
    invalid: int
    discarded: int
    unlabelled: int


class Look(NamedTuple):
    """The difference after one more complete pair."""

    pair: int
    """Number of the pair, from 0."""
    mean: float
    interval: Interval
    """Running intersection of the confidence sequence."""


@dataclass(frozen=True)
class AbTest:
    """Everything follows from plan, rule and episodes, so that a correction corrects it all.

    Pairs enter in the order in which they became complete, which is the order in which they could
    be looked at; an unlabelled episode leaves its pair out until it is labelled.
    """

    plan: AbPlan
    rule: StopRule
    episodes: tuple[AbEpisode, ...] = ()

    def __post_init__(self) -> None:
        _ = self.pairs

    @cached_property
    def pairs(self) -> tuple[AbPair, ...]:
        """Every pair that has begun."""
        return pairs_of(self.plan, self.episodes)

    @cached_property
    def complete_pairs(self) -> tuple[AbPair, ...]:
        """Those whose difference is known, as they became so."""
        known = [pair for pair in self.pairs if pair.difference is not None]
        return tuple(sorted(known, key=lambda pair: (pair.known_since, pair.number)))

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """The difference after each complete pair."""
        sequence, looks = DifferenceSequence(self.rule.alpha), []
        for pair in self.complete_pairs:
            interval = sequence.add(pair.difference or 0.0)
            looks.append(Look(pair.number, sequence.mean, interval))
        return tuple(looks)

    @cached_property
    def p_value(self) -> float:
        """Of "no difference", valid at every look."""
        return _sequence(self.differences, self.rule.alpha).p_value

    @property
    def differences(self) -> tuple[float, ...]:
        """Of the complete pairs, second less first."""
        return tuple(pair.difference or 0.0 for pair in self.complete_pairs)

    @property
    def interval(self) -> Interval:
        """Confidence sequence of the difference, as it stands."""
        return self.looks[-1].interval if self.looks else Interval(-1.0, 1.0)

    @cached_property
    def harsh(self) -> Look | None:
        """The difference if every first attempt that was invalid or discarded had failed.

        What was left out depends on the arm where an arm's motion causes it. None: no pair, or
        nothing was left out.
        """
        pairs = [pair for pair in self.pairs if pair.harsh_difference is not None]
        if not pairs or not any(episode.is_void for episode in self.episodes):
            return None
        sequence = _sequence([pair.harsh_difference or 0.0 for pair in pairs], self.rule.alpha)
        return Look(pairs[-1].number, sequence.mean, sequence.running)

    @cached_property
    def decided(self) -> tuple[AbVerdict, int]:
        """The verdict, and after how many complete pairs it was reached."""
        pairs = len(self.differences)
        if pairs:
            stops = stops_of(np.asarray([self.differences], dtype=np.float64), self.rule)
            if stops.verdict(0) is not AbVerdict.OPEN:
                return stops.verdict(0), int(stops.pairs[0])
        return (AbVerdict.NOT_SHOWN if pairs >= self.plan.pairs else AbVerdict.OPEN), pairs

    @property
    def verdict(self) -> AbVerdict:
        return self.decided[0]

    @property
    def should_stop(self) -> bool:
        """Whether a rule is met or all pairs are complete. What waits for a label may change it."""
        return self.verdict is not AbVerdict.OPEN

    @property
    def next_index(self) -> int | None:
        """Planned episode to run next, repetitions first; None: there is none, or it should stop.

        An episode that waits for its label is not run again.
        """
        if self.should_stop:
            return None
        settled = {episode.index for episode in self.episodes if not episode.is_void}
        return next((i for i in range(self.plan.episodes) if i not in settled), None)

    @property
    def is_graded(self) -> bool:
        """Whether a counted outcome is neither 0 nor 1."""
        return any(value not in (None, 0.0, 1.0) for pair in self.pairs for value in pair.values)

    def arm(self, number: int) -> ArmResult:
        """What is known of one arm: 0, the first, or 1, the second."""
        counted = [one for pair in self.pairs if (one := pair.counted(number)) is not None]
        counted.sort(key=lambda one: (one.known_since, one.number))
        values = [one.value or 0.0 for one in counted]
        outcomes = [one.label.outcome for one in counted if one.label is not None]
        sequence = RateSequence(self.rule.alpha)
        sequence.extend(values)
        tried = [one for pair in self.pairs for one in pair.attempts[number]]
        invalid = sum(not one.is_valid for one in tried)
        return ArmResult(
            SuccessCount.of(outcomes.count(Outcome.SUCCESS), len(outcomes)),
            float(np.mean(values)) if values else float("nan"),
            sequence.running,
            invalid,
            sum(one.is_void for one in tried) - invalid,
            sum(one.is_unlabelled for one in tried),
        )

    @property
    def text(self) -> str:
        """The verdict in a sentence. Not for the operator's eyes before it is unblinded."""
        verdict, at = self.decided
        first, second = self.plan.arms
        if not self.looks:
            return "Nothing is known yet: no pair is complete."
        low, high = self.interval
        shown = (
            f"{second} less {first} is {100 * self.looks[-1].mean:+.0f} points over "
            f"{_pairs(len(self.looks))}, {100 * (1 - self.rule.alpha):g}% confidence sequence "
            f"{100 * low:+.0f} to {100 * high:+.0f}"
        )
        if verdict is AbVerdict.SECOND_BETTER:
            return f"{second} is better than {first}, shown after {_pairs(at)}: {shown}."
        if verdict is AbVerdict.FIRST_BETTER:
            return f"{second} is worse than {first}, shown after {_pairs(at)}: {shown}."
        if verdict is AbVerdict.EQUIVALENT:
            margin = 100 * (self.rule.margin or 0.0)
            return (
                f"{second} and {first} differ by less than {margin:g} points, shown after "
                f"{_pairs(at)}: {shown}."
            )
        if verdict is AbVerdict.NOT_SHOWN:
            return f"No difference was shown, which is not to say there is none: {shown}."
        return f"Not decided yet: {shown}."

    @property
    def blinded_text(self) -> str:
        """How far it is, for the operator: nothing of the arms, nor of how they fare."""
        waiting = sum(episode.is_unlabelled for episode in self.episodes)
        labels = f"; {waiting} waiting for a label" if waiting else ""
        state = "it may stop" if self.should_stop else "it goes on"
        return f"{len(self.looks)} of at most {_pairs(self.plan.pairs)} complete{labels}; {state}"


def _sequence(differences: Sequence[float], alpha: float) -> DifferenceSequence:
    sequence = DifferenceSequence(alpha)
    sequence.extend(differences)
    return sequence


def _pairs(count: int) -> str:
    return f"{count} pair{'s' if count != 1 else ''}"
