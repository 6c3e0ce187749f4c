"""What the time of robot and people went into, and when the target will be reached, for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dsrl_core.evaluation.budget import Activity
from dsrl_core.operator.heard import Heard
from dsrl_core.status import RunBudget

WORDS: Final[Mapping[Activity, str]] = {
    Activity.MOVING: "moving",
    Activity.RESETTING: "resetting",
    Activity.WAITING_PERSON: "waiting for a person",
    Activity.WAITING_POLICY: "waiting for the policy",
    Activity.WAITING_LEARNER: "waiting for the learner",
    Activity.WAITING_PROCESS: "waiting for a process",
    Activity.LABELLING: "waiting for a label",
    Activity.RECORDING: "writing to disk",
}
"""Of a run's activities; idle time is no run's."""
_MINUTE_S: Final = 60.0


@dataclass(frozen=True)
class Share:
    """An activity's part of the time that was not idle."""

    activity: Activity
    seconds: float
    share: float
    """0 .. 1"""

    @property
    def words(self) -> str:
        return WORDS[self.activity]


@dataclass(frozen=True)
class Cost:
    """The budget of a run."""

    minutes: float
    """Of all that was not idle."""
    shares: tuple[Share, ...]
    """In the order of `Activity`; without those of no time."""
    labelled: int
    pace: str
    """Labelled episodes per hour, for people; empty: not known."""
    forecast: str
    """When the target will be reached, for people; empty: there is none, or it is hidden."""

    @property
    def waiting(self) -> tuple[Share, ...]:
        """All but the moving arm, longest first."""
        rest = [share for share in self.shares if share.activity is not Activity.MOVING]
        return tuple(sorted(rest, key=lambda share: -share.seconds))

    @property
    def idle_share(self) -> float:
        """Part of the time in which the arm did not play an episode, 0 .. 1."""
        return sum(share.share for share in self.waiting)


def cost_of(heard: Heard) -> Cost:
    """The budget as last told."""
    budget = heard.budget or RunBudget()
    seconds = {
        Activity(name): spent for name, spent in budget.activities if name in tuple(Activity)
    }
    seconds.pop(Activity.IDLE, None)
    if heard.is_hidden:
        # Only a steered arm waits for the learner.
        learner_s = seconds.pop(Activity.WAITING_LEARNER, 0.0)
        seconds[Activity.RESETTING] = seconds.get(Activity.RESETTING, 0.0) + learner_s
    total_s = sum(seconds.values())
    shares = tuple(
        Share(activity, seconds[activity], seconds[activity] / total_s)
        for activity in Activity
        if seconds.get(activity)
    )
    pace = budget.episodes_per_hour
    return Cost(
        total_s / _MINUTE_S,
        shares,
        budget.labelled,
        "" if math.isnan(pace) else f"{pace:.0f} labelled episodes per hour",
        "" if heard.is_hidden else _forecast(budget),
    )


def _forecast(budget: RunBudget) -> str:
    if not budget.target:
        return ""
    target = f"target {budget.target:.0%}"
    if budget.to_target is None:
        return f"{target}: no forecast yet"
    least, most = budget.to_target
    if most == 0:
        return f"{target}: reached"
    text = f"{target}: {least} to {most} more episodes"
    if not math.isnan(budget.episodes_per_hour) and budget.episodes_per_hour > 0:
        minutes = [60 * count / budget.episodes_per_hour for count in (least, most)]
        text += f", {minutes[0]:.0f} to {minutes[1]:.0f} min"
    return text
