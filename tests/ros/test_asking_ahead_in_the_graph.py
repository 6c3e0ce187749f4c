"""A graph whose chunks are asked for ahead: equal to one process, and on time in real time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from dsrl_core.catalog import POLICIES_VARIABLE
from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.errors import DsrlError
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.types import Episode, Mode
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.rendering import RendererMissing, available_backend
from tests.core.history_setup import NAME as NAME_WITH_A_PAST
from tests.core.history_setup import policy_with_a_past
from tests.core.serving_setup import Watched, policy_server, served
from tests.ros.real_time_setup import one_episode
from tests.ros.test_lock_step import SEED, InOneProcess, assert_equal

AHEAD = 2
WARM_UP = 10


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def stamps_s(episode: Episode) -> np.ndarray:
    return np.array([step.decision.observation.stamp_ns * 1e-9 for step in episode.steps[:-1]])


def test_in_lock_step_it_is_equal_to_one_process_and_learned_from(tmp_path: Path) -> None:
    here = InOneProcess(ahead=AHEAD)
    options = SessionOptions(overrides=(f"chunk_player.ask_ahead={AHEAD}",))
    with GraphSession("franka_pick", tmp_path, SEED, options) as graph:
        store = EpisodeStore(tmp_path / "episodes")
        for mode, count in ((Mode.BASE, 2), (Mode.TRAIN, WARM_UP + 1)):
            for index, result in enumerate(graph.run(mode, count)):
                expected, outcome = here.run(result.episode, mode, index)
                assert_equal(store.read(result.episode), expected)
                assert result.outcome == outcome
        assert graph.learner_status.weights_version > 0
        first, *later = np.diff(stamps_s(store.read(0)))
        # The first chunk was asked for at rest; from then on the arm never waits.
        assert first == pytest.approx(0.2)
        assert later == pytest.approx([0.4] * len(later))


def test_what_a_policy_with_cameras_is_asked_ahead_it_sees_as_in_one_process(
    tmp_path: Path,
) -> None:
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    here = InOneProcess("franka_pick_vision", ahead=AHEAD)
    options = SessionOptions(overrides=(f"chunk_player.ask_ahead={AHEAD}",))
    with GraphSession("franka_pick_vision", tmp_path, SEED, options) as graph:
        (result,) = graph.run(Mode.BASE, 1)
    expected, outcome = here.run(result.episode, Mode.BASE, 0)
    assert_equal(EpisodeStore(tmp_path / "episodes").read(result.episode), expected)
    assert result.outcome == outcome


def test_what_a_policy_with_a_past_is_asked_ahead_it_sees_as_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy_with_a_past(tmp_path / "policies")
    monkeypatch.setenv(POLICIES_VARIABLE, str(tmp_path / "policies"))
    here = InOneProcess(policy_name=NAME_WITH_A_PAST, ahead=AHEAD)
    options = SessionOptions(
        policy=NAME_WITH_A_PAST, overrides=(f"chunk_player.ask_ahead={AHEAD}",)
    )
    with GraphSession("franka_pick", tmp_path / "run", SEED, options) as graph:
        (result,) = graph.run(Mode.BASE, 1)
    expected, _ = here.run(result.episode, Mode.BASE, 0)
    episode = EpisodeStore(tmp_path / "run" / "episodes").read(result.episode)
    assert_equal(episode, expected)
    assert len(episode.steps) >= 4


def told(graph: GraphSession) -> dict[str, str]:
    """What the chunk player's diagnostics say, of now."""
    client = graph.client
    client.chunks = {}
    client.wait_for("diagnostics", lambda: bool(client.chunks), 10.0)
    return client.chunks


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+\.?\d*", text)]


def assert_asked_in_turn_and_played_whole(episode: Episode) -> None:
    assert len(episode.steps) >= 4, "nothing to see in so short an episode"
    assert [step.decision.sequence for step in episode.steps] == list(range(len(episode.steps)))
    played = [step.steps_executed for step in episode.steps[:-2]]
    assert played == [4] * len(played)
    assert all(later > earlier for earlier, later in pairwise(stamps_s(episode)))


