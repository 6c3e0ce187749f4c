"""Two graphs on one ROS domain, each in a namespace of its own, know nothing of each other."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.status import Phase
from dsrl_core.types import Mode
from dsrl_ros.client import GraphClient
from dsrl_ros.graph import GraphOptions, describe
from dsrl_ros.namespaces import full_namespace
from dsrl_ros.session import EpisodeResult, GraphSession, SessionOptions
from tests.ros.real_time_setup import one_episode

TASK = "franka_pick"
COUNT = 3


class Beside(threading.Thread):
    """A run of a graph while another one runs."""

    def __init__(self, graph: GraphSession) -> None:
        super().__init__()
        self._graph = graph
        self.results: list[EpisodeResult] = []
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.results = self._graph.run(Mode.BASE, COUNT)
        except DsrlError as error:
            self.error = error


def ways(results: list[EpisodeResult]) -> list[tuple[object, int, int]]:
    return [(result.outcome, result.steps, result.decisions) for result in results]


def in_namespace(folder: Path, namespace: str, seed: int) -> GraphSession:
    return GraphSession(TASK, folder, seed, SessionOptions(namespace=namespace))


def told_by(*arguments: str) -> str:
    command = [sys.executable, "-m", "dsrl_ros.cli", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_two_graphs_on_a_domain_do_not_disturb_each_other(tmp_path: Path) -> None:
    with in_namespace(tmp_path / "left", "left", 3) as left:
        alone = left.run(Mode.BASE, COUNT)
        assert left.client.node_names() >= {node.name for node in left.graph.nodes}
        with in_namespace(tmp_path / "right", "/cell/right", 4) as right:
            other = Beside(right)
            other.start()
            together = left.run(Mode.BASE, COUNT)
            other.join()
            assert other.error is None
            assert ways(together) == ways(alone)
            assert ways(right.run(Mode.BASE, COUNT)) == ways(other.results)

            # What a person says in one is not heard in the other.
            told_by("stop", "--namespace", "left")
            left.client.wait_for("hold", lambda: is_held(left), 20.0)
            right.client.spin(0.5)
            assert not is_held(right)
            assert "is held (stop)" in told_by("status", "--namespace", "left")
            assert "the arm is not held" in told_by("status", "--namespace", "cell/right")
            told_by("resume", "--namespace", "/left")
            left.client.wait_for("release", lambda: not is_held(left), 20.0)

            # Labels too: the last episode of each is discarded in one only.
            last = together[-1].episode
            told_by("label", "discard", "--episode", str(last), "--namespace", "left")
            left.client.wait_for(
                "label", lambda: left.client.labels[last].outcome == "discard", 20.0
            )
            right.client.spin(0.5)
            assert "discard" not in {label.outcome for label in right.client.labels.values()}


def is_held(graph: GraphSession) -> bool:
    return graph.client.safety is not None and graph.client.safety.held


def test_in_real_time_too_an_episode_runs(tmp_path: Path) -> None:
    options = SessionOptions(realtime=True, namespace="cell")
    with GraphSession(TASK, tmp_path, 3, options) as graph:
        result = one_episode(graph, Mode.ZERO)
        assert result.steps > 0
        assert graph.client.status is not None
        assert graph.client.status.phase is Phase.IDLE


def test_second_graph_in_a_namespace_is_refused_and_names_it(tmp_path: Path) -> None:
    with (
        in_namespace(tmp_path / "one", "cell", 3),
        pytest.raises(DsrlError, match=r"already runs on ROS domain .* in namespace /cell"),
        in_namespace(tmp_path / "two", "/cell/", 3),
    ):
        pytest.fail("both run")


@pytest.mark.parametrize("given", ["2cells", "a cell", "~cell", "cell//left"])
def test_what_is_no_namespace_is_refused(given: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=f"namespace is '{given}', expected letters"):
        describe(GraphOptions(TASK, tmp_path, namespace=given))


@pytest.mark.parametrize(
    ("given", "full"), [("", ""), ("/", ""), ("cell", "/cell"), ("/cell/left/", "/cell/left")]
)
def test_slashes_around_a_namespace_may_be_left_out(given: str, full: str) -> None:
    assert full_namespace(given) == full


def test_nobody_in_a_namespace_is_told_with_its_name() -> None:
    client = GraphClient("asks", "nowhere")
    try:
        with pytest.raises(DsrlError, match=r"on ROS domain .* in namespace /nowhere"):
            client.wait_for("graph", lambda: False, 0.1)
    finally:
        client.close()
