"""A blinded comparison on the robot: asked for, written down before it begins, read back."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from dsrl_core.data.ledger import LEDGER, LedgerFollower
from dsrl_core.data.timeline import read_timeline
from dsrl_core.episode_run import NextEpisode, Run
from dsrl_core.errors import DsrlError, InvalidFile, InvalidValue, UnknownName
from dsrl_core.evaluation.ab_episodes import AbEpisode
from dsrl_core.evaluation.ab_plan import AbPlan, Arm
from dsrl_core.evaluation.ab_rule import Forecast, StopRule, earliest_stop, forecast
from dsrl_core.evaluation.ab_test import AbTest
from dsrl_core.seeding import reset_seed
from dsrl_core.status import INVALID, RUN_AB, RUN_MODES, RUN_TRIALS
from dsrl_core.steering.preflight.trials_run import TrialsRun
from dsrl_core.types import Label, Mode

_ARMS: Final = 2
_USUAL: Final = StopRule()
_MANY: Final = 1000
"""Pairs: more than any comparison on a robot has."""
_ASSUMED_RATES: Final = (0.3, 0.9)
"""Of the arms, for what is expected in advance: a base, and what steering is for."""


@dataclass(frozen=True)
class ComparisonRun(Run):
    """Two arms in turn by a sealed plan, until the difference is shown or the plan is used up.

    It rests on the ledger as it is at each moment: what is discarded is run again, and what is
    corrected counts as corrected.
    """

    plan: AbPlan = field(kw_only=True)
    rule: StopRule = field(kw_only=True)
    attempts: tuple[AbEpisode, ...] = ()

    @property
    def shown_mode(self) -> str:
        return RUN_AB

    def test(self, entries: Sequence[Label]) -> AbTest:
        """The comparison as it stands."""
        return AbTest(self.plan, self.rule, with_labels(self.attempts, entries))

    def is_complete(self, entries: Sequence[Label]) -> bool:
        return self.test(entries).next_index is None

    def next(self, evaluation_share: float, entries: Sequence[Label]) -> NextEpisode:
        index = self.test(entries).next_index
        assert index is not None, "a complete comparison wants nothing"
        arm, plan = self.plan.arm_of(index), self.plan
        seed = reset_seed(self.seed, arm.mode, plan.reset_index_of(index))
        return NextEpisode(arm.mode, seed, plan.code_of(index), arm.weights_version or 0)

    def begun(self, wanted: NextEpisode, number: int) -> Self:
        attempt = AbEpisode(index_of(self.plan, wanted.code), number)
        return replace(self, attempts=(*self.attempts, attempt))

    def after(self, outcome: str, number: int) -> Self:
        attempts = tuple(
            replace(one, is_valid=False) if one.number == number and outcome == INVALID else one
            for one in self.attempts
        )
        # Repetitions are not counted twice.
        done = len({one.index for one in attempts if one.is_valid})
        return replace(super().after(outcome, number), attempts=attempts, done=done)


def index_of(plan: AbPlan, code: str) -> int:
    """Planned episode that is called so.

    Raises:
        UnknownName: the plan has no such code.
    """
    codes = [plan.code_of(index) for index in range(plan.episodes)]
    if code not in codes:
        raise UnknownName("code", code, codes)
    return codes.index(code)


def with_labels(attempts: Iterable[AbEpisode], entries: Sequence[Label]) -> tuple[AbEpisode, ...]:
    """The attempts with all that the ledger says of them."""
    return tuple(
        replace(one, labels=tuple(entry for entry in entries if entry.episode == one.number))
        for one in attempts
    )


def requested_run(
    mode: str,
    count: int,
    seed: int,
    first_index: int,
    arms: Sequence[str],
    versions: Sequence[int] = (),
    rule: StopRule = _USUAL,
) -> Run:
    """The run that somebody asks for by names and numbers; of a comparison `count` is of pairs, of
    trials of rounds, and `arms` are their noises.

    `versions`: of the weights that are kept, rising; an arm without one is pinned to the newest.
    `rule`: when a comparison stops; of no meaning for other runs.

    Raises:
        DsrlError: there is no such mode, arm or version, or the numbers do not fit.
    """
    if mode == RUN_TRIALS:
        return TrialsRun.drawn(arms, count, seed, first_index)
    if mode != RUN_AB:
        if arms:
            raise InvalidValue(f"arms {list(arms)} are for mode '{RUN_AB}', not for '{mode}'")
        if mode not in RUN_MODES:
            raise UnknownName("mode", mode, RUN_MODES)
        return Run(Mode(mode), count, seed, first_index)
    if len(arms) != _ARMS:
        raise InvalidValue(
            f"mode '{RUN_AB}' compares two arms, such as base and eval; asked for {list(arms)}"
        )
    first, second = (Arm.parse(text).pinned(versions) for text in arms)
    plan = AbPlan.drawn(first, second, count, first_index)
    return ComparisonRun(first.mode, plan.episodes, seed, first_index, plan=plan, rule=rule)


@dataclass(frozen=True)
class PlannedRun:
    """A comparison as it was written down before its first episode."""

    first: str
    second: str
    seed: int
    """Of order and codes."""
    pairs: int
    first_reset: int
    reset_seed: int
    """The run's, of the resets' series."""
    first_episode: int
    alpha: float
    margin: float | None
    """Of the stop rule."""
    planned_at: str
    """UTC, ISO 8601."""
    seal: str
    """SHA-256 of the plan's key and of the stop rule."""
    resets_match: bool = True
    """Whether a simulator puts things where a reset's number says; False: a person does."""

    @property
    def weights_versions(self) -> set[int]:
        """That its arms name."""
        arms = (Arm.parse(text) for text in (self.first, self.second))
        return {arm.weights_version for arm in arms if arm.weights_version is not None}

    @property
    def rule(self) -> StopRule:
        return StopRule(self.alpha, self.margin)

    @property
    def plan(self) -> AbPlan:
        """
        Raises:
            InvalidFile: it is not the plan that was sealed.
        """
        plan = AbPlan(
            Arm.parse(self.first),
            Arm.parse(self.second),
            self.seed,
            self.pairs,
            self.first_reset,
        )
        if (seal := seal_of(plan, self.rule)) != self.seal:
            raise InvalidFile(
                f"the plan of the comparison from episode {self.first_episode} on was changed: its "
                f"seal is {seal}, sealed was {self.seal}"
            )
        return plan