def test_in_real_time_it_is_asked_as_early_as_answers_take(tmp_path: Path) -> None:
    options = SessionOptions(realtime=True, overrides=("chunk_player.ask_ahead=-1",))
    with GraphSession("franka_pick", tmp_path, SEED, options) as graph:
        result = one_episode(graph, Mode.ZERO)
        chunks = told(graph)
    episode = EpisodeStore(tmp_path / "episodes").read(result.episode)
    assert_asked_in_turn_and_played_whole(episode)
    assert int(chunks["answers"]) >= len(episode.steps) - 2
    ahead, lead_ms = numbers(chunks["asked ahead"])
    (slowest_ms,) = numbers(chunks["latest answers, slowest"])
    assert 1 <= ahead <= 4
    assert lead_ms == 100 * ahead
    assert lead_ms >= slowest_ms or ahead == 4


SLOW_S = 0.15


@contextmanager
def slow_policy(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> Iterator[GraphSession]:
    """A real-time graph whose policy takes `SLOW_S`; its run lies in `folder / "run"`."""
    endpoint = f"ipc://{folder / 'slow'}"
    shipped = catalog().policy("franka_pick_flow")
    own = folder / "policies" / "slow"
    own.mkdir(parents=True)
    content = yaml.safe_load((shipped.folder / "policy.yaml").read_text())
    content |= {"name": "slow", "backend": "remote", "weights": "", "architecture": {}}
    content["settings"] = {"endpoint": endpoint, "timeout_s": 10.0}
    (own / "policy.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    monkeypatch.setenv(POLICIES_VARIABLE, str(folder / "policies"))

    def load() -> PolicyBackend:
        policy = Watched(load_policy(shipped))
        policy.before_decoding = lambda _: time.sleep(SLOW_S)
        return policy

    overrides = (f"chunk_player.ask_ahead={ahead}",)
    options = SessionOptions(policy="slow", realtime=True, overrides=overrides)
    with (
        served(load, policy_server(endpoint)),
        GraphSession("franka_pick", folder / "run", SEED, options) as graph,
    ):
        yield graph


def test_the_arm_never_waits_for_a_slow_policy_that_is_asked_early_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor longer than answers are late, on a machine that has no time for them."""
    with slow_policy(tmp_path, monkeypatch, ahead=4) as graph:
        result = one_episode(graph, Mode.ZERO)
        chunks = told(graph)
    episode = EpisodeStore(tmp_path / "run" / "episodes").read(result.episode)
    assert_asked_in_turn_and_played_whole(episode)
    assert all(step.decision.latency_s >= SLOW_S for step in episode.steps[:-1])
    (median_ms,) = numbers(chunks["latest answers, median"])
    assert median_ms >= 1e3 * SLOW_S
    late, late_ms = numbers(chunks["late answers"])
    assert late < int(chunks["answers"])
    period_s = catalog().robot("fr3").set_point_period_s
    idle, set_points = numbers(chunks["idle set-points"])
    assert set_points > 0
    assert idle * period_s <= 1e-3 * late_ms + 2 * late * period_s


def test_a_slow_policy_that_is_waited_for_is_where_the_time_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slow_policy(tmp_path, monkeypatch, ahead=0) as graph:
        result = one_episode(graph, Mode.ZERO)
        waited_s = SLOW_S * (result.decisions - 1) / 2
        assert waited_s > 0

        def is_told() -> bool:
            return dict(graph.client.budget.activities).get("waiting_policy", 0.0) > waited_s

        graph.client.wait_for("the time that went into waiting for the policy", is_told, 30.0)


@pytest.mark.parametrize(
    ("ahead", "words"), [(5, "expected 0 to 4"), (-1, "in lock-step an answer takes no time")]
)
def test_what_cannot_be_asked_ahead_is_refused_as_the_graph_starts(
    tmp_path: Path, ahead: int, words: str
) -> None:
    options = SessionOptions(overrides=(f"chunk_player.ask_ahead={ahead}",))
    with (
        pytest.raises(DsrlError, match=words),
        GraphSession("franka_pick", tmp_path, SEED, options),
    ):
        pass
