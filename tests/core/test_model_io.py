"""Our observations as a model asks for them, and its actions as our chunks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.policies.model_io import ModelIO
from dsrl_core.specs import ActionSpec, CameraSpec, FieldSpec, PolicySpec
from tests.core.steering_setup import CATALOG
from tests.core.vision_setup import random_views

DROID = replace(
    CATALOG.policy("franka_pick_flow"),
    horizon=8,
    noise_dim=32,
    noise_horizon=10,
    observation=(
        FieldSpec("joint_positions", 7, "rad"),
        FieldSpec("gripper_width", 1, "m", model_scale=-0.08, model_offset=0.08),
        FieldSpec("object_position", 3, "m"),
    ),
    cameras=(CameraSpec("scene", 6, 4), CameraSpec("wrist", 6, 4)),
    keys={
        "joint_positions": "observation/joint_position",
        "gripper_width": "observation/gripper_position",
        "object_position": "",
        "scene": "observation/exterior_image_1_left",
        "wrist": "observation/wrist_image_left",
    },
    action=ActionSpec(
        kind="joint_velocity",
        period_s=1 / 15,
        fields=(
            FieldSpec("joint_velocities", 7, "rad/s"),
            FieldSpec("gripper_command", 1, "m", model_scale=-0.08, model_offset=0.08),
        ),
    ),
)
"""As openpi's policies for DROID: its gripper is 0 when open and 1 when closed."""


def changed(**values: Any) -> PolicySpec:
    return replace(DROID, **values)


def test_a_model_is_given_its_own_keys_and_units() -> None:
    values, images = random_views(DROID, 3)
    given_ = ModelIO(DROID).inputs(values, images)
    assert set(given_) == {key for key in DROID.keys.values() if key}
    np.testing.assert_array_equal(given_["observation/joint_position"], values[:, :7])
    closed = given_["observation/gripper_position"]
    np.testing.assert_allclose(closed, (values[:, 7:8] - 0.08) / -0.08, rtol=1e-5)
    assert images is not None
    np.testing.assert_array_equal(given_["observation/wrist_image_left"], images[:, 1])
    assert given_["observation/wrist_image_left"].dtype == np.uint8


def test_fields_of_one_key_are_put_together() -> None:
    spec = changed(keys={"joint_positions": "state", "gripper_width": "state"}, cameras=())
    values, _ = random_views(spec, 2)
    given_ = ModelIO(spec).inputs(values)
    assert given_["state"].shape == (2, 8)
    assert set(given_) == {"state", "object_position"}


def test_a_history_comes_oldest_first() -> None:
    spec = changed(observation_steps=2)
    values, images = random_views(spec, 2)
    assert images is not None
    given_ = ModelIO(spec).inputs(values, images)
    joints = given_["observation/joint_position"]
    assert joints.shape == (2, 2, 7)
    np.testing.assert_array_equal(joints[:, 1], values[:, :7])
    np.testing.assert_array_equal(joints[:, 0], values[:, spec.step_size : spec.step_size + 7])
    scene = given_["observation/exterior_image_1_left"]
    np.testing.assert_array_equal(scene[:, 1], images[:, 0])
    np.testing.assert_array_equal(scene[:, 0], images[:, 2])


def test_what_a_model_gives_beyond_a_chunk_is_cut_off() -> None:
    actions = np.random.default_rng(0).standard_normal((2, 10, 32)).astype(np.float32)
    spec = changed(settings={"first_action": 1})
    chunks = ModelIO(spec).chunks(actions)
    assert chunks.shape == (2, *spec.chunk_shape)
    assert chunks.dtype == np.float32
    np.testing.assert_array_equal(chunks[..., :7], actions[:, 1:9, :7])
    np.testing.assert_allclose(chunks[..., 7], 0.08 - 0.08 * actions[:, 1:9, 7], rtol=1e-4)


@given(st.integers(1, 9), st.integers(1, 8))
def test_too_few_rows_or_columns_are_refused(rows: int, columns: int) -> None:
    if rows >= 8 and columns >= 8:
        return
    with pytest.raises(InvalidValue, match="at least 8 rows and 8 columns"):
        ModelIO(DROID).chunks(np.zeros((1, rows, columns), np.float32))


def test_actions_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InvalidValue, match="finite"):
        ModelIO(DROID).chunks(np.full((1, 8, 8), np.nan, np.float32))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keys": {"elbow": "e"}}, "keys name elbow; available: joint_positions"),
        ({"keys": {"scene": "image", "wrist": "image"}}, "image to several cameras"),
        ({"keys": {"scene": "state", "gripper_width": "state"}}, "state to several cameras"),
        ({"settings": {"first_action": -1}}, "first_action is -1"),
        ({"settings": {"first_action": "one"}}, "first_action is 'one'"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidFile, match=words):
        ModelIO(changed(**change))
