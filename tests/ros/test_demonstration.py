"""The order of a demonstration, its record after every episode, and going on with it.

The session is a script: the graph itself is run by `test_demo`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.evaluation.summary import Measured, Measurement, Settings, Summary
from dsrl_core.evaluation.summary_file import read_summary
from dsrl_core.status import LearnerStatus
from dsrl_core.types import Mode, Outcome
from dsrl_ros.demo.demonstration import Demonstration
from dsrl_ros.demo.record import Record

SETTINGS = Settings("franka_pick", "fr3", "franka_pick_flow", 0, 3, 4, 5, 2, 2, 2, False)
WHOLE = [
    ("base", 0, 5),
    ("zero", 0, 5),
    ("train", 0, 3),
    ("eval", 0, 2),
    ("train", 3, 2),
    ("eval", 0, 2),
    ("train", 5, 2),
    ("eval", 0, 5),
]
"""Mode, first index and count of every run of a demonstration without interruption."""


@dataclass(frozen=True)
class Result:
    episode: int
    outcome: Outcome
    steps: int = 20
    weights_version: int = 0


class ScriptedSession:
    """Every second reset succeeds; Ctrl+C is pressed after so many episodes."""

    def __init__(self, episodes_until_interrupt: int = 10**6) -> None:
        self.left = episodes_until_interrupt
        self.runs: list[tuple[str, int, int]] = []
        self.learner_status = LearnerStatus(weights_version=7, updates=70, updates_per_s=33.0)
        self._number = 0

    def run(
        self,
        mode: Mode,
        count: int,
        first_index: int,
        progress: Callable[[Result], None] | None = None,
    ) -> Sequence[Result]:
        self.runs.append((str(mode), first_index, count))
        results = []
        for index in range(first_index, first_index + count):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            outcome = Outcome.SUCCESS if index % 2 else Outcome.FAILURE
            results.append(Result(self._number, outcome, weights_version=7))
            self._number += 1
            assert progress is not None
            progress(results[-1])
        return results


class ScriptedOracle:
    def __init__(self, count: int) -> None:
        self.count = count

    def episodes(self) -> list[tuple[Outcome, float]]:
        return []

    def wait(self) -> list[tuple[Outcome, float]]:
        return [(Outcome.SUCCESS, 2.0)] * self.count


class Silent:
    def __init__(self) -> None:
        self.ended_phases: list[str] = []

    def phase(self, name: str, total: int) -> None: ...

    def episode(self, name: str, outcomes: Sequence[Outcome], learner: LearnerStatus) -> None: ...

    def ended(self, name: str, count: SuccessCount) -> None:
        self.ended_phases.append(name)


def fresh() -> Summary:
    oracle = Measurement(SETTINGS.eval_episodes)
    return Summary(SETTINGS, measurements={Measured.ORACLE: oracle})


def perform(out: Path, summary: Summary, session: ScriptedSession) -> list[str]:
    record, watcher = Record(out, summary), Silent()
    missing = summary.measurements[Measured.ORACLE].missing
    demonstration = Demonstration(record, session, watcher, action_period_s=0.1)
    demonstration.run(ScriptedOracle(missing))  # type: ignore[arg-type]
    demonstration.measure(Measured.ACTOR, Mode.ACTOR, SETTINGS.actor_episodes)
    return watcher.ended_phases


def without_times(summary: Summary) -> Summary:
    return replace(
        summary,
        wall_s=0.0,
        measurements={
            what: replace(measurement, wall_s=0.0, episodes=())
            for what, measurement in summary.measurements.items()
        },
        curve_points=tuple(
            replace(point, measurement=replace(point.measurement, wall_s=0.0, episodes=()))
            for point in summary.curve_points
        ),
        sim_s=0.0,
    )


def test_it_measures_learns_and_measures_again(tmp_path: Path) -> None:
    session = ScriptedSession()
    phases = perform(tmp_path, fresh(), session)
    assert session.runs == [*WHOLE, ("actor", 0, 2)]
    assert phases == [
        "base",
        "zero_noise",
        "oracle",
        "warm-up 3",
        "curve 0",
        "training 2",
        "curve 2",
        "training 4",
        "steered",
        "actor",
    ]
    summary = read_summary(tmp_path)
    assert summary.phases_done == tuple(phases)
    assert summary.count(Measured.BASE) == SuccessCount.of(2, 5)
    assert summary.count(Measured.ORACLE) == SuccessCount.of(5, 5)
    assert [point.online_episodes for point in summary.curve] == [0, 2, 4]
    assert (len(summary.warm_up_outcomes), len(summary.training_outcomes)) == (3, 4)
    assert summary.sim_s == pytest.approx(2.0 * (5 + 5 + 7 + 4 + 5 + 2))
    assert (summary.updates, summary.updates_per_s) == (70, 33.0)


@pytest.mark.parametrize("episodes", range(28))
def test_stopped_anywhere_it_goes_on_to_the_same_end(episodes: int, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    for folder in (whole, part):
        folder.mkdir()
    perform(whole, fresh(), ScriptedSession())
    with pytest.raises(KeyboardInterrupt):
        perform(part, fresh(), ScriptedSession(episodes))
    again = ScriptedSession()
    perform(part, read_summary(part), again)
    assert without_times(read_summary(part)) == without_times(read_summary(whole))
    assert sum(count for mode, _, count in again.runs if mode == "base") == max(0, 5 - episodes)


def test_a_point_of_the_curve_whose_weights_are_gone_is_left_out(tmp_path: Path) -> None:
    trained = replace(
        fresh(), warm_up_outcomes=(Outcome.FAILURE,) * 3, training_outcomes=(Outcome.SUCCESS,) * 3
    )
    session = ScriptedSession()
    perform(tmp_path, trained, session)
    assert [point.online_episodes for point in read_summary(tmp_path).curve] == [4]
    assert ("train", 6, 1) in session.runs


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    perform(tmp_path, fresh(), ScriptedSession())
    session = ScriptedSession()
    perform(tmp_path, read_summary(tmp_path), session)
    assert session.runs == []
