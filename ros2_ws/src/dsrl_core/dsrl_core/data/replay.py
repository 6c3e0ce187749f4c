"""The replay: recorded episodes and their labels as one batch of transitions.

An episode counts once it is valid and labelled success or failure; a correction changes its reward
and an undo takes it out again. Nothing here knows a loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dsrl_core.specs import RewardSpec
from dsrl_core.types import Episode, Float32Array, Label, Outcome


@dataclass(frozen=True)
class Transitions:
    """Decisions of one or more episodes, in order; n rows."""

    observations: Float32Array
    """(n, observation_size)"""
    chunks: Float32Array
    """(n, horizon, action_dim), as decoded"""
    next_observations: Float32Array
    """(n, observation_size): the true last observation where an episode ends"""
    rewards: Float32Array
    """(n,)"""
    discounts: Float32Array
    """(n,): discount by the steps that were really executed; 0 where the episode terminates"""
    ends: np.ndarray
    """(n,) bool: the last row of an episode"""

    def __len__(self) -> int:
        return len(self.observations)


class Replay:
    """Episodes and labels in any order of arrival; `transitions()` is what may be trained on."""

    def __init__(self, reward: RewardSpec, horizon: int) -> None:
        self._reward, self._horizon = reward, horizon
        self._episodes: dict[int, Episode] = {}
        self._labels: dict[int, Label] = {}

    def add(self, episode: Episode) -> None:
        """Add a recorded episode; the same number again replaces it and is not counted twice."""
        self._episodes[episode.number] = episode

    def label(self, label: Label) -> None:
        """Follow the ledger: entries are to come in its order."""
        self._labels[label.episode] = label

    def trainable(self) -> list[int]:
        """Numbers of the episodes that count, in order."""
        return [
            number
            for number, episode in sorted(self._episodes.items())
            if episode.is_valid
            and len(episode.steps) > 1
            and number in self._labels
            and self._labels[number].outcome in (Outcome.SUCCESS, Outcome.FAILURE)
        ]

    def transitions(self, numbers: Iterable[int]) -> Transitions:
        """The transitions of these episodes, one after the other."""
        parts = [self._of(self._episodes[number], self._labels[number]) for number in numbers]
        return Transitions(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in Transitions.__dataclass_fields__
            )
        )

    def _of(self, episode: Episode, label: Label) -> Transitions:
        decisions = [step.decision for step in episode.steps]
        observations = np.stack([decision.observation.values for decision in decisions])
        chunks = np.stack([decision.chunk for decision in decisions[:-1]])
        executed = np.array([step.steps_executed for step in episode.steps[:-1]], dtype=np.float32)
        rewards = np.zeros(len(chunks), dtype=np.float32)
        if self._reward.rule == "step_cost":
            rewards[:] = -1.0
            rewards[-1] = label.reward - 1.0
        else:
            rewards[-1] = label.reward
        discounts = (self._reward.discount ** (executed / self._horizon)).astype(np.float32)
        timed_out = episode.end_reason == "deadline" and label.outcome is Outcome.FAILURE
        if not timed_out or self._reward.timeout_is_terminal:
            discounts[-1] = 0.0
        ends = np.zeros(len(chunks), dtype=bool)
        ends[-1] = True
        return Transitions(observations[:-1], chunks, observations[1:], rewards, discounts, ends)
