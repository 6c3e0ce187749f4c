"""The replay: recorded episodes as columns, and what their labels make of them.

An episode counts once it is valid and labelled success or failure; a correction changes its reward
and an undo takes it out again. Observations and images are stored once, however many transitions
begin or end in them. Nothing here knows a loss.
"""

from __future__ import annotations

import numpy as np

from dsrl_core.data.episode_rows import EpisodeRows, Windows, rows_of
from dsrl_core.errors import UnknownName
from dsrl_core.specs import PolicySpec, RewardSpec
from dsrl_core.types import Episode, Float32Array, Label, Outcome

_COUNTS = (Outcome.SUCCESS, Outcome.FAILURE)


class Replay:
    """Episodes of one task and their labels, as the ledger's order gives them."""

    def __init__(
        self, reward: RewardSpec, policy: PolicySpec, windows: Windows = "per_decision"
    ) -> None:
        self._reward, self._policy, self._windows = reward, policy, windows
        self._episodes: dict[int, EpisodeRows] = {}
        self._labels: dict[int, Label] = {}

    def add(self, episode: Episode) -> None:
        """Take a recorded episode; the same number again changes nothing, as no episode does.

        Raises:
            InvalidValue: a value is not finite, or a shape is not the policy's: nothing was taken.
        """
        if episode.number in self._episodes:
            return
        rows = rows_of(episode, self._policy, self._windows)
        if self._reward.rule == "environment":
            rows.require_rewards()
        self._episodes[episode.number] = rows

    def label(self, label: Label) -> None:
        """Follow the ledger: entries are to come in its order.

        Raises:
            UnknownName: there is no such episode.
        """
        if label.episode not in self._episodes:
            raise UnknownName("episode", str(label.episode), map(str, sorted(self._episodes)))
        self._labels[label.episode] = label

    def trainable(self) -> list[int]:
        """Numbers of the episodes that count, in order."""
        return [number for number in sorted(self._episodes) if self.counts(number)]

    def counts(self, number: int) -> bool:
        """Whether an episode may be trained on as things stand."""
        rows, label = self._episodes.get(number), self._labels.get(number)
        if rows is None or label is None:
            return False
        return rows.is_valid and len(rows) > 0 and label.outcome in _COUNTS

    def rows(self, number: int) -> EpisodeRows:
        return self._episodes[number]

    def rewards(self, number: int) -> tuple[Float32Array, Float32Array]:
        """Rewards and discounts (n,) of a labelled episode, by the task's reward rule.

        A discount of 0 says that the episode ends there for good.
        """
        rows, label, rule = self._episodes[number], self._labels[number], self._reward
        rewards = np.zeros(len(rows), dtype=np.float32)
        if rule.rule == "environment":
            rewards[:] = rows.rewards
        elif rule.rule == "step_cost":
            rewards[:] = -1.0
            rewards[rows.ends] = label.reward - 1.0
        else:
            rewards[rows.ends] = label.reward
        share = np.ones(len(rows))
        if rule.discount_by == "executed_steps":
            share = rows.executed / self._policy.horizon
        discounts = (rule.discount**share).astype(np.float32)
        if label.outcome is Outcome.SUCCESS or label.is_graded:
            # A grade is all that the episode came to: half done and more to come would outdo done.
            terminal = True
        else:
            terminal = rule.timeout_is_terminal if rows.timed_out else rule.failure_is_terminal
        if terminal:
            discounts[rows.ends] = 0.0
        return rewards, discounts
