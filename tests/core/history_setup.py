"""A policy that sees two observations in a row and the arm's joints, on disk."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from dsrl_core.catalog import read_spec
from dsrl_core.specs import ActionSpec, CameraSpec, FieldSpec, PolicySpec
from dsrl_sim.rendering import RendererMissing, available_backend
from tests.core.steering_setup import CATALOG

NAME = "pick_with_a_past"
CAMERAS = (CameraSpec("scene", 32, 24), CameraSpec("wrist", 32, 24))
MORE_FIELDS = (
    FieldSpec("joint_positions", 7, "rad"),
    FieldSpec("joint_velocities", 7, "rad/s"),
    FieldSpec("gripper_opening", 1),
    FieldSpec("tool_rotation_6d", 6),
    FieldSpec("tool_quaternion", 4),
)


def unmoved(action: ActionSpec) -> ActionSpec:
    """For a policy that does not observe what its actions move."""
    return replace(action, fields=tuple(replace(part, moves=None) for part in action.fields))


def policy_with_a_past(folder: Path, cameras: tuple[CameraSpec, ...] = ()) -> PolicySpec:
    """The shipped picker, which sees more fields and one observation more, and hardly minds."""
    shipped = CATALOG.policy("franka_pick_flow")
    path = folder / NAME
    path.mkdir(parents=True)
    content = yaml.safe_load((shipped.folder / "policy.yaml").read_text())
    content["name"] = NAME
    content["observation_steps"] = 2
    content["observation"] += [
        {"name": part.name, "size": part.size, "unit": part.unit} for part in MORE_FIELDS
    ]
    content["cameras"] = [
        {"name": camera.name, "width": camera.width, "height": camera.height} for camera in cameras
    ]
    spec = replace(shipped, observation=(*shipped.observation, *MORE_FIELDS), observation_steps=2)
    more = spec.observation_size - shipped.observation_size
    weights = load_file(shipped.weights_path)
    first = weights["field.0.weight"]
    generator = torch.Generator().manual_seed(0)
    unseen = 1e-3 * torch.randn(len(first), more, generator=generator)
    weights["field.0.weight"] = torch.cat([first, unseen], dim=1)
    for name, value in (("observation_mean", 0.0), ("observation_std", 1.0)):
        weights[name] = torch.cat([weights[name], torch.full((more,), value)])
    save_file(weights, path / "weights.safetensors")
    digest = hashlib.sha256((path / "weights.safetensors").read_bytes()).hexdigest()
    content["weights_sha256"] = digest
    (path / "policy.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return read_spec(PolicySpec, path / "policy.yaml")


def seeing_policy(folder: Path) -> PolicySpec:
    """The same with two cameras; without a renderer the test is skipped."""
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    return policy_with_a_past(folder, CAMERAS)
