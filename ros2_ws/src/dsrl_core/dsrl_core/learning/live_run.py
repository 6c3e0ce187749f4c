"""A learner on a run's folder: begun, or gone on with where the last one was ended.

<run>/episodes, ledger.jsonl    what is learned from
<run>/checkpoints/              what was learned
<run>/encodings/                what the frozen policy's encoder makes of images
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dsrl_core.errors import InvalidFile
from dsrl_core.learning.checkpoints import Checkpoints
from dsrl_core.learning.guard import GuardConfig
from dsrl_core.learning.intake import Intake, intake_of
from dsrl_core.learning.kept_encodings import ENCODINGS, KeptEncodings
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.learning.prior import Prior
from dsrl_core.learning.remembering import Memory
from dsrl_core.learning.resuming import ResumePoints, checkpoints_of, entries_of, version_of
from dsrl_core.learning.run_record import CHECKPOINTS, RunRecord, about_run
from dsrl_core.learning.training_run import TrainingRun, Version


@dataclass(frozen=True)
class LiveSettings:
    """What decides how a run is learned from."""

    seed: int
    guard: GuardConfig = field(default_factory=GuardConfig)
    priors: tuple[Prior, ...] = ()
    robots: Sequence[str] = ()
    """Empty: the run is of one robot."""
    resume: bool = True
    """False: everything is learned again."""


class LiveRun:
    """`run` learns from what `take` finds; `remember` makes the next start a quick one."""

    def __init__(self, out: Path, learned: LearnedTask, settings: LiveSettings) -> None:
        """
        Raises:
            DsrlError: the folder cannot be used, or its files contradict each other.
        """
        self.problems: list[str] = []
        """What has gone wrong with files, for people; whoever tells it empties it."""
        if learned.policy.spec.cameras:
            kept = KeptEncodings(learned.policy, out / ENCODINGS, self._on_problem)
            learned = replace(learned, policy=kept)
        self._out, self._learned, self._settings = out, learned, settings
        self._early: list[Version] = []
        self._record: RunRecord | None = None
        about = about_run(
            learned, settings.seed, settings.guard, [str(p.folder) for p in settings.priors]
        )
        config = Learner([learned], settings.seed).algorithm.config
        self._points = ResumePoints(out / CHECKPOINTS, about | {"config": asdict(config)})
        if settings.resume:
            (self._intake, self.run, begun_at), problems = self._points.start(self._make)
            self.problems += problems
        else:
            self._intake, self.run, begun_at = self._make(None)
        self.resumed_at = begun_at
        """Version that it goes on from; 0: from the beginning."""
        self._record = RunRecord(out, about, begun_at)
        for version in self._early:
            self._on_version(version)

    @property
    def intake(self) -> Intake:
        return self._intake

    def take(self) -> None:
        """Pass on to the learner whatever is new."""
        self._intake.give(self.run)
        self.problems += self._intake.problems()

    def remember(self) -> None:
        """Write down what has been learned since the last time.

        Raises:
            DsrlError: it cannot be written; what was written before stays.
        """
        self._points.keep(self.run.state())

    def _make(self, memory: Memory | None) -> tuple[Intake, TrainingRun, int]:
        settings = self._settings
        intake = intake_of(self._out, settings.robots)
        checkpoints = Checkpoints(self._out / CHECKPOINTS, checkpoints_of(memory))
        run = TrainingRun(
            Learner([self._learned], settings.seed),
            intake.read,
            intake.numbers(),
            settings.guard,
            checkpoints,
            self._on_version,
        )
        if memory is not None:
            run.resume(memory)
        run.add_prior(settings.priors)
        intake.give(run)
        if memory is not None and run.is_resuming:
            raise InvalidFile(
                f"the ledger has {run.feed.entries} entries; a memory of what was learned is of "
                f"{entries_of(memory)}"
            )
        checkpoints.clear_others()
        return intake, run, version_of(memory)

    def _on_problem(self, text: str) -> None:
        self.problems.append(text)

    def _on_version(self, version: Version) -> None:
        if self._record is None:
            self._early.append(version)
        elif problem := self._record.add(version):
            self.problems.append(problem)
