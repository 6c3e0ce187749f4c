"""What the time of robot and people goes into, second by second of the wall's clock."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from dsrl_core.status import EpisodeStatus, Phase, Waits


class Activity(StrEnum):
    """What a moment of a run is spent on; every moment is spent on one of these."""

    MOVING = "moving"
    """The arm plays an episode."""
    RESETTING = "resetting"
    """The arm and the world on their way to the start."""
    WAITING_PERSON = "waiting_person"
    """For a start, a resume of a held arm, or the end of a pause."""
    WAITING_POLICY = "waiting_policy"
    """Within an episode, for the next chunk."""
    WAITING_LEARNER = "waiting_learner"
    """For labels to be learned from."""
    WAITING_PROCESS = "waiting_process"
    """For a process of the graph to be there again."""
    LABELLING = "labelling"
    """For a label."""
    RECORDING = "recording"
    """For the episode to be on disk."""
    IDLE = "idle"
    """No run."""


_OF_WAIT: Final[Mapping[str, Activity]] = {
    Waits.RESET: Activity.RESETTING,
    Waits.OPERATOR: Activity.WAITING_PERSON,
    Waits.RESUME: Activity.WAITING_PERSON,
    Waits.LEARNER: Activity.WAITING_LEARNER,
    Waits.LABEL: Activity.LABELLING,
    Waits.RECORDER: Activity.RECORDING,
    Waits.PROCESS: Activity.WAITING_PROCESS,
}
_OF_PHASE: Final[Mapping[Phase, Activity]] = {
    Phase.IDLE: Activity.IDLE,
    Phase.RESETTING: Activity.RESETTING,
    Phase.READY: Activity.WAITING_LEARNER,
    Phase.RUNNING: Activity.MOVING,
    Phase.AWAITING_LABEL: Activity.LABELLING,
    Phase.DONE: Activity.RECORDING,
}


def activity_of(phase: Phase, waits_for: str) -> Activity:
    """What is done in this phase while this is waited for."""
    return _OF_WAIT.get(waits_for, _OF_PHASE[phase])


class Budget:
    """Adds up seconds by activity. Times are of a clock that never jumps, in seconds."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(Activity, 0.0)
        self._now: tuple[Activity, float] | None = None
        self._idle_s: float | None = None

    def see(self, status: EpisodeStatus, now_s: float) -> None:
        """The state from now on; the time until now was spent on the one before."""
        self._pass(now_s)
        self._now = activity_of(status.phase, status.waits_for), now_s

    def idle(self, idle_s: float, now_s: float) -> None:
        """So long the next chunk has been late, within episodes, since the chunk player's start."""
        self._pass(now_s)
        before_s, self._idle_s = self._idle_s, idle_s
        if before_s is None:
            return
        # A chunk player that was started again begins at 0.
        new_s = idle_s - before_s if idle_s >= before_s else idle_s
        new_s = min(new_s, self._seconds[Activity.MOVING])
        self._seconds[Activity.MOVING] -= new_s
        self._seconds[Activity.WAITING_POLICY] += new_s

    def seconds(self, now_s: float) -> dict[Activity, float]:
        """Until now, by activity."""
        self._pass(now_s)
        return dict(self._seconds)

    def close(self, now_s: float) -> None:
        """Nothing is known of the time after this, until the next state is seen."""
        self._pass(now_s)
        self._now = self._idle_s = None

    def _pass(self, now_s: float) -> None:
        if self._now is not None:
            activity, since_s = self._now
            self._seconds[activity] += max(0.0, now_s - since_s)
            self._now = activity, now_s


def busy_s(seconds: Mapping[Activity, float]) -> float:
    """All that was not idle [s]."""
    return sum(value for activity, value in seconds.items() if activity is not Activity.IDLE)
