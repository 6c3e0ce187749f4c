"""A graph with evaluations among its training: what the guard hears, and the same learned again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.evaluation.run_curves import FROZEN, NOISE, SUCCESS, VALUE
from dsrl_core.evaluation.run_data import read_run
from dsrl_core.learning.alarms import NAMES
from dsrl_core.learning.run_record import read_versions
from dsrl_core.seeding import reset_seed
from dsrl_core.types import Mode
from dsrl_ros import topics
from dsrl_ros.session import GraphSession, SessionOptions

SEED = 3
COUNT = 15
DSRL = [sys.executable, "-m", "dsrl_ros.cli"]


def dsrl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DSRL, *arguments], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphSession]:
    """Fifteen training episodes, every fifth of them an evaluation."""
    out = tmp_path_factory.mktemp("run")
    options = SessionOptions(overrides=("episode_manager.evaluation_share=0.2",))
    with GraphSession("franka_pick", out, SEED, options) as session:
        session.run(Mode.TRAIN, COUNT)
        yield session


def folder_of(run: GraphSession) -> Path:
    return run.graph.options.out


def test_every_fifth_episode_is_an_evaluation_from_a_reset_of_its_own(run: GraphSession) -> None:
    store = EpisodeStore(folder_of(run) / "episodes")
    episodes = [store.read(number) for number in store.numbers()]
    assert [e.number for e in episodes if e.mode is Mode.EVAL] == [4, 9, 14]
    assert [e.seed for e in episodes if e.mode is Mode.EVAL] == [
        reset_seed(SEED, Mode.EVAL, index) for index in range(3)
    ]
    assert {e.mode for e in episodes} == {Mode.TRAIN, Mode.EVAL}


def test_the_guard_heard_all_of_them_and_the_learner_only_training(run: GraphSession) -> None:
    status = run.learner_status
    assert status.episodes == COUNT - 3
    assert status.guard.base[1] + status.guard.evaluated[1] + status.guard.trained[1] == COUNT
    assert status.guard.evaluated[1] == 1
    assert status.guard.best_version == 1


def test_diagnostics_tell_versions_and_rates(run: GraphSession) -> None:
    heard: list[DiagnosticStatus] = []
    topics.DIAGNOSTICS.subscribe(run.client.node, lambda message: heard.extend(message.status))

    def of_learner() -> list[DiagnosticStatus]:
        return [status for status in heard if status.name == "dsrl: learner"]

    run.client.wait_for("diagnostics", lambda: bool(of_learner()), 10.0)
    status = of_learner()[-1]
    values = {value.key: value.value for value in status.values}
    assert status.hardware_id == "fr3"
    assert values["weights version"] == str(run.learner_status.weights_version)
    assert "95% interval" in values["success, frozen policy"]


def test_status_shows_the_guard(run: GraphSession) -> None:
    shown = dsrl("status").stdout
    assert "best checkpoint 1" in shown
    assert "frozen policy" in shown
    assert "95% interval" in shown


def test_a_learner_that_is_started_again_learns_the_same_weights(run: GraphSession) -> None:
    before, status = read_versions(folder_of(run)), run.learner_status
    file = folder_of(run) / "checkpoints" / "versions.jsonl"
    written_ns = file.stat().st_mtime_ns
    process = run.process_id("learner")
    assert process is not None
    os.kill(process, signal.SIGKILL)

    def is_back() -> bool:
        return file.stat().st_mtime_ns > written_ns and read_versions(folder_of(run)) == before

    run.client.wait_for("new start", is_back, 60.0)
    assert run.learner_status.weights_version == status.weights_version


def test_retrain_gives_the_live_learners_weights_to_the_bit(
    run: GraphSession, tmp_path: Path
) -> None:
    versions = read_versions(folder_of(run))
    told = dsrl("retrain", str(folder_of(run)), "--out", str(tmp_path))
    assert told.returncode == 0, told.stderr
    assert versions[max(versions)] in told.stdout
    assert "equal, to the bit" in told.stdout
    assert (tmp_path / "steering.safetensors").exists()


def test_retrain_with_other_settings_offline(run: GraphSession, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("{algorithm: dsrl_sac, settings: {batch: 16}}")
    told = dsrl(
        "retrain", str(folder_of(run)), "--config", str(config), "--out", str(tmp_path),
        "--updates", "60", "--seed", "5",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert f"60 updates on {COUNT - 3} episodes, dsrl_sac (robot), seed 5" in told.stdout


def test_retrain_of_what_is_no_run_is_refused(tmp_path: Path, domain: int) -> None:
    told = dsrl("retrain", str(tmp_path))
    assert told.returncode == 2
    assert "is no folder of a run" in told.stderr


def test_a_run_begins_with_what_was_recorded_before(
    run: GraphSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No warm-up, no switch: the first episode is steered by weights of the earlier run's."""
    earlier = folder_of(run)
    run.close()
    options = SessionOptions(overrides=(f"learner.prior={earlier}",))
    out = tmp_path_factory.mktemp("next")
    with GraphSession("franka_pick", out, SEED, options) as session:
        session.client.wait_for(
            "learning", lambda: session.learner_status.weights_version == 1, 60.0
        )
        (result,) = session.run(Mode.TRAIN, 1)
    assert result.weights_version == 1
    episode = EpisodeStore(out / "episodes").read(result.episode)
    assert {step.decision.source for step in episode.steps[:-1]} == {"search"}


def test_curves_of_guard_and_alarms_are_on_the_board(run: GraphSession) -> None:
    run.close()
    tags: set[str] = set()
    points: dict[str, dict[int, float]] = {}
    for file in sorted((folder_of(run) / "tensorboard").iterdir()):
        events = EventAccumulator(str(file))
        events.Reload()
        tags |= set(events.Tags()["scalars"])
        for tag in events.Tags()["scalars"]:
            points.setdefault(tag, {}).update({e.step: e.value for e in events.Scalars(tag)})
    assert {"critic/loss", "guard/base", "guard/best_version", "guard/acts_as_base"} <= tags
    assert {f"alarm/{name}" for name in NAMES} <= tags
    told = read_run(folder_of(run))
    for curve in (SUCCESS, FROZEN, NOISE, VALUE):
        shown = dict(curve.points(told))
        assert shown
        assert points[curve.name] == pytest.approx(shown), "as the report has it"


def test_up_with_an_earlier_run_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, domain: int
) -> None:
    told = dsrl("up", "--sim", "--out", str(tmp_path / "out"), "--prior", str(tmp_path))
    assert told.returncode == 2
    assert f"{tmp_path} is no folder of a run" in told.stderr
    assert not (tmp_path / "out").exists()
