"""Made-up graphs in the states that an operator sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dsrl_core.operator.heard import Heard, Seen
from dsrl_core.operator.orders import Answer, Order, RunWanted
from dsrl_core.status import (
    EpisodeStatus,
    GuardStatus,
    LearnerStatus,
    Phase,
    RecordedEpisode,
    RunBudget,
    SafetyStatus,
    Waits,
)
from dsrl_core.types import Label, Mode, Outcome, UInt8Array

START_NS = 1_790_000_000 * 10**9
S = 10**9


class FakeCamera:
    """A camera whose pictures are drawn here."""

    def __init__(self, topics: tuple[str, ...] = ("/front_camera/image_raw",)) -> None:
        self.topic, self.problem, self.age_s = "", "", 0.0
        self._topics = list(topics)
        self.number = 0

    def topics(self) -> list[str]:
        return self._topics

    def select(self, name: str) -> None:
        self.topic = name

    def picture(self) -> tuple[int, UInt8Array] | None:
        return (self.number, scenery(self.number)) if self.number and self.topic else None


def scenery(number: int) -> UInt8Array:
    """A table, a cube, and a gripper that comes down, (240, 320, 3)."""
    image = np.full((240, 320, 3), (196, 204, 210), dtype=np.uint8)
    image[150:] = (150, 122, 92)
    image[165:195, 140:170] = (30, 90, 170)
    low = 40 + 12 * (number % 10)
    image[:low, 148:162] = (70, 74, 80)
    image[low : low + 14, 134:176] = (45, 48, 54)
    return image


class FakeGraph:
    """Says what a test makes it say, and keeps what it was asked for."""

    def __init__(self, heard: Heard | None = None, camera: FakeCamera | None = None) -> None:
        self.author = "anna"
        self.run_wanted = RunWanted()
        self.camera = camera or FakeCamera()
        self.now = heard or Heard()
        self.sent: list[Order] = []
        self.to_tell: list[Answer] = []

    def heard(self) -> Heard:
        return self.now

    def send(self, order: Order) -> None:
        self.sent.append(order)

    def answers(self) -> list[Answer]:
        told, self.to_tell = self.to_tell, []
        return told


def _entry(number: int, episode: int, outcome: Outcome, author: str, **more: int) -> Label:
    reward = 1.0 if outcome is Outcome.SUCCESS else 0.0
    return Label(episode, outcome, reward, author, START_NS + number * S, entry=number, **more)


def _history() -> tuple[Label, ...]:
    good = (0, 3, 4, 6, 7, 9, 10)
    plain = [
        _entry(i + 1, i, Outcome.SUCCESS if i in good else Outcome.FAILURE, "anna")
        for i in range(12)
    ]
    plain[8] = replace(plain[8], reward=0.5)
    return tuple(plain)


_MODES = [Mode.BASE] * 3 + [Mode.TRAIN] * 9


def _recorded(count: int = 12) -> dict[int, RecordedEpisode]:
    return {
        i: RecordedEpisode(i, f"episodes/{i:05d}", 9, 60, i, "ended", _MODES[i % 12])
        for i in range(count)
    }


def running() -> Heard:
    """The thirteenth episode plays, 12.4 s into it."""
    status = EpisodeStatus(
        12,
        Phase.RUNNING,
        Mode.TRAIN,
        started_ns=START_NS,
        deadline_ns=START_NS + 30 * S,
        run_done=9,
        run_total=40,
        run_mode="train",
        stamp_ns=START_NS,
    )
    activities = {
        "moving": 372.0,
        "resetting": 121.0,
        "waiting_person": 34.0,
        "waiting_learner": 48.0,
        "labelling": 95.0,
        "recording": 6.0,
        "idle": 400.0,
    }
    return Heard(
        status=status,
        safety=SafetyStatus(),
        learner=LearnerStatus(
            11, 660, 40, 55.0, 12, 12, guard=GuardStatus(base=(1, 3), trained=(6, 9))
        ),
        budget=RunBudget(tuple(activities.items()), 12, 63.9, (1, 3), (6, 9), 0.9, (8, 42)),
        entries=_history(),
        recorded=_recorded(),
        seen={
            **{i: Seen(str(_MODES[i]), False, "") for i in range(12)},
            12: Seen("train", False, ""),
        },
        now_ns=START_NS + 12_400_000_000,
        quiet_s=0.2,
    )


def idle() -> Heard:
    """A graph that was just started, in a new folder."""
    return Heard(
        status=EpisodeStatus(stamp_ns=START_NS),
        safety=SafetyStatus(),
        learner=LearnerStatus(),
        budget=RunBudget((("idle", 12.0),), target=0.9),
        now_ns=START_NS,
        quiet_s=0.1,
    )


def _changed(heard: Heard, **values: object) -> Heard:
    assert heard.status is not None
    return replace(heard, status=replace(heard.status, **values))  # type: ignore[arg-type]


def awaiting() -> Heard:
    """The episode is over and waits for its label."""
    return _changed(
        running(), phase=Phase.AWAITING_LABEL, waits_for=str(Waits.LABEL), end_reason="deadline"
    )


def held() -> Heard:
    """A person's stop; the episode is invalid."""
    reason = "external force of 31.2 N at the hand, expected at most 25 N for 0.05 s"
    heard = _changed(running(), phase=Phase.DONE, outcome="invalid", waits_for=str(Waits.RECORDER))
    safety = SafetyStatus(True, "external_force", reason)
    return replace(heard, safety=safety, seen={**heard.seen, 12: Seen("train", False, "invalid")})


def alarmed() -> Heard:
    """Alarms of the learner, and two people who do not agree."""
    heard = awaiting()
    assert heard.learner is not None
    alarms = (
        "value_out_of_range: the critics promise more than the task's rewards allow (or less): set "
        "clamp_values, more critics, or a smaller initial alpha",
        "critics_disagree: the critics differ widely: label more episodes before you trust it, or "
        "lower learning_rate",
    )
    other = _entry(13, 11, Outcome.SUCCESS, "ben", supersedes=12, conflicts_with=12)
    return replace(
        heard, learner=replace(heard.learner, alarms=alarms), entries=(*heard.entries, other)
    )


def blinded(mode: Mode = Mode.BASE) -> Heard:
    """A comparison: nothing of what is shown may depend on `mode`."""
    is_steered = mode is Mode.EVAL
    heard = _changed(
        awaiting(),
        mode=mode,
        code="K7",
        run_mode="ab",
        minimum_weights_version=11 if is_steered else 0,
        run_total=60,
    )
    assert heard.learner is not None
    assert heard.budget is not None
    return replace(
        heard,
        learner=replace(heard.learner, weights_version=11 if is_steered else 4),
        budget=replace(heard.budget, base=(9, 9) if is_steered else (1, 9)),
        seen={
            **heard.seen,
            10: Seen("Q4", True, "success"),
            11: Seen("M2", True, "failure"),
            12: Seen("K7", True, ""),
        },
    )


def silent() -> Heard:
    """A graph that was killed."""
    return replace(running(), quiet_s=17.0)


SCENES: dict[str, Callable[[], Heard]] = {
    "nothing": Heard,
    "idle": idle,
    "running": running,
    "awaiting": awaiting,
    "held": held,
    "alarmed": alarmed,
    "blinded": blinded,
    "silent": silent,
}
