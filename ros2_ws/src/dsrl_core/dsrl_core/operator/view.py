"""What an operator is shown: one immutable value, made from what was heard.

In a blinded comparison nothing is in it from which the arm that acts could be told: no mode, no
rate by mode, no weights version, no wait that only one of the arms has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsrl_core.operator.cost import Cost, cost_of
from dsrl_core.operator.episodes import EpisodeRow, episode_rows
from dsrl_core.operator.heard import Heard
from dsrl_core.operator.orders import Action, Button, buttons
from dsrl_core.operator.progress import Rate, learner_words, rates_of
from dsrl_core.operator.words import Sentence, episode_name, sentence_of
from dsrl_core.status import Phase


@dataclass(frozen=True)
class Timer:
    """How far the running episode is, in ROS time [s]."""

    elapsed_s: float
    limit_s: float
    """0: none."""


@dataclass(frozen=True)
class OperatorView:
    """Everything that a tool shows."""

    sentence: Sentence
    episode: str
    """What the present episode is called, with its mode where that is not hidden."""
    run: str
    timer: Timer | None
    rates: tuple[Rate, ...]
    learner: str
    alarms: tuple[str, ...]
    cost: Cost
    episodes: tuple[EpisodeRow, ...]
    """Newest first."""
    buttons: Mapping[Action, Button]
    is_hidden: bool
    """Whether a blinded comparison is under way."""

    @property
    def conflicts(self) -> tuple[str, ...]:
        """What people said differently of one episode without knowing of each other."""
        return tuple(row.conflict for row in self.episodes if row.conflict)


def view_of(heard: Heard) -> OperatorView:
    """What to show of this."""
    learner, alarms = learner_words(heard)
    return OperatorView(
        sentence_of(heard),
        _episode(heard),
        _run(heard),
        _timer(heard),
        rates_of(heard),
        learner,
        alarms,
        cost_of(heard),
        episode_rows(heard),
        buttons(heard),
        heard.is_hidden,
    )


def _episode(heard: Heard) -> str:
    status = heard.status
    if status is None or (status.phase is Phase.IDLE and not status.run_mode):
        return ""
    name = episode_name(status)
    return f"{name}, blinded" if status.code else f"{name}, {status.mode}"


def _run(heard: Heard) -> str:
    status = heard.status
    if status is None or status.phase is Phase.IDLE:
        return ""
    total = f"of {status.run_total}" if status.run_total else "so far"
    return f"{status.run_done} {total} done" + (", paused" if status.paused else "")


def _timer(heard: Heard) -> Timer | None:
    status = heard.status
    if status is None or status.phase is not Phase.RUNNING or not status.started_ns:
        return None
    limit_s = max(0, status.deadline_ns - status.started_ns) / 1e9
    elapsed_s = max(0.0, (heard.now_ns - status.started_ns) / 1e9)
    return Timer(min(elapsed_s, limit_s) if limit_s else elapsed_s, limit_s)
