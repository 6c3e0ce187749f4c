"""What the parts of a running graph tell each other beside decisions and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from dsrl_core.types import Mode


class Phase(IntEnum):
    """Where an episode stands."""

    IDLE = 0
    """Nothing is to be run."""
    RESETTING = 1
    """The world is put into its start."""
    READY = 2
    """At the start, waiting for weights."""
    RUNNING = 3
    """The robot moves."""
    AWAITING_LABEL = 4
    """Over, not yet labelled."""
    DONE = 5
    """Over and labelled, or invalid."""

    @property
    def is_over(self) -> bool:
        """Whether the episode ran and came to its end."""
        return self in (Phase.AWAITING_LABEL, Phase.DONE)


class Waits(StrEnum):
    """What the next step of an episode may wait for."""

    RESET = "reset"
    """The arm and the world on their way to the start."""
    OPERATOR = "operator"
    """A person's start, or the end of a pause."""
    RESUME = "resume"
    """A person's resume of a held arm."""
    LEARNER = "learner"
    """Labels that have not been learned from."""
    LABEL = "label"
    """A person's label."""
    RECORDER = "recorder"
    """The episode on its way to disk, or room there for the next one."""
    PROCESS = "process"
    """A process that an episode needs and that is being started again."""


RUN_AB = "ab"
"""Mode of a run that compares two modes, without telling anybody which is which."""

RUN_TRIALS = "trials"
"""Mode of a run that tries kinds of noise in turn, blinded as well: a preflight's."""

RUN_MODES = (*(mode for mode in Mode if mode is not Mode.SHAPED), RUN_AB)
"""What people ask for by name alone."""

STEERED = (Mode.TRAIN, Mode.EVAL, Mode.ACTOR)
"""Modes in which learned weights choose the noise."""

INVALID = "invalid"
"""Outcome and end reason of an episode that is neither: an input was lost, it was stopped."""


UNLABELLED = "unlabelled"
"""Outcome of an episode that was left without a label; one may come later."""


@dataclass(frozen=True)
class EpisodeStatus:
    """The episode manager's present state; the last one heard is what holds."""

    episode: int = 0
    phase: Phase = Phase.IDLE
    mode: Mode = Mode.BASE
    seed: int = 0
    """Of the reset and of the noise of this episode."""
    minimum_weights_version: int = 0
    """At least so new weights are waited for; in a comparison exactly these, and 0 is none."""
    started_ns: int = 0
    """ROS time of the first tick; 0: not yet."""
    deadline_ns: int = 0
    """ROS time at which it is ended; 0: none."""
    outcome: str = ""
    """success, failure, discard, invalid, unlabelled; empty: not known yet."""
    end_reason: str = ""
    """Why it ended, for people; empty: it has not."""
    run_done: int = 0
    run_total: int = 0
    """Episodes asked for; 0: until stopped."""
    message: str = ""
    stamp_ns: int = 0
    run_mode: str = ""
    """What the run was asked for: a mode, `RUN_AB` or `RUN_TRIALS`."""
    code: str = ""
    """What this episode is called while its mode is hidden; empty: nothing is hidden."""
    paused: bool = False
    """No further episode begins until somebody lets the run go on."""
    waits_for: str = ""
    """What the next step waits for, one of `Waits`; empty: nothing."""
    host: str = ""
    """Name of the machine on whose disk the run is."""
    folder: str = ""
    """The run's folder there."""
    noise: str = ""
    """In mode `shaped` the name of the kind of noise."""

    @property
    def compares(self) -> bool:
        """Whether it is of a comparison that is under way."""
        return self.run_mode == RUN_AB and self.phase is not Phase.IDLE

    @property
    def shown_mode(self) -> str:
        """What people may be told of its mode: in a blinded comparison its code."""
        return self.code or str(self.mode)


