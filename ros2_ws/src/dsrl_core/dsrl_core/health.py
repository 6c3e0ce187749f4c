"""How learner and chunk player fare, in the words of ROS diagnostics.

That is a level, a sentence and named values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from dsrl_core.evaluation.statistics import wilson_interval
from dsrl_core.status import LearnerStatus

if TYPE_CHECKING:
    # They bring the kinematics with them, which most who tell their health do not need.
    from dsrl_core.control.ahead import AnswerTimes
    from dsrl_core.control.idleness import Idleness

PLAYER: Final = "dsrl: chunk player"
PROCESSES: Final = "dsrl: processes"
RECORDER: Final = "dsrl: recorder"
IDLE_SHARE: Final = 0.01
"""An arm that stands still for more than that although it asks ahead has too slow a policy."""


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


@dataclass(frozen=True)
class Recording:
    """What the recorder has done; raw messages since it was started."""

    episodes: int = 0
    raw_written: int = 0
    raw_dropped: int = 0
    raw_lost: int = 0
    waiting: int | None = None
    """Number of an episode that the disk does not take; None: there is none."""


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


def player_health(
    answers: AnswerTimes, idleness: Idleness, ahead: int, row_ns: int, hardware_id: str
) -> Health:
    """Of the chunk player: whether chunks are there when they are needed.

    `ahead`: actions before a chunk's end at which the next one is asked for now; `row_ns`: the time
    of one. WARN: it is asked ahead and too late all the same.
    """
    message, level = "well", Level.OK
    if ahead and idleness.share_lately > IDLE_SHARE:
        level = Level.WARN
        message = (
            f"the arm stands still between chunks in {idleness.share_lately:.0%} of the time: "
            f"answers take up to {answers.slowest_ns * 1e-6:.0f} ms, the next chunk is asked for "
            f"{ahead * row_ns * 1e-6:.0f} ms ahead"
        )
    values = {
        "asked ahead": f"{ahead} actions ({ahead * row_ns * 1e-6:.0f} ms)" if ahead else "no",
        "answers": str(answers.count),
        "late answers": f"{answers.late} (by {answers.late_ns * 1e-6:.0f} ms in all)",
        "latest answers, median": f"{answers.median_ns * 1e-6:.1f} ms",
        "latest answers, slowest": f"{answers.slowest_ns * 1e-6:.1f} ms",
        "idle between chunks": f"{idleness.share:.1%}",
        "idle set-points": f"{idleness.idle} of {idleness.set_points}",
    }
    return Health(level, PLAYER, hardware_id, message, values)


def processes_health(away: Sequence[str], watched: Sequence[str], hardware_id: str) -> Health:
    """Of the processes that an episode needs, as seen by the one that begins episodes. ERROR: some
    are gone, and no episode begins."""
    values = {name: "away" if name in away else "there" for name in watched}
    if not away:
        return Health(Level.OK, PROCESSES, hardware_id, "all there", values)
    return Health(Level.ERROR, PROCESSES, hardware_id, f"away: {', '.join(away)}", values)


def recorder_health(recording: Recording, hardware_id: str) -> Health:
    """Of the recorder. ERROR: the disk does not take an episode. WARN: raw messages are missing."""
    missing = recording.raw_dropped + recording.raw_lost
    level, message = Level.OK, "well"
    if missing:
        level = Level.WARN
        message = f"{missing} raw messages are missing: is this machine too slow for them?"
    if recording.waiting is not None:
        level, message = Level.ERROR, f"episode {recording.waiting} waits for the disk"
    values = {
        "episodes on disk": str(recording.episodes),
        "raw messages written": str(recording.raw_written),
        "raw messages dropped, no room in the queue": str(recording.raw_dropped),
        "raw messages lost on the way": str(recording.raw_lost),
    }
    return Health(level, RECORDER, hardware_id, message, values)


def rate_text(count: tuple[int, int]) -> str:
    """Successes of trials with Wilson's 95 % interval, for people."""
    successes, trials = count
    if not trials:
        return "no episodes yet"
    low, high = wilson_interval(successes, trials)
    return (
        f"{successes} of {trials} ({successes / trials:.0%}, 95% interval {low:.0%} to {high:.0%})"
    )
