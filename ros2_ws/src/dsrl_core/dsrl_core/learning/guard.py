"""Watches over learning: are the newest weights still as good as the best ones, and as the policy?

It keeps what became of every labelled episode with the version of the weights that it ran under,
and decides after each whether learning goes on, goes back to the best frozen checkpoint, or leaves
the robot to the frozen policy for a while. Nothing here knows networks, files or the clock; what it
decides depends on the outcomes alone, and a corrected label changes what it holds at once.

Every episode brings new weights, so that hardly any version is evaluated twice. Every few versions
one is frozen, and the outcomes of its neighbours count for it. Its score is the lower end of a
credible interval (Jeffreys' prior; Brown, Cai and DasGupta 2001): evaluations count fully, training
episodes, which explore, by a part (a power prior; Ibrahim and Chen 2000).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final, Literal

from pydantic.dataclasses import dataclass as checked_dataclass
from scipy.special import betaincinv

from dsrl_core.learning.fall_test import NO_FALL, Fall, fall_of
from dsrl_core.learning.remembering import Memory
from dsrl_core.specs.values import STRICT, Count, Probability
from dsrl_core.status import GuardStatus
from dsrl_core.types import Mode

LOWER: Final = 0.1
"""The score is what a success rate exceeds with a probability of 1 - LOWER."""
RECENT: Final = 20
"""Training episodes that are told as recent."""
_EVALUATIONS_MIN: Final = 3
"""So many evaluations can contradict what training episodes say."""


@checked_dataclass(frozen=True, config=STRICT)
class GuardConfig:
    """When the guard acts, and on what."""

    acts: bool = True
    """False: it only tells."""
    level: Probability = 0.05
    """Share of runs of `fall_test.HORIZON` episodes in which it acts although nothing is wrong."""
    freeze_every: Count = 5
    """Versions from one frozen checkpoint to the next."""
    neighbours: Count = 10
    """Versions on either side whose outcomes count for a checkpoint."""
    training_weight: Probability = 0.5
    """What a training episode counts for in a score; an evaluation counts 1."""
    rest_episodes: Count = 20
    """Labelled episodes of the frozen policy before learned weights are tried again."""
    keep: Count = 4
    """Newest checkpoints that are kept beside the best one."""


@dataclass(frozen=True)
class Trial:
    """A labelled episode."""

    episode: int
    mode: Mode
    version: int
    """Of the weights; 0: none yet."""
    success: bool


@dataclass(frozen=True)
class Decision:
    """What is to be done; `version`: of the checkpoint to go back to."""

    action: Literal["keep", "restore", "base", "resume"]
    version: int = 0
    reason: str = ""


_KEEP: Final = Decision("keep")


@dataclass(frozen=True)
class _Stretch:
    """Versions between two interventions."""

    first: int
    acts_as_base: bool
    restored_from: int = 0
    is_by_guard: bool = False
    """Whether an intervention began it."""


class Guard:
    """One run's outcomes; not thread-safe."""

    def __init__(self, config: GuardConfig) -> None:
        self.config = config
        self._trials: dict[int, Trial] = {}
        self._stretches = [_Stretch(0, acts_as_base=True)]
        self._frozen: list[int] = []
        self._status: GuardStatus | None = None

    # What happens.

    def hear(self, trial: Trial) -> None:
        """Take what was said of an episode; said again, the last word holds."""
        self._trials[trial.episode] = trial
        self._status = None

    def forget(self, episode: int) -> None:
        """An episode's label was taken back, or says neither success nor failure."""
        self._trials.pop(episode, None)
        self._status = None

    def published(self, version: int) -> None:
        """New weights of learning go out."""
        if self._present.acts_as_base:
            is_by_guard = self.acts_as_base
            self._stretches.append(_Stretch(version, acts_as_base=False, is_by_guard=is_by_guard))
            self._status = None

    def intervened(self, decision: Decision, version: int) -> None:
        """What was decided is done, and goes out as `version`."""
        is_base = decision.action == "base"
        restored = decision.version if decision.action == "restore" else 0
        self._stretches.append(_Stretch(version, is_base, restored, is_by_guard=True))
        self._status = None

    def wants_frozen(self, version: int) -> bool:
        """Whether the version that just went out is to be kept as a checkpoint."""
        return (version - self._present.first) % self.config.freeze_every == 0

    def frozen(self, version: int) -> None:
        """There is a checkpoint of this version now; only `kept` ones need stay."""
        self._frozen.append(version)
        kept = self.kept()
        self._frozen = [frozen for frozen in self._frozen if frozen in kept]
        self._status = None

    def kept(self) -> set[int]:
        """Checkpoints that are still needed: the best one and the newest."""
        kept = set(self._frozen[-self.config.keep :])
        if best := self.best():
            kept.add(best)
        return kept

    def state(self) -> Memory:
        """What it did; the outcomes that it did it for come again with their labels."""
        return Memory({}, {"stretches": list(map(asdict, self._stretches)), "frozen": self._frozen})

    def put_back(self, memory: Memory) -> None:
        self._stretches = [_Stretch(**stretch) for stretch in memory.facts["stretches"]]
        self._frozen, self._status = list(memory.facts["frozen"]), None

    # What follows.

    def decide(self, is_broken: bool = False) -> Decision:
        """What is to be done now; `is_broken`: the present weights are not finite."""
        present, config = self._present, self.config
        if is_broken:
            reason = "the learned weights are not finite"
            return self._best_known(reason) or Decision("base", reason=reason)
        if present.acts_as_base:
            rested = sum(trial.version >= present.first for trial in self._trials.values())
            if present.first and rested >= config.rest_episodes:
                return Decision("resume", reason=f"{rested} episodes of the frozen policy are over")
            return _KEEP
        fall = self._fall()
        if not fall.is_significant(config.level) or self._evaluations_contradict(fall.window):
            return _KEEP
        recent = self._of_stretch(present)[-fall.window :]
        won = sum(trial.success for trial in recent)
        reason = f"success has fallen: {won} of the latest {len(recent)} episodes"
        decision = self._after_fall(won / len(recent), reason)
        return decision if config.acts else Decision("keep", reason=reason)

    def best(self) -> int:
        """The checkpoint with the highest score, the newer one of equals; 0: there is none."""
        return max(self._frozen, key=lambda version: (self._score(version), version), default=0)

    def evaluated_versions(self) -> set[int]:
        """Versions that a labelled evaluation ran under."""
        return {trial.version for trial in self._trials.values() if trial.mode is Mode.EVAL}

    def status(self) -> GuardStatus:
        """What a person wants to know of it; asked for far more often than it changes."""
        if self._status is None:
            self._status = self._summary()
        return self._status

    def _summary(self) -> GuardStatus:
        present = self._of_stretch(self._present)
        is_steered = not self._present.acts_as_base
        evaluated = [t for t in present if t.mode is Mode.EVAL and is_steered]
        trained = [t for t in present if t.mode is Mode.TRAIN and is_steered]
        return GuardStatus(
            self._present.restored_from,
            self.acts_as_base,
            self.best(),
            _count(self._of_base()),
            _count(evaluated),
            _count(trained[-RECENT:]),
        )

    @property
    def acts_as_base(self) -> bool:
        """Whether the robot was left to the frozen policy."""
        return self._present.acts_as_base and self._present.first > 0

    @property
    def has_just_acted(self) -> bool:
        """Whether its last intervention is so recent that people should still be told of it."""
        since = len(self._of_stretch(self._present))
        return self._present.is_by_guard and since < self.config.rest_episodes

    # Inside.

    @property
    def _present(self) -> _Stretch:
        return self._stretches[-1]

    def _after_fall(self, recent_rate: float, reason: str) -> Decision:
        base = self._of_base()
        base_score = _score(*_count(base))
        best = self.best()
        is_known = best and self._score(best) >= base_score
        if is_known and best != self._present.restored_from:
            return Decision("restore", best, reason)
        if base and sum(trial.success for trial in base) / len(base) > recent_rate:
            return Decision("base", reason=reason)
        return self._best_known(reason) or Decision("keep", reason=reason)

    def _best_known(self, reason: str) -> Decision | None:
        best = self.best()
        return Decision("restore", best, reason) if best else None

    def _fall(self) -> Fall:
        """The present stretch's outcomes; those of the frozen policy count as its beginning."""
        steered = self._of_stretch(self._present)
        if not steered:
            return NO_FALL
        base = [trial for trial in self._of_base() if trial.episode < steered[0].episode]
        trials = [*base, *steered]
        sources = [0] * len(base) + [int(trial.mode is Mode.EVAL) for trial in steered]
        return fall_of([trial.success for trial in trials], sources, len(base))

    def _evaluations_contradict(self, window: int) -> bool:
        """Whether evaluations since the supposed fall succeed no less than before it."""
        trials = self._of_stretch(self._present)
        before, after = (
            _count(trial for trial in part if trial.mode is Mode.EVAL)
            for part in (trials[:-window], trials[-window:])
        )
        if after[1] < _EVALUATIONS_MIN or before[1] < _EVALUATIONS_MIN:
            return False
        return after[0] / after[1] >= before[0] / before[1]

    def _score(self, version: int) -> float:
        """Of a checkpoint, from the outcomes of its neighbours."""
        stretch = self._stretch_of(version)
        won = tried = 0.0
        for trial in self._of_stretch(stretch):
            if abs(trial.version - version) <= self.config.neighbours:
                weight = 1.0 if trial.mode is Mode.EVAL else self.config.training_weight
                won, tried = won + weight * trial.success, tried + weight
        return _score(won, tried)

    def _stretch_of(self, version: int) -> _Stretch:
        return next(part for part in reversed(self._stretches) if part.first <= version)

    def _of_stretch(self, stretch: _Stretch) -> list[Trial]:
        """Its training and evaluation episodes, in their order."""
        return [
            trial
            for _, trial in sorted(self._trials.items())
            if trial.mode in (Mode.TRAIN, Mode.EVAL) and self._stretch_of(trial.version) is stretch
        ]

    def _of_base(self) -> list[Trial]:
        """Episodes that the frozen policy ran by itself, in their order."""
        return [
            trial
            for _, trial in sorted(self._trials.items())
            if trial.mode is Mode.BASE
            or (
                trial.mode in (Mode.TRAIN, Mode.EVAL)
                and self._stretch_of(trial.version).acts_as_base
            )
        ]


def _count(trials: Iterable[Trial]) -> tuple[int, int]:
    """Successes and trials."""
    outcomes = [trial.success for trial in trials]
    return sum(outcomes), len(outcomes)


def _score(won: float, tried: float) -> float:
    return float(betaincinv(won + 0.5, tried - won + 0.5, LOWER))
