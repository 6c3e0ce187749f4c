"""The report's curves and TensorBoard's have the same names and the same points."""

from __future__ import annotations

import html
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.ledger import LabelLedger
from dsrl_core.data.timeline import Timeline
from dsrl_core.evaluation.ab_run import ComparisonRun, requested_run, write_plan
from dsrl_core.evaluation.run_board import RunBoard
from dsrl_core.evaluation.run_curves import CURVES, FROZEN, NOISE, SUCCESS
from dsrl_core.evaluation.run_data import read_run
from dsrl_core.evaluation.run_figures import draw_curve
from dsrl_core.evaluation.run_report import render_run_report
from dsrl_core.status import EpisodeStatus, Phase
from dsrl_core.types import Mode, Outcome
from tests.core.test_run_report import POLICY, episode, folder, label  # noqa: F401

WAIT_S = 30.0


class Board:
    """Keeps what TensorBoard would be told."""

    def __init__(self, run: Path) -> None:
        self.told: list[tuple[str, int, float]] = []
        self.board = RunBoard(run, self._add_scalar)

    def _add_scalar(self, name: str, value: float, step: int) -> None:
        self.told.append((name, step, value))

    def points(self) -> dict[str, dict[int, float]]:
        """The last word on each."""
        found: dict[str, dict[int, float]] = {}
        for name, step, value in self.told:
            found.setdefault(name, {})[step] = value
        return found

    def until(self, name: str, count: int) -> None:
        """So many points of a curve are there."""
        self.board.nudge()
        until_s = time.monotonic() + WAIT_S
        while len(self.points().get(name, {})) < count:
            assert time.monotonic() < until_s
            time.sleep(0.01)


def test_every_curve_of_the_report_is_a_scalar_of_the_same_name_and_the_other_way_round(
    folder: Path,  # noqa: F811
) -> None:
    timeline = Timeline(folder)
    for phase in Phase:
        timeline.add(EpisodeStatus(0, phase))
    timeline.add(EpisodeStatus())
    board = Board(folder)
    board.board.close()
    run = read_run(folder)
    text = render_run_report([run], {POLICY.name: POLICY}, {})
    shown = {html.unescape(name) for name in re.findall(r"<code>([a-z]+/\w+)</code>", text)}
    assert {curve.name for curve in CURVES if curve.points(run)} <= shown
    assert set(board.points()) == {curve.name for curve in CURVES if curve.points(run)}
    for curve in CURVES:
        assert board.points().get(curve.name, {}) == dict(curve.points(run)), curve.name
        assert re.fullmatch(r"[\w./-]+", curve.name), "TensorBoard would change it"
    assert len(board.told) == len({(name, step) for name, step, _ in board.told}), "each once"


def test_what_is_drawn_is_what_is_told(folder: Path) -> None:  # noqa: F811
    with LabelLedger(folder / "ledger.jsonl") as ledger:
        ledger.append(label(4, Outcome.SUCCESS))
    run = read_run(folder)
    axes = draw_curve([run]).axes[0]
    drawn = {tuple(map(tuple, line.get_xydata())) for line in axes.get_lines()}  # type: ignore[arg-type]
    assert SUCCESS.points(run) in drawn
    assert SUCCESS.points(run)[-1] == (3, pytest.approx(1 / 3))
    assert FROZEN.points(run)[-1][1] == run.count(run.base).rate
    assert axes.get_title(loc="left") == SUCCESS.title


def test_new_episodes_and_corrections_are_told_while_the_run_goes_on(
    folder: Path,  # noqa: F811
) -> None:
    board = Board(folder)
    board.until(SUCCESS.name, 2)
    EpisodeStore(folder / "episodes").write(episode(6, Mode.TRAIN, 5))
    with LabelLedger(folder / "ledger.jsonl") as ledger:
        ledger.append(label(6, Outcome.SUCCESS))
        board.until(SUCCESS.name, 3)
        ledger.append(replace(label(6, Outcome.FAILURE), stamp_ns=99))
    board.board.nudge()
    board.board.close()
    of_third = [value for name, step, value in board.told if (name, step) == (SUCCESS.name, 3)]
    assert of_third == [pytest.approx(1 / 3), 0.0]
    assert set(board.points()[NOISE.name]) == {0, 1, 2, 3, 6}


def test_a_blinded_comparison_is_on_no_curve_before_it_is_over(folder: Path) -> None:  # noqa: F811
    before = {curve.name: curve.points(read_run(folder)) for curve in CURVES}
    wanted = requested_run("ab", 5, 7, 0, ["base", "eval@4"], (4,))
    assert isinstance(wanted, ComparisonRun)
    write_plan(folder, wanted, 6, resets_match=True)
    timeline = Timeline(folder)
    for number, index in ((6, 0), (7, 1)):
        arm, code = wanted.plan.arm_of(index), wanted.plan.code_of(index)
        version = arm.weights_version or 0
        EpisodeStore(folder / "episodes").write(episode(number, arm.mode, version))
        timeline.add(EpisodeStatus(number, Phase.DONE, arm.mode, outcome="success", code=code))
        with LabelLedger(folder / "ledger.jsonl") as ledger:
            ledger.append(label(number, Outcome.SUCCESS))
    run = read_run(folder)
    assert len(run.episodes) == 8
    for curve in CURVES:
        if not curve.name.startswith("minutes/"):
            assert curve.points(run) == before[curve.name], curve.name


def test_a_folder_that_is_no_run_yet_is_looked_at_again(tmp_path: Path) -> None:
    board = Board(tmp_path / "run")
    board.board.nudge()
    EpisodeStore(tmp_path / "run" / "episodes").write(episode(0, Mode.BASE, 0))
    with LabelLedger(tmp_path / "run" / "ledger.jsonl") as ledger:
        ledger.append(label(0, Outcome.SUCCESS))
    board.until(FROZEN.name, 1)
    board.board.close()