@dataclass(frozen=True)
class SafetyStatus:
    """The chunk player's word on what keeps the arm safe: what was clamped, whether it is held."""

    held: bool = False
    """The arm is held; only a person's resume lets it go on."""
    rule: str = ""
    """Name of the rule that holds it; empty: not held."""
    reason: str = ""
    clamped: tuple[tuple[str, int], ...] = ()
    """How often each rule has clamped; rules that never did are left out."""
    set_points: int = 0
    missed_periods: int = 0
    """Periods without a set-point while one was due."""
    period_p99_s: float = math.nan
    """99th percentile of the time between set-points of late; NaN: too few yet."""
    stamp_ns: int = 0
    idle_s: float = 0.0
    """Within episodes, in which the next chunk was late, since the chunk player was started."""

    @property
    def hold(self) -> str:
        """Why the arm is held, for people; empty: it is not."""
        return f"the arm is held ({self.rule}): {self.reason}" if self.held else ""

    @property
    def hold_to_mend(self) -> str:
        """The same, and what a person is to do about it; empty: the arm is not held."""
        how = "mend it, then let the arm go on: ./dsrl resume, or the button"
        return f"{self.hold}; {how}" if self.held else ""


@dataclass(frozen=True)
class RunBudget:
    """What the time of robot and people went into, and how far the run is."""

    activities: tuple[tuple[str, float], ...] = ()
    """Seconds of the wall's clock by `evaluation.budget.Activity`; without those of no time."""
    labelled: int = 0
    """Successes and failures, all in all."""
    episodes_per_hour: float = math.nan
    """Labelled, per hour that was not idle; NaN: none yet."""
    base: tuple[int, int] = (0, 0)
    """Successes and episodes of the frozen policy by itself."""
    recent: tuple[int, int] = (0, 0)
    """The same of the latest steered episodes."""
    target: float = 0.0
    """Success rate that the task file asks for; 0: none."""
    to_target: tuple[int, int] | None = None
    """Further episodes until it is reached, least and most; None: not known."""
    stamp_ns: int = 0


@dataclass(frozen=True)
class RecordedEpisode:
    """The recorder's word that an episode is on disk, completely."""

    episode: int
    path: str
    """Relative to the output folder."""
    decisions: int
    """The closing record not counted."""
    steps_executed: int
    weights_version: int
    """Of its last decision."""
    end_reason: str
    mode: Mode
    stamp_ns: int = 0


@dataclass(frozen=True)
class GuardStatus:
    """What the guard on learning has seen and done; counts are successes and trials."""

    restored_from: int = 0
    """Version of the checkpoint from which the present weights descend; 0: none was restored."""
    acts_as_base: bool = False
    """Whether the robot was left to the frozen policy."""
    best_version: int = 0
    """The best checkpoint; 0: there is none yet."""
    base: tuple[int, int] = (0, 0)
    """Episodes of the frozen policy by itself."""
    evaluated: tuple[int, int] = (0, 0)
    """Evaluations since the guard last acted."""
    trained: tuple[int, int] = (0, 0)
    """Latest training episodes."""


@dataclass(frozen=True)
class LearnerStatus:
    """How far the learner is."""

    weights_version: int = 0
    updates: int = 0
    updates_pending: int = 0
    updates_per_s: float = 0.0
    episodes: int = 0
    """Labelled episodes in the replay buffer."""
    ledger_entries: int = 0
    """Entries of the label ledger, from the first, that are taken into account."""
    message: str = ""
    alarms: tuple[str, ...] = ()
    stamp_ns: int = 0
    guard: GuardStatus = GuardStatus()


@dataclass(frozen=True)
class PolicyInfo:
    """The frozen policy that is served, and where."""

    name: str
    sha256: str
    noise_shape: tuple[int, int]
    chunk_shape: tuple[int, int]
    endpoint: str
    stamp_ns: int = 0


@dataclass(frozen=True)
class ActorWeights:
    """Steering weights on their way from the learner to the noise actor."""

    version: int
    sha256: str
    data: bytes
    """Nothing: act as the frozen policy does by itself."""
    stamp_ns: int = 0
    restored_from: int = 0
    """Version whose weights these are again; 0: new ones."""
