"""What the critics see: relations that the task file declares."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import FeatureSpec
from dsrl_core.steering.features import FeatureMap, raw_features
from tests.core.steering_setup import CATALOG

TASK = CATALOG.task("franka_pick")
POLICY = CATALOG.policy("franka_pick_flow")
OBSERVATION = torch.tensor([[0.5, 0.1, 0.2, 0.3, 0.08, 0.55, 0.05, 0.02, -0.4]])
STILL = torch.zeros(1, POLICY.horizon, POLICY.action_dim)
OFFSET = {"name": "offset", "kind": "difference", "of": "object_position", "minus": "tool_position"}


def features(*specs: FeatureSpec, sees_chunk: bool = True) -> FeatureMap:
    return FeatureMap(replace(TASK, features=specs, critic_sees_chunk=sees_chunk), POLICY)


def test_a_difference_is_scaled_and_squashed() -> None:
    found = features(FeatureSpec(**OFFSET, scales=(0.1, 0.02))).of_state(OBSERVATION)
    offset = torch.tensor([[0.05, -0.05, -0.18]])
    wanted = torch.cat([torch.tanh(offset / 0.1), torch.tanh(offset / 0.02)], dim=-1)
    torch.testing.assert_close(found, wanted)


def test_a_difference_is_turned_into_the_grippers_frame() -> None:
    spec = FeatureSpec(**OFFSET, rotate_by="tool_yaw", scales=(1.0,))
    x, y, _ = torch.atanh(features(spec).of_state(OBSERVATION))[0].tolist()
    assert x == pytest.approx(math.cos(0.3) * 0.05 + math.sin(0.3) * -0.05, abs=1e-6)
    assert y == pytest.approx(-math.sin(0.3) * 0.05 + math.cos(0.3) * -0.05, abs=1e-6)


def test_an_angle_is_wrapped_to_the_objects_symmetry() -> None:
    spec = FeatureSpec(
        name="yaw", kind="angle", of="object_yaw", minus="tool_yaw", symmetry_rad=math.pi / 2
    )
    turned = OBSERVATION.clone()
    turned[0, 8] += math.pi / 2
    seen = features(spec)
    torch.testing.assert_close(seen.of_state(OBSERVATION), seen.of_state(turned))


def test_the_end_of_a_chunk_adds_its_displacements_and_takes_its_last_width() -> None:
    chunk = STILL.clone()
    chunk[0, :, :3] = torch.tensor([0.01, -0.02, 0.005])
    chunk[0, -1, 4] = 0.03
    offset = FeatureSpec(**OFFSET, scales=(1.0,), when=("chunk_end",))
    width = FeatureSpec(name="width", kind="value", of="gripper_width", when=("chunk_end",))
    seen = features(FeatureSpec(name="now", kind="value", of="tool_yaw"), offset, width)
    found = seen.of_chunk(OBSERVATION, chunk)[0, :4]
    wanted = torch.tanh(torch.tensor([0.05 - 0.04, -0.05 + 0.08, -0.18 - 0.02, 0.03]))
    torch.testing.assert_close(found, wanted)


def test_the_path_of_a_chunk_is_seen_after_every_action() -> None:
    chunk = STILL.clone()
    chunk[0, :, 0] = 0.01
    path = FeatureSpec(**OFFSET, axes=(0,), scales=(1.0,), when=("chunk_path",))
    seen = features(FeatureSpec(name="now", kind="value", of="tool_yaw"), path)
    found = seen.of_chunk(OBSERVATION, chunk)[0, :4]
    torch.testing.assert_close(found, torch.tanh(torch.tensor([0.04, 0.03, 0.02, 0.01])))


def test_the_chunk_itself_is_an_input_where_the_task_says_so() -> None:
    end = FeatureSpec(name="end", kind="value", of="tool_yaw", when=("now", "chunk_end"))
    without = features(end, sees_chunk=False).chunk_size
    assert features(end).chunk_size == without + POLICY.horizon * POLICY.action_dim


def test_critics_that_would_see_nothing_of_a_chunk_are_refused() -> None:
    with pytest.raises(InvalidFile, match="see nothing of a chunk"):
        features(FeatureSpec(name="now", kind="value", of="tool_yaw"), sees_chunk=False)


def test_a_chunk_does_not_change_what_is_seen_now() -> None:
    before = OBSERVATION.clone()
    features(*TASK.features).of_chunk(OBSERVATION, torch.ones_like(STILL))
    torch.testing.assert_close(OBSERVATION, before)


SEEING = replace(POLICY, features_size=3, estimates={"goal_position": (0, 1, 2)})


def test_what_the_policys_encoder_estimates_is_a_field_like_all_others() -> None:
    spec = FeatureSpec(
        name="way", kind="difference", of="goal_position", minus="tool_position", scales=(1.0,)
    )
    made = FeatureMap(replace(TASK, features=(spec,), critic_sees_chunk=True), SEEING)
    seen = made.see(OBSERVATION.numpy(), np.array([[0.6, 0.0, 0.3]], np.float32))
    wanted = torch.tanh(torch.tensor([[0.1, -0.1, 0.1]]))
    torch.testing.assert_close(made.of_state(seen), wanted)


def test_the_policys_features_are_part_of_the_state_where_the_task_says_so() -> None:
    task = replace(TASK, policy_features=True)
    without = FeatureMap(TASK, POLICY).state_size
    assert FeatureMap(task, SEEING).state_size == without + 3
    with pytest.raises(InvalidFile, match="features_size"):
        FeatureMap(task, POLICY)


def test_an_estimate_out_of_the_policys_features_is_refused() -> None:
    with pytest.raises(InvalidFile, match="below features_size 3"):
        FeatureMap(TASK, replace(SEEING, estimates={"goal_position": (1, 2, 3)}))


def test_raw_features_are_every_field_of_the_observation() -> None:
    assert features(*raw_features(POLICY)).state_size == POLICY.observation_size


def test_an_unknown_field_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UnknownName, match=r"'cube'.*object_position"):
        features(FeatureSpec(name="x", kind="value", of="cube"))


def test_a_difference_without_a_second_field_is_refused() -> None:
    with pytest.raises(InvalidFile, match="minus"):
        features(FeatureSpec(name="x", kind="difference", of="tool_yaw"))
