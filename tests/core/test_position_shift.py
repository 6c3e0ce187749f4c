"""Critics of raw positions may be shown a transition elsewhere on the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dsrl_core.errors import InvalidFile
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.learning.position_shift import PositionShift
from dsrl_core.policies import load_policy
from dsrl_core.specs import CameraSpec, FeatureSpec, PolicySpec, TaskSpec
from dsrl_core.steering.features import raw_features
from dsrl_core.steering.task_context import TaskContext
from tests.core.steering_setup import (
    CATALOG,
    SMALL_SETTINGS,
    feed,
    random_episode,
    small_policy,
    small_task,
)

REACH_M = 0.1
SHIFTED = {"shift_m": REACH_M, "updates_first": 10_000}


def raw_task(policy: PolicySpec, **settings: object) -> TaskSpec:
    """Critics see every field of the observation as it is, and the chunk."""
    task = small_task()
    steering = replace(task.steering, settings=SMALL_SETTINGS["dsrl_na"] | settings)
    features = raw_features(policy)
    return replace(task, features=features, critic_sees_chunk=True, steering=steering)


def learner(folder: Path, **settings: object) -> Learner:
    policy = load_policy(small_policy(folder))
    made = Learner([LearnedTask(raw_task(policy.spec, **settings), policy)], 0)
    for number in range(4):
        feed(made, random_episode(number))
    return made


def test_everything_moves_together_and_nothing_else_changes(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    shift = PositionShift([TaskContext.of(raw_task(spec), spec)], REACH_M)
    values = torch.rand(50, spec.observation_size)
    moved = shift._moved(torch.Generator().manual_seed(1), 0, values) - values
    tool, cube = moved[:, 0:3], moved[:, 5:8]
    torch.testing.assert_close(tool, cube)
    assert torch.equal(moved[:, [2, 3, 4, 7, 8]], torch.zeros(50, 5))
    assert 0.8 * REACH_M < float(tool[:, :2].abs().max()) <= REACH_M
    assert len(set(tool[:, 0].tolist())) == 50


def test_relations_do_not_change_when_everything_moves(tmp_path: Path) -> None:
    policy = load_policy(small_policy(tmp_path))
    made = Learner([LearnedTask(small_task(), policy)], 0)
    feed(made, random_episode(0))
    places = made._data.column("before")
    shift = PositionShift([TaskContext.of(small_task(), policy.spec)], REACH_M)
    moved = shift.features(made._data, places, torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved, made._data.features(places), atol=1e-4, rtol=0)


def test_a_critic_that_is_shown_shifted_places_cares_less_where_they_are(tmp_path: Path) -> None:
    def difference(made: Learner) -> float:
        """How much the value of a transition changes with its place on the table."""
        made.update(400)
        data, places = made._data, made._data.column("before")
        model = made.algorithm.model
        shift = PositionShift(made.algorithm._contexts, REACH_M)
        with torch.no_grad():
            chunks = data.column("chunks")
            here = model.value(data.features(places), chunks)
            there = model.value(
                shift.features(data, places, torch.Generator().manual_seed(3)), chunks
            )
        return float((here - there).abs().mean())

    plain = learner(tmp_path, updates_first=10_000)
    assert difference(learner(tmp_path, **SHIFTED)) < 0.5 * difference(plain)


def test_learning_with_it_is_reproducible(tmp_path: Path) -> None:
    one, other = learner(tmp_path, **SHIFTED), learner(tmp_path, **SHIFTED)
    one.update(50)
    other.update(50)
    assert one.weights() == other.weights()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cameras": (CameraSpec("scene", 8, 8),)}, "it has cameras"),
        ({"observation": CATALOG.policy("franka_pick_flow").observation[1:2]}, "observes none"),
    ],
)
def test_a_policy_without_this_symmetry_is_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    spec = small_policy(tmp_path)
    context = TaskContext.of(raw_task(spec), spec)
    with pytest.raises(InvalidFile, match=words):
        PositionShift([replace(context, policy=replace(spec, **change))], REACH_M)


def test_actions_that_name_places_are_refused(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    fields = tuple(replace(field, relative=False) for field in spec.action.fields)
    absolute = replace(spec, action=replace(spec.action, fields=fields))
    context = replace(TaskContext.of(raw_task(spec), spec), policy=absolute)
    with pytest.raises(InvalidFile, match="names places"):
        PositionShift([context], REACH_M)


def test_chunks_that_are_seen_as_places_are_refused(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    task = raw_task(spec)
    place = FeatureSpec("end", "value", "tool_position", scales=(0.1,), when=("chunk_end",))
    task = replace(task, features=(*task.features, place))
    with pytest.raises(InvalidFile, match="'end' of a chunk is an absolute place"):
        PositionShift([TaskContext.of(task, spec)], REACH_M)
