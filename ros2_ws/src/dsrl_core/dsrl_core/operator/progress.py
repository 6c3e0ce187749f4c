"""Success rates with their intervals, and how the learner fares, for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dsrl_core.evaluation.statistics import wilson_interval
from dsrl_core.operator.heard import Heard
from dsrl_core.types import Mode, Outcome


@dataclass(frozen=True)
class Rate:
    """A success rate with Wilson's 95 % interval; without episodes it is not known."""

    name: str
    successes: int
    episodes: int
    low: float
    high: float

    @staticmethod
    def of(name: str, count: tuple[int, int]) -> Rate:
        """From successes and episodes."""
        return Rate(name, *count, *wilson_interval(*count))

    @property
    def share(self) -> float:
        """NaN without episodes."""
        return self.successes / self.episodes if self.episodes else float("nan")

    @property
    def text(self) -> str:
        if not self.episodes:
            return "no episodes yet"
        return (
            f"{self.share:.0%} ({self.low:.0%} to {self.high:.0%}), "
            f"{self.successes} of {self.episodes}"
        )


def rates_of(heard: Heard) -> tuple[Rate, ...]:
    """The frozen policy's rate, the latest steered episodes', and all of training.

    None while a comparison is blinded: the rates are of modes.
    """
    if heard.is_hidden:
        return ()
    budget = heard.budget
    base = budget.base if budget else (0, 0)
    recent = budget.recent if budget else (0, 0)
    return (
        Rate.of("base policy", base),
        Rate.of(f"last {recent[1]} steered" if recent[1] else "steered", recent),
        Rate.of("all training", _trained(heard)),
    )


def _trained(heard: Heard) -> tuple[int, int]:
    """Of training episodes, which no blinded comparison has."""
    outcomes = [
        label.outcome
        for number, label in heard.standing().items()
        if (recorded := heard.recorded.get(number)) and recorded.mode is Mode.TRAIN
    ]
    return _count(outcomes)


def _count(outcomes: Iterable[Outcome]) -> tuple[int, int]:
    counted = [one for one in outcomes if one in (Outcome.SUCCESS, Outcome.FAILURE)]
    return counted.count(Outcome.SUCCESS), len(counted)


def learner_words(heard: Heard) -> tuple[str, tuple[str, ...]]:
    """How the learner fares, and its alarms."""
    learner = heard.learner
    if learner is None:
        return "not heard", ()
    if heard.is_hidden:
        # An alarm may speak of a mode's success.
        count = len(learner.alarms)
        told = (f"alarms: {count}; their words are shown after the comparison",) if count else ()
        return "not shown in a blinded comparison", told
    if learner.updates_pending:
        doing = f"learning, {learner.updates_pending} updates to go"
        if learner.updates_per_s > 0:
            doing += f" ({learner.updates_per_s:.0f}/s)"
    else:
        doing = f"has learned from {learner.episodes} episodes"
    in_use = f"weights {learner.weights_version}" if learner.weights_version else "no weights yet"
    if learner.guard.acts_as_base:
        in_use = "the frozen policy acts alone, as success had fallen"
    elif learner.guard.restored_from:
        in_use += f" (restored from {learner.guard.restored_from})"
    return f"{doing}; {learner.updates} updates; {in_use}", learner.alarms
