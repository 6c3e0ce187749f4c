"""Made-up A/B tests; the outcomes are nobody's measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dsrl_core.evaluation.ab_episodes import AbEpisode
from dsrl_core.evaluation.ab_plan import AbPlan, Arm
from dsrl_core.evaluation.ab_rule import StopRule
from dsrl_core.evaluation.ab_test import AbTest
from dsrl_core.types import Label, Outcome

SECOND_NS = 1_000_000_000
WIN, LOSS, BOTH, NEITHER = (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)
"""Values of a pair, first arm and second."""


def plan(pairs: int = 40, seed: int = 7) -> AbPlan:
    return AbPlan(Arm.parse("base"), Arm.parse("eval@12"), seed, pairs, first_reset=100)


def label(episode: int, value: float, entry: int, author: str = "ada") -> Label:
    """A success or failure, graded where it is neither 0 nor 1."""
    outcome = Outcome.SUCCESS if value > 0.5 else Outcome.FAILURE
    return Label(episode, outcome, value, author, entry * SECOND_NS, entry)


def of_outcome(episode: int, outcome: Outcome, entry: int, author: str = "ada") -> Label:
    reward = 1.0 if outcome is Outcome.SUCCESS else 0.0
    return Label(episode, outcome, reward, author, entry * SECOND_NS, entry)


def run_of(
    pairs: Sequence[tuple[float, float]], plan: AbPlan, first_number: int = 500
) -> tuple[AbEpisode, ...]:
    """Episodes as planned, labelled one after the other."""
    episodes = []
    for index in range(2 * len(pairs)):
        value = pairs[plan.pair_of(index)][plan.arm_number_of(index)]
        number = first_number + index
        episodes.append(AbEpisode(index, number, labels=(label(number, value, index + 1),)))
    return tuple(episodes)


def ab_test(
    pairs: Sequence[tuple[float, float]],
    margin: float | None = None,
    of: AbPlan | None = None,
    alpha: float = 0.05,
) -> AbTest:
    of = of or plan()
    return AbTest(of, StopRule(alpha, margin), run_of(pairs, of))


def changed(test: AbTest, number: int, **values: object) -> AbTest:
    """The test with one of its episodes told anew."""
    episodes = tuple(
        replace(one, **values) if one.number == number else one  # type: ignore[arg-type]
        for one in test.episodes
    )
    return replace(test, episodes=episodes)
