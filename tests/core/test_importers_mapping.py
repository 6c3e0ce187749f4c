"""Mapping files that cannot be right are refused, with the place and what is available."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_core.data.importers.importing import import_dataset
from dsrl_core.data.importers.mapping import (
    DatasetMapping,
    FieldSource,
    SuccessSource,
    read_mapping,
)
from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import CameraSpec
from tests.core.importers_setup import LEROBOT_MAPPING, policy_of, recording, write_lerobot


def with_observation(name: str, entry: FieldSource) -> DatasetMapping:
    return replace(LEROBOT_MAPPING, observation=LEROBOT_MAPPING.observation | {name: entry})


BAD_MAPPINGS = {
    "an unknown column": (
        with_observation("yaw", FieldSource("observation.yaw", unit="rad")),
        r"unknown feature of numbers for observation field 'yaw'.*'observation.yaw'; avail",
    ),
    "an unknown column of success": (
        replace(LEROBOT_MAPPING, success=SuccessSource("won")),
        "unknown feature of numbers for success",
    ),
    "an unknown task": (replace(LEROBOT_MAPPING, select="Fly."), "unknown task .*'Fly.'"),
    "an unknown field": (
        with_observation("temper", FieldSource("action", unit="1")),
        "unknown observation field of policy 'small' 'temper'; available: position, yaw",
    ),
    "a missing field": (
        replace(LEROBOT_MAPPING, action={"move": LEROBOT_MAPPING.action["move"]}),
        "lacks action field gripper of policy 'small'; .*constant",
    ),
    "a unit without conversion": (
        with_observation("yaw", FieldSource("observation.state", (3,), "m")),
        r"'yaw': there is no conversion from \[m\] to the policy's \[rad\]; available: rad, deg",
    ),
    "a normalised value for metres": (
        with_observation("position", FieldSource("observation.state", (0, 1, 2), "1")),
        r"'position': there is no conversion from \[1\] .*needs a factor",
    ),
    "another size": (
        with_observation("position", FieldSource("observation.state", (0, 1), "m")),
        "'position': the mapping gives 2 values, the policy has 3",
    ),
    "an unknown camera": (
        replace(LEROBOT_MAPPING, cameras={"top": "observation.images.top"}),
        "unknown camera of policy 'small' 'top'; available: none",
    ),
}


@pytest.mark.parametrize("name", BAD_MAPPINGS)
def test_a_mapping_that_cannot_be_right_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    mapping, expected = BAD_MAPPINGS[name]
    source = write_lerobot(tmp_path / "set", [recording(6)])
    with pytest.raises((InvalidFile, UnknownName), match=expected):
        import_dataset(source, mapping, policy_of(), tmp_path / "run", "t")
    assert not (tmp_path / "run").exists()


def test_a_camera_without_images_is_refused(tmp_path: Path) -> None:
    source = write_lerobot(tmp_path / "set", [recording(6)])
    mapping = replace(LEROBOT_MAPPING, cameras={"front": "action"})
    policy = policy_of(4, (CameraSpec("front", 8, 8),))
    with pytest.raises(UnknownName, match="feature of images for camera 'front'"):
        import_dataset(source, mapping, policy, tmp_path / "run", "t")
    with pytest.raises(InvalidFile, match="lacks camera front"):
        import_dataset(source, LEROBOT_MAPPING, policy, tmp_path / "run", "t")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{source: action}", "needs the unit"),
        ("{unit: m}", "needs either a source or a constant"),
        ("{constant: 1.0, unit: m}", "a constant has no indices, unit, quaternion"),
        ("{source: q, quaternion: xyzw, unit: deg}", "rotation is in rad"),
        ("{source: action, unit: m, indices: [-1]}", "greater than or equal to 0"),
        ("{source: action, unit: m, gain: 2}", "gain: Unexpected keyword"),
    ],
)
def test_a_mapping_file_names_the_place_of_a_mistake(
    tmp_path: Path, entry: str, expected: str
) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(
        f"{{format: lerobot, observation: {{yaw: {entry}}}, action: {{}}, success: all}}"
    )
    with pytest.raises(InvalidFile, match=f"observation.yaw.*{expected}"):
        read_mapping(path)