def seal_of(plan: AbPlan, rule: StopRule) -> str:
    """What is told before the first episode, so that nobody can change plan or rule afterwards."""
    text = f"{plan.key}alpha {rule.alpha} margin {rule.margin}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def told_in_advance(run: ComparisonRun) -> str:
    """How long a comparison will take at least and at most, for people."""
    expected, most = expectation(run.rule, run.plan.pairs), run.plan.episodes
    arms = f"{run.plan.first} against {run.plan.second}"
    least = expected.earliest_pairs
    if least is None:
        return (
            f"{arms}: at most {most} episodes, which are too few to show any difference: expected "
            f"{2 * (earliest_stop(run.rule, _MANY) or _MANY)} or more"
        )
    usual = 2 * expected.median_pairs
    low, high = (f"{rate:.0%}" for rate in _ASSUMED_RATES)
    return (
        f"{arms}: {2 * least} episodes at least, {most} at most, {usual} in the median if {low} of "
        f"one arm's and {high} of the other's succeed; {run.rule}; what was invalid or discarded "
        "is repeated"
    )


def expectation(rule: StopRule, pairs: int) -> Forecast:
    """What is expected in advance of a comparison, at assumed rates."""
    return forecast(rule, _ASSUMED_RATES, pairs)


def write_plan(folder: Path, run: ComparisonRun, first_episode: int, *, resets_match: bool) -> Path:
    """Write a comparison's plan down; whoever reads it knows the order.

    `resets_match`: whether a simulator puts things where a reset's number says.

    Raises:
        DsrlError: it cannot be written.
    """
    plan = run.plan
    planned = PlannedRun(
        str(plan.first),
        str(plan.second),
        plan.seed,
        plan.pairs,
        plan.first_reset,
        run.seed,
        first_episode,
        run.rule.alpha,
        run.rule.margin,
        datetime.now(UTC).isoformat(timespec="seconds"),
        seal_of(plan, run.rule),
        resets_match,
    )
    path = folder / f"ab-{first_episode:06d}.json"
    try:
        with path.open("x") as file:
            json.dump(asdict(planned), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DsrlError(f"the plan {path} cannot be written: {error}") from error
    return path


def read_plans(folder: Path) -> list[PlannedRun]:
    """All comparisons of a run's folder, by their first episode.

    Raises:
        InvalidFile: one is no plan.
    """
    found = []
    for path in sorted(folder.glob("ab-*.json")):
        try:
            found.append(PlannedRun(**json.loads(path.read_text())))
        except (OSError, ValueError, TypeError) as error:
            raise InvalidFile(f"{path} is no plan of a comparison: {error}") from error
    return found


def recorded_test(folder: Path, planned: PlannedRun) -> AbTest:
    """A comparison as a run's folder tells it: its plan, the time line and the ledger.

    Raises:
        InvalidFile: plan or ledger cannot be what was written.
    """
    plan = planned.plan
    codes = {plan.code_of(index): index for index in range(plan.episodes)}
    attempts: dict[int, AbEpisode] = {}
    for moment in read_timeline(folder):
        if moment.mode in codes and moment.episode >= planned.first_episode:
            is_valid, reason = moment.outcome != INVALID, moment.message
            index = codes[moment.mode]
            attempts[moment.episode] = AbEpisode(
                index, moment.episode, is_valid, reason="" if is_valid else reason
            )
    entries = LedgerFollower(folder / LEDGER).new()
    return AbTest(plan, planned.rule, with_labels(attempts.values(), entries))


def sealed_episodes(folder: Path) -> set[int]:
    """Numbers of a run's episodes of which nobody is to know the arm: of comparisons not over.

    Raises:
        InvalidFile: a plan or the ledger cannot be what was written.
    """
    tests = (recorded_test(folder, planned) for planned in read_plans(folder))
    return {one.number for test in tests if not test.should_stop for one in test.episodes}
