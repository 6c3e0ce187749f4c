"""Benchmarks' environments: episodes of chunks, what is learned from them, and missing packages."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.data.replay import Replay
from dsrl_core.environments import ChunkedRollout, MissingPackage, label_of, make_environment
from dsrl_core.environments.chunked_rollout import return_of, steps_of
from dsrl_core.environments.specs import policy_of, task_of
from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.native import network_of
from dsrl_core.policies.weights import save
from dsrl_core.specs import PolicySpec, TaskSpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Episode, Float32Array, Mode, Outcome
from tests.core.environment_setup import Line, Pusher
from tests.core.steering_setup import SMALL_SETTINGS, small_task

HORIZON = 4


def played(line: Line, push: float) -> tuple[Episode, bool]:
    return ChunkedRollout(line, Pusher(push)).run(3, Mode.TRAIN, 5)


def small_flow(folder: Path) -> PolicySpec:
    """A policy of random weights for the line."""
    torch.manual_seed(0)
    observations = np.random.default_rng(0).standard_normal((20, 2), dtype=np.float32)
    spec = replace(policy_of(Line(), observations, HORIZON, 2, 16, 2), folder=folder)
    save(network_of(spec), str(spec.weights_path))
    digest = hashlib.sha256(spec.weights_path.read_bytes()).hexdigest()
    return replace(spec, weights_sha256=digest)


def line_task(policy: PolicySpec, algorithm: str = "dsrl_na") -> TaskSpec:
    steering = replace(
        small_task().steering,
        algorithm=algorithm,
        warm_up_episodes=1,
        settings=SMALL_SETTINGS[algorithm],
    )
    return task_of(Line(), policy, steering, discount=0.9)


def learned(line: Line, push: float, folder: Path) -> tuple[Float32Array, Float32Array]:
    """Rewards and discounts that an episode trains with."""
    policy = small_flow(folder)
    replay = Replay(line_task(policy).reward, policy)
    episode, success = played(line, push)
    replay.add(episode)
    replay.label(label_of(episode, success))
    assert replay.trainable() == [3]
    return replay.rewards(3)


def test_an_episode_stops_within_a_chunk_where_the_environment_ends_it() -> None:
    line = Line()
    episode, _ = played(line, 0.2)
    assert len(line.played) == 5
    assert [step.steps_executed for step in episode.steps] == [4, 1, 0]
    assert steps_of(episode) == 5


def test_a_chunk_is_worth_what_its_executed_actions_were() -> None:
    line = Line()
    episode, _ = played(line, 0.2)
    places = line.reset(5)[0] + 0.2 * np.arange(1, 6)
    assert episode.steps[0].reward == pytest.approx(places[:4].sum(), abs=1e-5)
    assert episode.steps[1].reward == pytest.approx(places[4], abs=1e-5)
    assert return_of(episode) == pytest.approx(places.sum(), abs=1e-5)


def test_what_is_seen_between_the_actions_of_a_chunk_is_kept() -> None:
    episode, _ = played(Line(), 0.2)
    times = episode.steps[0].between[:, 1]
    np.testing.assert_allclose(times, [0.1, 0.2, 0.3], atol=1e-6)
    assert episode.steps[1].between.shape == (0, 2)


def test_the_closing_record_is_the_true_last_observation() -> None:
    line = Line()
    episode, _ = played(line, 0.2)
    last = episode.steps[-1].decision
    assert last.is_final
    assert last.observation.values[0] > 1.0
    assert last.observation.values[1] == pytest.approx(0.5)


def test_a_decision_sees_what_the_chunk_before_it_left() -> None:
    pusher = Pusher(0.01)
    ChunkedRollout(Line(), pusher).run(0, Mode.TRAIN, 5)
    np.testing.assert_allclose([o.values[1] for o in pusher.seen], [0.0, 0.4, 0.8], atol=1e-6)
    assert [o.stamp_ns for o in pusher.seen] == [0, 400_000_000, 800_000_000]


def test_a_fall_is_worth_nothing_from_there_on(tmp_path: Path) -> None:
    episode, success = played(Line(), 0.2)
    assert (episode.end_reason, success) == ("ended", False)
    rewards, discounts = learned(Line(), 0.2, tmp_path)
    np.testing.assert_allclose(discounts, [0.9, 0.0], atol=1e-6)
    np.testing.assert_allclose(rewards.sum(), return_of(episode), atol=1e-5)


def test_an_episode_that_time_cut_short_goes_on_in_value(tmp_path: Path) -> None:
    episode, _ = played(Line(max_steps=10), 0.01)
    assert episode.end_reason == "deadline"
    _, discounts = learned(Line(max_steps=10), 0.01, tmp_path)
    # The last chunk was cut to half.
    np.testing.assert_allclose(discounts, [0.9, 0.9, 0.9**0.5], atol=1e-6)


def test_a_success_that_ends_the_episode_is_terminal(tmp_path: Path) -> None:
    line = Line(goal=0.5, goal_ends=True)
    episode, success = played(line, 0.2)
    assert (episode.end_reason, success) == ("ended", True)
    assert label_of(episode, success).outcome is Outcome.SUCCESS
    assert learned(line, 0.2, tmp_path)[1][-1] == 0.0


def test_a_success_that_time_cut_short_goes_on_in_value_and_still_counts(tmp_path: Path) -> None:
    line = Line(max_steps=8, goal=0.1)
    episode, success = played(line, 0.05)
    label = label_of(episode, success)
    assert success
    assert (label.outcome, label.reward) == (Outcome.FAILURE, 1.0)
    assert learned(line, 0.05, tmp_path)[1][-1] > 0.0


def test_actions_beyond_the_bounds_are_cut_before_they_are_played() -> None:
    line = Line()
    episode, _ = played(line, 7.0)
    assert set(line.played) == {0.25}
    assert episode.steps[0].decision.chunk.max() == 7.0


def test_a_chunk_of_other_actions_is_refused() -> None:
    class Wrong(Pusher):
        def decide(self, *arguments: object, **more: object):  # type: ignore[no-untyped-def, override]
            decision = super().decide(*arguments, **more)  # type: ignore[arg-type]
            return replace(decision, chunk=np.zeros((4, 3), np.float32))

    with pytest.raises(InvalidValue, match=r"\(4, 3\).*'line'.*\(horizon, 1\)"):
        ChunkedRollout(Line(), Wrong(0.1)).run(0, Mode.TRAIN, 0)


@pytest.mark.parametrize("algorithm", ["dsrl_na", "dsrl_sac", "rlpd"])
def test_its_episodes_train_a_learner_that_steers_it(tmp_path: Path, algorithm: str) -> None:
    policy: PolicyBackend = load_policy(small_flow(tmp_path))
    task = line_task(policy.spec, algorithm)
    learner, loop = Learner([LearnedTask(task, policy)], 0), DecisionLoop(task, policy, 0)
    rollout = ChunkedRollout(Line(), loop)
    for number in range(3):
        episode, success = rollout.run(number, Mode.TRAIN, number)
        learner.add_episode(episode)
        learner.set_label(label_of(episode, success))
    learner.owe(20)
    metrics = learner.update(20)
    assert learner.updates == 20
    assert all(np.isfinite(value) for value in metrics.values())
    loop.set_weights(*learner.weights())
    episode, _ = rollout.run(9, Mode.EVAL, 9)
    assert episode.steps[0].decision.source in ("actor", "search")


def test_a_component_is_scaled_by_its_spread_and_an_action_by_its_bounds() -> None:
    observations = np.array([[0.0, 10.0], [2.0, 10.0]], np.float32)
    policy = policy_of(Line(), observations, HORIZON, 2, 16, 2)
    first, second = policy.observation
    assert (first.center, first.scale) == (1.0, 2.0)
    assert (second.center, second.scale) == (10.0, 1e-3)
    assert policy.action.fields[0].scale == 0.25


def test_an_unknown_environment_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UnknownName, match=r"'ant'.*halfcheetah.*hopper.*lift"):
        make_environment("ant")


@pytest.mark.parametrize(
    ("name", "package", "remedy"),
    [
        ("hopper", "gymnasium", r'pip install "dsrl-core\[gym\]"'),
        ("can", "robosuite", r'pip install "dsrl-core\[robomimic\]"'),
        ("libero_90_57", "libero", "github.com/Lifelong-Robot-Learning/LIBERO"),
        ("aloha_transfer_cube", "gym_aloha", "pip install gym-aloha"),
    ],
)
def test_a_package_that_is_missing_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, remedy: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackage, match=f"'{name}' needs {package}.*{remedy}"):
        make_environment(name)
