"""The order of a demonstration: measure, learn, measure again; every step written down at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.evaluation.summary import CurvePoint, Measured, Measurement
from dsrl_core.status import LearnerStatus
from dsrl_core.types import Mode, Outcome
from dsrl_ros.demo.beside import Oracle
from dsrl_ros.demo.record import Record

WARM_UP: Final = "warm-up"
TRAINING: Final = "training"
CURVE: Final = "curve"
ORACLE: Final = Measured.ORACLE.name.lower()


class EpisodeResult(Protocol):
    """What a session tells of an episode."""

    @property
    def episode(self) -> int: ...

    @property
    def outcome(self) -> Outcome: ...

    @property
    def steps(self) -> int: ...

    @property
    def weights_version(self) -> int: ...


class Session(Protocol):
    """A running graph."""

    @property
    def learner_status(self) -> LearnerStatus: ...

    def run(
        self,
        mode: Mode,
        count: int,
        first_index: int,
        progress: Callable[[EpisodeResult], None] | None = None,
    ) -> Sequence[EpisodeResult]: ...


class Watcher(Protocol):
    """Whoever shows what happens."""

    def phase(self, name: str, total: int) -> None: ...

    def episode(self, name: str, outcomes: Sequence[Outcome], learner: LearnerStatus) -> None: ...

    def ended(self, name: str, count: SuccessCount) -> None: ...


class Demonstration:
    """Runs, step by step, what the record says is still to be done."""

    def __init__(
        self, record: Record, session: Session, watcher: Watcher, action_period_s: float
    ) -> None:
        self._record, self._session, self._watcher = record, session, watcher
        self._action_period_s = action_period_s

    def run(self, oracle: Oracle) -> None:
        """All of it but the distilled actor; the oracle works beside."""
        settings = self._record.summary.settings
        self._watcher.phase(ORACLE, settings.eval_episodes)
        self.measure(Measured.BASE, Mode.BASE, settings.eval_episodes)
        self.gather(oracle.episodes())
        self.measure(Measured.ZERO_NOISE, Mode.ZERO, settings.eval_episodes)
        self.gather(oracle.wait())
        for online in range(0, settings.episodes, settings.curve_every):
            self.train(online)
            self.measure_curve(online, settings.curve_episodes)
        self.train(settings.episodes)
        self.measure(Measured.STEERED, Mode.EVAL, settings.eval_episodes)

    def measure(self, what: Measured, mode: Mode, trials: int) -> None:
        """Measure a policy on the first `trials` evaluation resets, or on what is left of them."""
        known = self._record.summary.measurements.get(what, Measurement(trials))
        if not known.is_complete and mode not in (Mode.BASE, Mode.ZERO):
            # Steering is learned anew after a resumption: what was begun is not gone on with.
            known = Measurement(trials)
        self._measure(what.name.lower(), mode, known, lambda m: self._record.measured(what, m))

    def measure_curve(self, online_episodes: int, trials: int) -> None:
        """Measure a point of the learning curve, unless it is known or its weights are gone."""
        summary = self._record.summary
        points = {point.online_episodes: point for point in summary.curve_points}
        known = points.get(online_episodes)
        is_past = len(summary.training_outcomes) > online_episodes
        if is_past or (known is not None and known.measurement.is_complete):
            return

        def keep(measurement: Measurement) -> None:
            points[online_episodes] = CurvePoint(online_episodes, measurement)
            ordered = tuple(points[at] for at in sorted(points))
            self._record.summary = replace(self._record.summary, curve_points=ordered)

        self._measure(f"{CURVE} {online_episodes}", Mode.EVAL, Measurement(trials), keep)

    def train(self, online_episodes: int) -> None:
        """Warm up, and train until so many online episodes are done, or what is left of it."""
        summary = self._record.summary
        warm_up = summary.settings.warm_up_episodes
        missing = warm_up - len(summary.warm_up_outcomes)
        if missing > 0:
            self._train(WARM_UP, warm_up, missing, warm_up)
        missing = online_episodes - len(summary.training_outcomes)
        if missing > 0:
            self._train(TRAINING, summary.settings.episodes, missing, online_episodes)

    def gather(self, found: Sequence[tuple[Outcome, float]]) -> None:
        """Take what the oracle found: outcome and simulated time [s] of each episode."""
        measurement = self._record.summary.measurements[Measured.ORACLE]
        measurement = replace(
            measurement,
            outcomes=(*measurement.outcomes, *(outcome for outcome, _ in found)),
            sim_s=measurement.sim_s + sum(sim_s for _, sim_s in found),
        )
        self._record.measured(Measured.ORACLE, measurement)
        self._watcher.episode(ORACLE, measurement.outcomes, self._session.learner_status)
        if measurement.is_complete:
            self._ended(ORACLE, measurement.outcomes)

    def _measure(
        self,
        name: str,
        mode: Mode,
        measurement: Measurement,
        keep: Callable[[Measurement], None],
    ) -> None:
        if measurement.is_complete:
            return
        self._watcher.phase(name, measurement.trials_wanted)
        began_s, before_s = time.monotonic(), measurement.wall_s

        def progress(result: EpisodeResult) -> None:
            nonlocal measurement
            sim_s = result.steps * self._action_period_s
            measurement = replace(
                measurement,
                outcomes=(*measurement.outcomes, result.outcome),
                episodes=(*measurement.episodes, result.episode),
                weights_version=result.weights_version,
                wall_s=before_s + time.monotonic() - began_s,
                sim_s=measurement.sim_s + sim_s,
            )
            keep(measurement)
            self._after_episode(name, sim_s, measurement.outcomes)

        self._session.run(mode, measurement.missing, len(measurement.outcomes), progress)
        self._ended(name, measurement.outcomes)

    def _train(self, name: str, total: int, count: int, until: int) -> None:
        summary = self._record.summary
        is_warm_up = name == WARM_UP
        outcomes = summary.warm_up_outcomes if is_warm_up else summary.training_outcomes
        done = len(summary.warm_up_outcomes) + len(summary.training_outcomes)
        self._watcher.phase(name, total)

        def progress(result: EpisodeResult) -> None:
            nonlocal outcomes
            outcomes = (*outcomes, result.outcome)
            summary = self._record.summary
            if is_warm_up:
                summary = replace(summary, warm_up_outcomes=outcomes)
            else:
                summary = replace(summary, training_outcomes=outcomes)
            self._record.summary = summary
            self._after_episode(name, result.steps * self._action_period_s, outcomes)

        self._session.run(Mode.TRAIN, count, done, progress)
        self._ended(f"{name} {until}", outcomes)

    def _after_episode(self, name: str, sim_s: float, outcomes: Sequence[Outcome]) -> None:
        learner, summary = self._session.learner_status, self._record.summary
        self._record.change(
            sim_s=summary.sim_s + sim_s,
            updates=max(summary.updates, learner.updates),
            updates_per_s=learner.updates_per_s or summary.updates_per_s,
        )
        self._watcher.episode(name, outcomes, learner)

    def _ended(self, phase: str, outcomes: Sequence[Outcome]) -> None:
        done = self._record.summary.phases_done
        if phase not in done:
            self._record.change(phases_done=(*done, phase))
            self._watcher.ended(phase, SuccessCount.of_outcomes(outcomes))
