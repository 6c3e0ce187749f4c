"""How the learner fares, in the words of ROS diagnostics: a level, a sentence, named values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from dsrl_core.evaluation.statistics import wilson_interval
from dsrl_core.status import LearnerStatus


class Level(IntEnum):
    """As in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Health:
    """One part of the graph."""

    level: Level
    name: str
    hardware_id: str
    message: str
    values: dict[str, str]


def learner_health(status: LearnerStatus, hardware_id: str) -> Health:
    """Of the learner. ERROR: the robot was left to the frozen policy, or learning is broken."""
    guard = status.guard
    is_broken = any(alarm.startswith("not_finite") for alarm in status.alarms)
    if guard.acts_as_base or is_broken:
        level = Level.ERROR
    else:
        level = Level.WARN if status.alarms else Level.OK
    values = {
        "episodes": str(status.episodes),
        "updates": str(status.updates),
        "updates pending": str(status.updates_pending),
        "weights version": str(status.weights_version),
        "best version": str(guard.best_version or "none yet"),
        "restored from version": str(guard.restored_from or "none"),
        "acts as": "the frozen policy" if guard.acts_as_base else "learned",
        "success, frozen policy": rate_text(guard.base),
        "success, evaluations": rate_text(guard.evaluated),
        "success, latest training": rate_text(guard.trained),
    }
    values |= {f"alarm {number}": text for number, text in enumerate(status.alarms, 1)}
    return Health(level, "dsrl: learner", hardware_id, "; ".join(status.alarms) or "well", values)


def rate_text(count: tuple[int, int]) -> str:
    """Successes of trials with Wilson's 95 % interval, for people."""
    successes, trials = count
    if not trials:
        return "no episodes yet"
    low, high = wilson_interval(successes, trials)
    return (
        f"{successes} of {trials} ({successes / trials:.0%}, 95% interval {low:.0%} to {high:.0%})"
    )
