"""How far a run is and what it cost, for the people beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from dsrl_core.data.ledger import standing_labels
from dsrl_core.evaluation.budget import Budget, busy_s
from dsrl_core.evaluation.progress import episodes_to_target
from dsrl_core.status import EpisodeStatus, RecordedEpisode, RunBudget
from dsrl_core.types import Label, Mode, Outcome

RECENT: Final = 20
"""Steered episodes that the latest success rate is of."""
_HOUR_S: Final = 3600.0


class RunProgress:
    """Follows what the episode manager sees; episodes of a blinded comparison are not counted by
    mode, or the count would tell what is hidden.

    `target`: success rate that the task file asks for. Times [s] are of a clock that never jumps.
    """

    def __init__(self, target: float) -> None:
        self._target = target
        self._budget = Budget()
        self._entries: list[Label] = []
        self._modes: dict[int, Mode] = {}
        self._hidden: set[int] = set()

    def see(self, status: EpisodeStatus, now_s: float) -> None:
        """The episode manager's state from now on."""
        self._budget.see(status, now_s)
        if status.code:
            self._hidden.add(status.episode)

    def idle(self, idle_s: float, now_s: float) -> None:
        """How long chunks were late all in all, see `Budget.idle`."""
        self._budget.idle(idle_s, now_s)

    def hide(self, episodes: Iterable[int]) -> None:
        """Episodes of a comparison that was not over when the episode manager was started again."""
        self._hidden.update(episodes)

    def recorded(self, recorded: RecordedEpisode) -> None:
        self._modes[recorded.episode] = recorded.mode

    def labelled(self, labels: Iterable[Label]) -> None:
        """New entries of the ledger, in its order."""
        self._entries.extend(labels)

    def snapshot(self, now_s: float) -> RunBudget:
        """What is to be told now."""
        seconds = self._budget.seconds(now_s)
        counted = {
            number: label
            for number, label in sorted(standing_labels(self._entries).items())
            if label.outcome in (Outcome.SUCCESS, Outcome.FAILURE)
        }
        base = self._of((Mode.BASE,), counted)
        steered = self._of((Mode.TRAIN, Mode.EVAL), counted)
        hours = busy_s(seconds) / _HOUR_S
        return RunBudget(
            tuple((str(activity), value) for activity, value in seconds.items() if value > 0),
            len(counted),
            len(counted) / hours if counted and hours else math.nan,
            _count(base),
            _count(steered[-RECENT:]),
            self._target,
            episodes_to_target([label.reward for label in steered], self._target),
        )

    def _of(self, modes: tuple[Mode, ...], counted: dict[int, Label]) -> list[Label]:
        return [
            label
            for number, label in counted.items()
            if self._modes.get(number) in modes and number not in self._hidden
        ]


def _count(labels: list[Label]) -> tuple[int, int]:
    return sum(label.outcome is Outcome.SUCCESS for label in labels), len(labels)
