"""A policy that sees several observations in a row: learning, benchmarks and datasets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.data.importers.building import with_past
from dsrl_core.data.importers.export import export_episodes
from dsrl_core.data.importers.mapping import read_mapping
from dsrl_core.data.replay import Replay
from dsrl_core.environments import ChunkedRollout
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.seeding import reset_seed
from dsrl_core.specs import PolicySpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.steering.features import FeatureMap
from dsrl_core.types import Episode, Label, Mode, Outcome
from dsrl_sim.assembly import make_rollout
from tests.core.environment_setup import Line, Pusher
from tests.core.history_setup import policy_with_a_past, seeing_policy
from tests.core.importers_setup import imported
from tests.core.steering_setup import CATALOG, small_task


def rolled_out(spec: PolicySpec, count: int) -> list[tuple[Episode, bool]]:
    task, policy = small_task(), load_policy(spec)
    rollout = make_rollout(task, CATALOG, spec, DecisionLoop(task, policy, 0))
    return [
        rollout.run(number, Mode.TRAIN, reset_seed(0, Mode.TRAIN, number))
        for number in range(count)
    ]


def test_a_learner_learns_from_a_history(tmp_path: Path) -> None:
    spec = policy_with_a_past(tmp_path)
    task = small_task(warm_up_episodes=2)
    learner = Learner([LearnedTask(task, load_policy(spec))], 0)
    for episode, success in rolled_out(spec, 3):
        learner.add_episode(episode)
        outcome = Outcome.SUCCESS if success else Outcome.FAILURE
        learner.set_label(Label(episode.number, outcome, float(success), "test", 0))
    assert learner.updates_pending
    learner.update(1)


def test_features_are_those_of_the_newest_observation(tmp_path: Path) -> None:
    import torch

    spec = policy_with_a_past(tmp_path)
    features = FeatureMap(small_task(), spec)
    generator = np.random.default_rng(0)
    values = generator.standard_normal((2, spec.observation_size), dtype=np.float32)
    values[1, : spec.step_size] = values[0, : spec.step_size]
    state = features.of_state(torch.from_numpy(values))
    np.testing.assert_array_equal(state[0], state[1])


class SeeingLine(Line):
    """A camera that sees the number of actions played."""

    images_shape = (1, 2, 2, 3)

    @property
    def images(self):  # type: ignore[no-untyped-def, override]
        return np.full((1, 2, 2, 3), len(self.played), dtype=np.uint8)


def test_an_environment_of_a_benchmark_gives_the_observations_before() -> None:
    episode, _ = ChunkedRollout(SeeingLine(), Pusher(0.1), 3).run(0, Mode.TRAIN, 5)

    def times(values: np.ndarray) -> list[float]:
        return [round(10 * float(time)) for time in values.reshape(3, 2)[:, 1]]

    first, second = episode.steps[:2]
    assert times(first.decision.observation.values) == [0, 0, 0]
    assert [times(between) for between in first.between][:2] == [[1, 0, 0], [2, 1, 0]]
    now = second.decision.sequence + first.steps_executed - 1
    assert times(second.decision.observation.values) == [now, now - 1, now - 2]
    images = second.decision.observation.images
    assert images is not None
    assert images[:, 0, 0, 0].tolist() == [now, now - 1, now - 2]


# In datasets.


def test_a_dataset_gives_the_observations_before() -> None:
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert with_past(rows, 3).tolist() == [
        [0, 1, 0, 1, 0, 1],
        [2, 3, 0, 1, 0, 1],
        [4, 5, 2, 3, 0, 1],
    ]
    np.testing.assert_array_equal(with_past(rows, 1), rows)


@pytest.mark.parametrize("form", ["lerobot", "robomimic"])
def test_what_was_seen_goes_out_and_comes_back_with_its_past(form: str, tmp_path: Path) -> None:
    seeing = seeing_policy(tmp_path)
    # The formats want images at every action.
    single = replace(seeing, horizon=1)
    expert = load_policy(seeing)

    class Halting:
        def decide(self, observation, episode, sequence, mode, seed):  # type: ignore[no-untyped-def]
            full = DecisionLoop(small_task(), expert, 0).decide(
                observation, episode, sequence, mode, seed
            )
            return replace(full, chunk=full.chunk[:1], noise=full.noise[:1])

    task = replace(small_task(), time_limit_s=1.0)
    rollout = make_rollout(task, CATALOG, single, Halting())
    episode, _ = rollout.run(0, Mode.TRAIN, 5)
    label = Label(0, Outcome.FAILURE, 0.0, "somebody", 1)
    report = export_episodes([(episode, label)], single, "pick", form, tmp_path / "set")  # type: ignore[arg-type]
    (found,) = imported(tmp_path / "set", read_mapping(report.mapping), single)
    assert isinstance(found, Episode)
    assert len(found.steps) == len(episode.steps) > 5
    for one, other in zip(found.steps, episode.steps, strict=True):
        seen, expected = one.decision.observation, other.decision.observation
        np.testing.assert_array_equal(seen.values, expected.values)
        np.testing.assert_array_equal(seen.images, expected.images)
    replay = Replay(small_task().reward, single)
    replay.add(found)
    assert replay.rows(0).observations.shape == (len(found.steps), seeing.observation_size)
