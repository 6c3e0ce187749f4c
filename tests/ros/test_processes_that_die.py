"""Whatever process is killed in mid-episode: it is told, and no labelled episode is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.errors import DsrlError
from dsrl_core.status import Phase
from dsrl_core.types import Mode
from dsrl_ros.session import EpisodeResult, GraphSession

SEED = 3
COUNT = 3
WAIT_S = 60.0


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory, told: list[str]) -> Iterator[GraphSession]:
    with GraphSession(
        "franka_pick", tmp_path_factory.mktemp("run"), SEED, tell=told.append
    ) as session:
        yield session


@pytest.fixture(scope="module")
def undisturbed(graph: GraphSession) -> list[EpisodeResult]:
    return graph.run(Mode.BASE, COUNT)


def kill(graph: GraphSession, node: str) -> None:
    process = graph.process_id(node)
    assert process is not None
    os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize(
    "node",
    [
        "noise_actor",
        "policy_server",
        "learner",
        "auto_operator",
        "chunk_player",
        "rollout_recorder",
    ],
)
def test_run_goes_on_with_the_same_outcomes(
    graph: GraphSession, told: list[str], undisturbed: list[EpisodeResult], node: str
) -> None:
    told.clear()

    def kill_after_first(result: EpisodeResult) -> None:
        if len(seen) == 0:
            kill(graph, node)
        seen.append(result)

    seen: list[EpisodeResult] = []
    results = graph.run(Mode.BASE, COUNT, progress=kill_after_first)

    graph.client.wait_for("new start", lambda: graph.process_id(node) is not None, WAIT_S)
    assert [result.outcome for result in results] == [r.outcome for r in undisturbed]
    assert [result.steps for result in results] == [r.steps for r in undisturbed]
    assert any(text.startswith(f"{node} was ended by SIGKILL") for text in told), told
    stored = EpisodeStore(graph.graph.options.out / "episodes").numbers()
    assert {result.episode for result in results} <= set(stored)


def test_stop_makes_the_running_episode_invalid(graph: GraphSession) -> None:
    client = graph.client

    def is_in(phase: Phase) -> bool:
        return client.status is not None and client.status.phase is phase

    number = client.begin(Mode.BASE, 50, SEED, 0)
    client.wait_for("start", lambda: is_in(Phase.RUNNING), WAIT_S)
    client.stop()
    client.wait_for("end", lambda: is_in(Phase.IDLE), WAIT_S)

    assert client.status is not None
    last = client.status.episode
    assert number <= last < number + 50
    episode = EpisodeStore(graph.graph.options.out / "episodes").read(last)
    if episode.is_valid:  # it was over before the stop came
        client.wait_for("label", lambda: last in client.labels, WAIT_S)


def test_a_run_is_lost_with_the_episode_manager_and_the_next_one_is_served(
    graph: GraphSession, undisturbed: list[EpisodeResult]
) -> None:
    def kill_manager(_: EpisodeResult) -> None:
        kill(graph, "episode_manager")

    with pytest.raises(DsrlError, match=f"the run ended after . of {COUNT} episodes"):
        graph.run(Mode.BASE, COUNT, progress=kill_manager)

    again = graph.run(Mode.BASE, COUNT)
    assert [result.outcome for result in again] == [r.outcome for r in undisturbed]


def test_without_its_simulator_a_run_is_given_up(graph: GraphSession) -> None:
    def kill_simulator(_: EpisodeResult) -> None:
        kill(graph, "franka_sim")

    with pytest.raises(DsrlError, match="franka_sim was ended by SIGKILL"):
        graph.run(Mode.BASE, COUNT, progress=kill_simulator)
    graph.client.wait_for("end", lambda: graph.process_id("chunk_player") is None, WAIT_S)
