"""What is drawn from: computed once, changed in place, of one or several tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.learning.columns import Columns
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.specs import TaskSpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Label, Mode, Observation, Outcome
from tests.core.steering_setup import (
    SMALL_SETTINGS,
    CountingPolicy,
    feed,
    random_episode,
    small_learner,
    small_policy,
    small_task,
)


@given(st.lists(st.integers(0, 7), max_size=20))
def test_columns_keep_what_was_appended_in_its_order(lengths: list[int]) -> None:
    columns = Columns({"x": ((2,), torch.float32)})
    parts = [torch.randn(length, 2) for length in lengths]
    places = [columns.append({"x": part}) for part in parts]
    for place, part in zip(places, parts, strict=True):
        torch.testing.assert_close(columns["x"][place], part)
    assert len(columns) == sum(lengths)


def test_observations_are_encoded_once_and_never_in_an_update(tmp_path: Path) -> None:
    policy = CountingPolicy(small_policy(tmp_path))
    task = small_task()
    steering = replace(task.steering, settings=SMALL_SETTINGS["dsrl_na"])
    learner = Learner([LearnedTask(replace(task, steering=steering), policy)], 0)
    for number in range(2):
        feed(learner, random_episode(number, 3))
    assert policy.encoded == 2 * 4
    learner.update(50)
    learner.set_label(Label(1, Outcome.FAILURE, 0.0, "test", 0))
    learner.update(50)
    assert policy.encoded == 2 * 4


def test_latents_are_the_noises_that_were_executed(tmp_path: Path) -> None:
    learner = small_learner(tmp_path)
    episode = random_episode(0, 3)
    feed(learner, episode)
    wanted = np.stack([step.decision.noise.reshape(-1) for step in episode.steps[:-1]])
    np.testing.assert_array_equal(learner._data.column("latents"), wanted)


def test_a_batch_is_half_a_persons_where_the_algorithm_says_so(tmp_path: Path) -> None:
    learner = small_learner(tmp_path)
    for number in range(6):
        episode = random_episode(number, 3)
        if number == 0:
            steps = [
                replace(step, decision=replace(step.decision, source="demonstration"))
                for step in episode.steps[:-1]
            ]
            episode = replace(episode, steps=(*steps, episode.steps[-1]))
        feed(learner, episode)
    drawn = learner._data.sample(np.random.default_rng(0), 64, prior_share=0.5)
    assert int((drawn.rows < 3).sum()) == 32
    usual = learner._data.sample(np.random.default_rng(0), 640)
    assert 60 < int((usual.rows < 3).sum()) < 160


def test_a_critic_of_noises_learns_only_where_the_noise_is_known(tmp_path: Path) -> None:
    learner = small_learner(tmp_path, algorithm="dsrl_sac", settings=SMALL_SETTINGS["dsrl_sac"])
    known, unknown = random_episode(0, 3), random_episode(1, 3)
    steps = [
        replace(step, decision=replace(step.decision, source="demonstration"))
        for step in unknown.steps[:-1]
    ]
    feed(learner, known)
    feed(learner, replace(unknown, steps=(*steps, unknown.steps[-1])))
    assert len(learner._data) == 3


def test_rl_on_actions_learns_from_demonstrations_as_well(tmp_path: Path) -> None:
    learner = small_learner(tmp_path, algorithm="rlpd", settings=SMALL_SETTINGS["rlpd"])
    episode = random_episode(1, 3)
    steps = [
        replace(step, decision=replace(step.decision, source="demonstration"))
        for step in episode.steps[:-1]
    ]
    feed(learner, replace(episode, steps=(*steps, episode.steps[-1])))
    assert len(learner._data) == 3
    latents = learner._data.column("latents").reshape(-1, 4, 5)
    chunks = np.stack([step.decision.chunk for step in episode.steps[:-1]])
    np.testing.assert_allclose(latents[..., :3] * 0.02, chunks[..., :3], atol=1e-6)


def two_tasks(folder: Path, **changes: object) -> tuple[Learner, list[TaskSpec]]:
    """One learner of two tasks, of which the second sees less."""
    settings = SMALL_SETTINGS["dsrl_na"] | {"updates_first": 400}
    task = small_task()
    first = replace(task, steering=replace(task.steering, settings=settings), **changes)
    second = replace(first, name="other", features=first.features[:2])
    policy = load_policy(small_policy(folder))
    return Learner([LearnedTask(first, policy), LearnedTask(second, policy)], 0), [first, second]


def test_one_learner_serves_several_tasks_and_tells_them_apart(tmp_path: Path) -> None:
    """The same episodes pay in one task and not in the other: values follow the task."""
    learner, (_, second) = two_tasks(tmp_path)
    for number in range(4):
        episode = random_episode(number)
        feed(learner, episode, success=True)
        learner.add_episode(replace(episode, metadata={"task": second.name}))
        learner.set_label(Label(number, Outcome.FAILURE, 0.0, "test", 0), second.name)
    learner.update(400)
    data, model = learner._data, learner.algorithm.model
    with torch.no_grad():
        states = learner.algorithm.states(data.column("before"))
        values = model.value(states, data.column("chunks")).mean(dim=0)
    tasks = data.tasks(data.column("before"))
    assert float(values[tasks == 0].mean()) > 0.8
    assert float(values[tasks == 1].mean()) < 0.2


def test_the_weights_of_several_tasks_steer_each_of_them(tmp_path: Path) -> None:
    learner, tasks = two_tasks(tmp_path)
    for number in range(4):
        feed(learner, random_episode(number))
    learner.update(20)
    observation = Observation(0, np.linspace(-0.2, 0.4, 9, dtype=np.float32))
    for task in tasks:
        loop = DecisionLoop(task, load_policy(small_policy(tmp_path)), 0)
        loop.set_weights(*learner.weights())
        assert loop.decide(observation, 0, 0, Mode.EVAL, 1).source == "search"
    stranger = replace(tasks[0], name="stranger")
    with pytest.raises(InvalidFile, match="'stranger' among them"):
        DecisionLoop(stranger, load_policy(small_policy(tmp_path)), 0).set_weights(
            *learner.weights()
        )


def test_prompts_take_the_place_of_a_column_per_task(tmp_path: Path) -> None:
    learner, _ = two_tasks(tmp_path, prompt_features=(0.1, 0.7, -0.2))
    assert learner.algorithm.model.columns.shape == (2, 3)
    assert two_tasks(tmp_path)[0].algorithm.model.columns.shape == (2, 2)


def test_tasks_of_different_noise_cannot_share_a_learner(tmp_path: Path) -> None:
    task = small_task()
    other = replace(task, name="other", steering=replace(task.steering, noise_shape="repeated"))
    policy = load_policy(small_policy(tmp_path))
    with pytest.raises(InvalidFile, match="latent_size differs"):
        Learner([LearnedTask(task, policy), LearnedTask(other, policy)], 0)


def test_an_episode_of_a_task_that_is_not_learned_is_refused(tmp_path: Path) -> None:
    learner = small_learner(tmp_path)
    with pytest.raises(UnknownName, match="task of episode 0 'fold'; available: franka_pick"):
        learner.add_episode(replace(random_episode(0), metadata={"task": "fold"}))
