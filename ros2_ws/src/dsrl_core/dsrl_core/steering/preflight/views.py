"""Observations to measure on: spread evenly over recorded decisions, each with the one after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Episode, Observation


@dataclass(frozen=True)
class View:
    """What was seen at a decision, and at the next one of the same episode."""

    observation: Observation
    following: Observation | None
    """None where the episode ended."""
    steps_executed: int
    """Of the chunk between both."""


def views_of(episodes: Iterable[Episode], count: int, policy: PolicySpec) -> tuple[View, ...]:
    """At most `count` views, spread evenly over all decisions.

    Raises:
        InvalidValue: there is no decision, or it is not what this policy observes.
    """
    found: list[View] = []
    for episode in episodes:
        for step, after in zip(episode.steps, episode.steps[1:], strict=False):
            if step.steps_executed < 1:
                continue
            _check(step.decision.observation, policy, episode.number)
            following = None if after.decision.is_final else after.decision.observation
            found.append(View(step.decision.observation, following, step.steps_executed))
    if not found:
        raise InvalidValue(
            "no decision was executed in these episodes; expected at least one episode with an "
            "executed chunk"
        )
    places = np.unique(np.linspace(0, len(found) - 1, count).round().astype(int))
    return tuple(found[place] for place in places)


def encode(policy: PolicyBackend, observation: Observation) -> Encoded:
    """One observation, as the decision loop encodes it."""
    images = observation.images
    return policy.encode(observation.values[None], None if images is None else images[None])


def most_executed(views: Sequence[View]) -> int:
    """The most steps of a chunk that were executed."""
    return max(view.steps_executed for view in views)


def _check(observation: Observation, policy: PolicySpec, episode: int) -> None:
    found = observation.images
    shapes = (observation.values.shape, None if found is None else found.shape)
    expected = ((policy.observation_size,), policy.images_shape)
    if shapes != expected:
        raise InvalidValue(
            f"episode {episode} holds observations and images of shapes {shapes}; policy "
            f"'{policy.name}' takes {expected}. Were they recorded with another policy?"
        )
