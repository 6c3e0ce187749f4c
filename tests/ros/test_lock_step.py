"""The graph of processes and the loop in one process decide alike, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.seeding import reset_seed
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Episode, Label, Mode, Outcome
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession
from dsrl_sim.assembly import make_rollout

SEED = 3


class InOneProcess:
    """The same run without ROS: rollouts, and a learner that is always up to date."""

    def __init__(
        self, task_name: str = "franka_pick", policy_name: str = "", ahead: int = 0
    ) -> None:
        known = catalog()
        task = known.task(task_name)
        policy = load_policy(known.policy_of(task, policy_name))
        self.loop = DecisionLoop(task, policy, SEED)
        self.learner = Learner([LearnedTask(task, policy)], SEED)
        self.rollout = make_rollout(task, known, policy.spec, self.loop, ahead)

    def run(self, number: int, mode: Mode, index: int) -> tuple[Episode, Outcome]:
        episode, success = self.rollout.run(number, mode, reset_seed(SEED, mode, index))
        outcome = Outcome.SUCCESS if success else Outcome.FAILURE
        if mode is Mode.TRAIN:
            self.learner.add_episode(episode)
            self.learner.set_label(Label(number, outcome, float(success), "test", 0))
        if self.learner.updates_pending:
            while self.learner.updates_pending:
                self.learner.update(1)
            self.loop.set_weights(*self.learner.weights())
        return episode, outcome


@pytest.fixture(scope="module")
def here() -> Iterator[InOneProcess]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield InOneProcess()
    torch.set_num_threads(threads)


def assert_equal(of_graph: Episode, here: Episode) -> None:
    """Every decision and what became of it; only stamps and latencies may differ."""
    assert len(of_graph.steps) == len(here.steps)
    assert of_graph.end_reason == here.end_reason
    for one, other in zip(of_graph.steps, here.steps, strict=True):
        assert one.steps_executed == other.steps_executed
        one_decision, other_decision = one.decision, other.decision
        for name in ("source", "weights_version", "seed", "sequence"):
            assert getattr(one_decision, name) == getattr(other_decision, name), name
        np.testing.assert_array_equal(
            one_decision.observation.values, other_decision.observation.values
        )
        np.testing.assert_array_equal(
            one_decision.observation.images, other_decision.observation.images
        )
        for name in ("noise_requested", "noise", "chunk"):
            np.testing.assert_array_equal(
                getattr(one_decision, name), getattr(other_decision, name), err_msg=name
            )
        np.testing.assert_equal(one_decision.value, np.float32(other_decision.value))


@pytest.mark.parametrize(
    ("mode", "count"), [(Mode.BASE, 3), (Mode.ZERO, 2), (Mode.TRAIN, 12), (Mode.EVAL, 2)]
)
def test_graph_decides_as_the_loop_in_one_process(
    graph: GraphSession, here: InOneProcess, mode: Mode, count: int
) -> None:
    store = EpisodeStore(graph.graph.options.out / "episodes")

    results = graph.run(mode, count)

    for index, result in enumerate(results):
        expected, outcome = here.run(result.episode, mode, index)
        assert_equal(store.read(result.episode), expected)
        assert result.outcome == outcome


def test_weights_were_learned_and_handed_over(graph: GraphSession) -> None:
    assert graph.learner_status.weights_version == 3
    assert graph.learner_status.updates_pending == 0
    assert graph.learner_status.episodes == 12


def test_latency_of_decisions_is_recorded(graph: GraphSession) -> None:
    store = EpisodeStore(graph.graph.options.out / "episodes")
    episode = store.read(store.numbers()[-1])
    assert all(0 < step.decision.latency_s < 1 for step in episode.steps[:-1])
