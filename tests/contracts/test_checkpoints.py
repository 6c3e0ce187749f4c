"""Every algorithm with every preset can be put back to where it was; a newcomer inherits it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from dsrl_core.errors import InvalidFile
from dsrl_core.learning import ALGORITHMS
from dsrl_core.learning.checkpoints import Checkpoints, read_checkpoint, restore, state_of
from dsrl_core.learning.learner import Learner
from tests.core.steering_setup import SMALL_SETTINGS, feed, random_episode, small_learner

CASES = [(name, preset) for name, (_, presets) in ALGORITHMS.items() for preset in presets]


def trained(folder: Path, name: str, preset: str, **more: Any) -> Learner:
    owed = {"updates_first": 60, "updates_per_episode": 0, "updates_per_decision": 0}
    learner = small_learner(
        folder, algorithm=name, preset=preset, settings=SMALL_SETTINGS[name] | owed | more
    )
    for number in range(4):
        feed(learner, random_episode(number))
    learner.update(30)
    return learner


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_all_that_updates_change_comes_back_to_the_bit(
    tmp_path: Path, name: str, preset: str
) -> None:
    learner = trained(tmp_path, name, preset)
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    state, weights = state_of(learner.algorithm), learner.algorithm.model.to_bytes()
    checkpoints.keep(7, state)
    learner.update(20)
    moved = state_of(learner.algorithm)
    assert any(not torch.equal(moved[key], value) for key, value in state.items())

    from_disk = read_checkpoint(tmp_path / "checkpoints" / "v000007.safetensors")
    restore(learner.algorithm, from_disk)

    back = state_of(learner.algorithm)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], value) for key, value in state.items())
    assert learner.algorithm.model.to_bytes() == weights
    # A checkpoint is a copy: what is learned from here on does not change it.
    learner.update(10)
    assert all(torch.equal(checkpoints[7][key], value) for key, value in back.items())


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_every_parameter_of_every_optimiser_is_in_it(
    tmp_path: Path, name: str, preset: str
) -> None:
    algorithm = trained(tmp_path, name, preset).algorithm
    known = {value.data_ptr() for value in vars(algorithm).values() if torch.is_tensor(value)}
    for part in vars(algorithm).values():
        if isinstance(part, torch.nn.Module):
            known |= {parameter.data_ptr() for parameter in part.parameters()}
    optimisers = [p for p in vars(algorithm).values() if isinstance(p, torch.optim.Optimizer)]
    assert optimisers
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            assert {parameter.data_ptr() for parameter in group["params"]} <= known


@pytest.mark.parametrize("name", ["dsrl_na", "dsrl_sac"])
def test_learning_from_a_checkpoint_goes_as_it_went(tmp_path: Path, name: str) -> None:
    """Two learners in the same state draw alike and learn alike, optimisers included."""
    one, other = (trained(tmp_path, name, "robot") for _ in range(2))
    restore(other.algorithm, state_of(one.algorithm))
    one.update(20)
    other.update(20)
    assert one.algorithm.model.to_bytes() == other.algorithm.model.to_bytes()


def test_a_checkpoint_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    state = state_of(trained(tmp_path, "dsrl_na", "paper").algorithm)
    other = trained(tmp_path, "dsrl_sac", "robot").algorithm
    with pytest.raises(InvalidFile, match="checkpoint"):
        restore(other, state)


def test_other_checkpoints_are_dropped_from_disk_too(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for version in (1, 2, 3):
        checkpoints.keep(version, {"a": torch.zeros(2)})
    checkpoints.drop_all_but({1, 3})
    assert checkpoints.versions() == {1, 3}
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "v000001.safetensors",
        "v000003.safetensors",
    ]


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nothing")
    with pytest.raises(InvalidFile, match="is no checkpoint"):
        read_checkpoint(tmp_path / "x")
