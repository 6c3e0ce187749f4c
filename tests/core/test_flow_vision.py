"""A policy that sees: what its encoder's features say, and which files it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.policies import load_policy
from dsrl_core.policies.native import VisionNetwork
from dsrl_core.policies.pose_encoder import features_of, pose_targets
from dsrl_core.specs import FieldSpec
from dsrl_core.steering.observation import ObservationBuilder, wrap
from dsrl_core.types import Outcome
from dsrl_sim.assembly import with_truth
from dsrl_sim.environment import SimulatedRobot
from dsrl_sim.oracle import measure
from dsrl_sim.rendering import RendererMissing, available_backend
from tests.core.steering_setup import CATALOG
from tests.core.vision_setup import random_views, small_vision_policy

TASK = "franka_pick_vision"


def test_a_true_pose_goes_through_the_encoders_outputs_and_back() -> None:
    values = torch.tensor([[0.45, 0.10, 0.20, 0.5, 0.08], [0.5, -0.1, 0.02, -0.7, 0.0]])
    position = torch.tensor([[0.52, 0.03, 0.02], [0.48, 0.0, 0.1]])
    yaw = torch.tensor([[-0.4], [0.7]])
    features = features_of(values, pose_targets(values, position, yaw))
    torch.testing.assert_close(features[:, :3], position)
    torch.testing.assert_close(features[:, 3:4], yaw)
    torch.testing.assert_close(features[:, 8:], values)
    # The offset is the same seen along the tool's axes, and the turn is what is left to turn.
    torch.testing.assert_close(
        features[:, 4:6].norm(dim=1), (position - values[:, :3])[:, :2].norm(dim=1)
    )
    for row in range(2):
        turn = wrap(float(yaw[row] - values[row, 3]), torch.pi / 2)
        assert float(features[row, 7]) == pytest.approx(turn, abs=1e-5)


def test_the_offset_is_along_the_axes_of_the_tools_yaw() -> None:
    values = torch.tensor([[0.5, 0.0, 0.2, torch.pi / 2, 0.08]])
    features = features_of(
        values, pose_targets(values, values[:, :3] + torch.tensor([[0.03, 0, 0]]), values[:, 3:4])
    )
    torch.testing.assert_close(features[0, 4:7], torch.tensor([0.0, -0.03, 0.0]), atol=1e-6, rtol=0)


def test_features_end_with_the_observation_and_depend_on_every_camera(tmp_path: Path) -> None:
    policy = load_policy(small_vision_policy(tmp_path))
    values, images = random_views(policy.spec, 1)
    features = policy.encode(values, images).features
    assert features.shape == (1, policy.spec.features_size)
    np.testing.assert_array_equal(features[:, 8:], values)
    for camera in range(2):
        darker = images.copy()
        darker[:, camera] //= 2
        assert np.abs(policy.encode(values, darker).features - features)[:, :8].max() > 1e-6


def test_images_are_needed_and_of_the_files_size(tmp_path: Path) -> None:
    policy = load_policy(small_vision_policy(tmp_path))
    values, images = random_views(policy.spec, 1)
    with pytest.raises(InvalidValue, match=r"takes images .*; got None"):
        policy.encode(values)
    with pytest.raises(InvalidValue, match=r"takes images .*\(1, 2, 14, 18, 3\)"):
        policy.encode(values, images[:, :, :10])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cameras": ()}, "has 0 cameras"),
        ({"features_size": 12}, "features_size 12 .* expects .* features_size 13"),
        ({"estimates": {}}, "and estimates {}; .*'object_position': "),
        ({"architecture": {"width": 16, "layers": 2}}, "lacks filters, keypoints, pose_width"),
        (
            {"observation": (FieldSpec("gripper_width", 1), FieldSpec("tool_position", 4))},
            "observes gripper_width, tool_position; .* tool_position and tool_yaw first",
        ),
    ],
)
def test_a_file_that_does_not_fit_the_encoder_is_refused(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    spec = replace(small_vision_policy(tmp_path), **changes)
    if "observation" in changes:
        spec = replace(spec, features_size=8 + spec.observation_size)
    with pytest.raises(InvalidFile, match=words):
        VisionNetwork(spec)


@pytest.fixture
def renderer() -> None:
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))


@pytest.fixture
def simulated(renderer: None) -> Iterator[SimulatedRobot]:
    task = CATALOG.task(TASK)
    arm = CATALOG.robot(task.robot).in_lock_step
    robot = SimulatedRobot(task, arm, CATALOG.policy(task.policy))
    yield robot
    robot.world.close()


def test_the_shipped_encoder_finds_the_cube_it_was_not_told_of(simulated: SimulatedRobot) -> None:
    task = CATALOG.task(TASK)
    spec, arm = CATALOG.policy(task.policy), CATALOG.robot(task.robot)
    policy, errors = load_policy(spec), []
    for seed in range(10):
        simulated.reset(seed)
        seen = ObservationBuilder(with_truth(spec), arm).build(0, simulated.inputs)
        features = policy.encode(seen.values[None, : spec.observation_size], seen.images[None])
        for name, size in (("object_position", 0.005), ("object_yaw", 0.17)):
            truth = seen.values[5:8] if name == "object_position" else seen.values[8:9]
            found = features.features[0, list(spec.estimates[name])]
            errors.append(np.linalg.norm(found - truth) / size)
    assert np.median(errors) < 1.0


@pytest.mark.usefixtures("renderer")
def test_the_oracle_knows_what_the_policy_must_see() -> None:
    results = list(measure(TASK, run_seed=401, first_index=0, count=3, catalog=CATALOG))
    assert sum(result.outcome is Outcome.SUCCESS for result in results) >= 2


def test_without_cameras_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    task = CATALOG.task(TASK)
    robot = SimulatedRobot(task, CATALOG.robot(task.robot).in_lock_step)
    monkeypatch.setattr(robot.world, "render", lambda *_: pytest.fail("drawn for nobody"))
    assert robot.inputs.images is None
