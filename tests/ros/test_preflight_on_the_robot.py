"""`./dsrl preflight --robot` on a real graph, labelled by the automatic operator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.ledger import LedgerFollower
from dsrl_core.errors import DsrlError
from dsrl_core.specs import PolicySpec, TaskSpec
from dsrl_core.status import RUN_TRIALS, EpisodeStatus, LearnerStatus, Phase
from dsrl_core.steering.preflight.examination import Effort, Measured, examine
from dsrl_core.steering.preflight.verdict import EXIT_STATUS, Level
from dsrl_core.types import Mode
from dsrl_ros.client import GraphClient
from dsrl_ros.paths import catalog
from dsrl_ros.preflight import command, robot
from dsrl_ros.preflight.command import Asked, with_robot
from dsrl_ros.preflight.robot import RobotTrials, sentence
from dsrl_ros.session import GraphSession

BRIEF = ("--observations", "4", "--noises", "16")
TASK = catalog().task("franka_pick")
POLICY = catalog().policy_of(TASK, "")


def typed(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dsrl_ros.cli", "preflight", "--robot", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(typed(*arguments), capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def known(graph: GraphSession) -> GraphSession:
    """A graph that was refused without recorded observations, and has some now."""
    finished = run(*BRIEF)
    assert finished.returncode == 2
    assert "let the graph play a few base episodes" in finished.stderr
    assert "Traceback" not in finished.stderr
    graph.run(Mode.TRAIN, 3)
    read(graph)
    return graph


def status_of(graph: GraphSession) -> EpisodeStatus:
    assert graph.client.status is not None
    return graph.client.status


def read(graph: GraphSession) -> LearnerStatus:
    """The learner's word once it has taken every label."""
    entries = len(LedgerFollower(graph.graph.options.out / "ledger.jsonl").new())
    graph.client.wait_for(
        "all labels read", lambda: graph.learner_status.ledger_entries == entries, 20.0
    )
    return graph.learner_status


def trials(graph: GraphSession, task: TaskSpec = TASK, policy: PolicySpec = POLICY) -> RobotTrials:
    return RobotTrials(graph.client, task, policy, lambda text: None)


def test_noises_are_tried_in_turn_and_the_verdict_knows_them(known: GraphSession) -> None:
    before, folder = read(known), known.graph.options.out
    finished = run("--each", "2", "--json", *BRIEF)
    content = json.loads(finished.stdout)
    assert finished.returncode == EXIT_STATUS[Level(content["verdict"])], finished.stderr
    assert json.loads((folder / "preflight.json").read_text()) == content
    noises = content["robot"]["noises"]
    assert noises[0] == "base"
    assert len(noises) == 3
    assert {name: count["trials"] for name, count in content["compared"].items()} == dict.fromkeys(
        noises, 2
    )
    # What was recorded before is known of the head-room, but was not played in turn.
    assert content["head_room"]["base"]["trials"] == content["trials"]["base"]["trials"] == 5
    assert set(content["against_base"]) == set(noises[1:])

    store = EpisodeStore(folder / "episodes")
    played = [store.read(number) for number in range(3, 9)]
    sources = [{step.decision.source for step in episode.steps[:-1]} for episode in played]
    assert sorted(source for (source,) in sources) == sorted([*noises, *noises])
    for episode, (source,) in zip(played, sources, strict=True):
        assert episode.mode is (Mode.BASE if source == "base" else Mode.SHAPED)
    rounds = [{episode.seed for episode in played[first : first + 3]} for first in (0, 3)]
    assert [len(one) for one in rounds] == [1, 1]
    assert rounds[0] != rounds[1]
    for line in finished.stderr.splitlines():
        assert not (line.startswith("trial") and any(noise in line for noise in noises)), line

    after = read(known)
    assert (after.episodes, after.updates, after.weights_version) == (
        before.episodes,
        before.updates,
        before.weights_version,
    )


def test_an_interrupted_preflight_leaves_an_idle_graph(known: GraphSession) -> None:
    client = known.client
    with subprocess.Popen(
        typed("--each", "100", *BRIEF), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:

        def moves() -> bool:
            assert process.poll() is None, process.communicate()
            status = status_of(known)
            return status.run_mode == RUN_TRIALS and status.phase is Phase.RUNNING

        client.wait_for("trial", moves, 120.0)
        os.kill(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60.0)
    assert process.returncode == 130, told
    assert "the trials were stopped" in told
    assert "Traceback" not in told
    client.wait_for("idle graph", lambda: status_of(known).phase is Phase.IDLE, 20.0)
    assert len(known.run(Mode.BASE, 1, 500)) == 1


def test_a_graph_that_is_busy_or_another_one_is_refused(
    known: GraphSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DsrlError, match="serves policy 'franka_pick_flow', asked for is 'other'"):
        trials(known, policy=replace(POLICY, name="other"))
    with pytest.raises(DsrlError, match="runs task 'franka_pick', asked for is 'franka_place'"):
        trials(known, catalog().task("franka_place"))
    ready = trials(known)
    first = known.client.begin(Mode.BASE, 0, 3, 600)
    known.client.wait_for("episode", lambda: status_of(known).episode >= first, 20.0)
    for asked in (lambda: trials(known), lambda: ready.play(("base",), 1, 0)):
        with pytest.raises(DsrlError, match=r"the graph is busy: episode .* of mode 'base'"):
            asked()
    known.client.stop()
    known.client.wait_for("idle graph", lambda: status_of(known).phase is Phase.IDLE, 20.0)

    monkeypatch.setattr(robot, "HEAR_S", 1.0)
    with (
        closing(GraphClient("lonely", "nowhere")) as client,
        pytest.raises(DsrlError, match=r"no running graph within 1 s .* in namespace /nowhere"),
    ):
        RobotTrials(client, TASK, POLICY, lambda text: None)


def test_after_a_stop_without_motion_the_arm_is_left_where_it_is(
    known: GraphSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(*arguments: Any) -> Measured:
        found = examine(*arguments)
        assert found.sensitivity is not None
        return replace(found, sensitivity=replace(found.sensitivity, behaviours=1.0))

    monkeypatch.setattr(command, "examine", narrow)
    before = status_of(known)
    told: list[str] = []
    robot_spec = catalog().robot(TASK.robot)
    asked = Asked(TASK, robot_spec, POLICY, None, tmp_path, 4, 0, Effort(4, 16, 4), each=2)
    content, folder = with_robot(asked, trials(known), told.append)
    assert (content["verdict"], content["robot"]["each"], folder) == (Level.STOP, 0, tmp_path)
    assert told[-1] == "stop, without any motion: the arm is left where it is"
    known.client.spin(0.5)
    assert status_of(known) == before


def test_who_labels_hears_codes_only() -> None:
    status = EpisodeStatus(
        4,
        Phase.AWAITING_LABEL,
        Mode.SHAPED,
        end_reason="deadline",
        run_done=4,
        run_total=24,
        run_mode=RUN_TRIALS,
        code="A3F09C",
        noise="repeated, clipped 2.5",
    )
    assert sentence(status) == "trial 5 of 24, called A3F09C: over (deadline); label it"
    ready = replace(status, phase=Phase.READY, waits_for="operator")
    assert sentence(ready) == "trial 5 of 24, called A3F09C: waits for operator."
    assert sentence(replace(status, phase=Phase.RUNNING)) == ""


def test_a_preflight_is_of_one_kind(tmp_path: Path) -> None:
    finished = run("--sim", "--out", str(tmp_path))
    assert finished.returncode == 2
    assert "on a running graph, --robot" in finished.stderr
