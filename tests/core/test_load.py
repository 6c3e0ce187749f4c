"""What the arm carries: a robot file's load, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dsrl_core.catalog import Catalog, read_spec
from dsrl_core.errors import InvalidFile
from dsrl_core.specs import RobotSpec

ROBOT = Catalog.default().robot("fr3")
TOOL = {
    "mass_kg": 0.4,
    "center_of_mass_m": [0.0, 0.0, 0.15],
    "inertia_kg_m2": [[1e-3, 0.0, 0.0], [0.0, 1e-3, 0.0], [0.0, 0.0, 5e-4]],
}


def robot_with(folder: Path, load: Any) -> RobotSpec:
    content = yaml.safe_load((ROBOT.folder / "fr3.yaml").read_text()) | {"load": load}
    path = folder / "fr3.yaml"
    path.write_text(yaml.safe_dump(content))
    return read_spec(RobotSpec, path)


def test_robot_without_a_load_is_told_none() -> None:
    assert ROBOT.load is None


def test_load_of_a_file_is_read(tmp_path: Path) -> None:
    load = robot_with(tmp_path, TOOL).load
    assert load is not None
    assert load.mass_kg == 0.4
    assert load.center_of_mass_m == (0.0, 0.0, 0.15)
    assert load.inertia_kg_m2[2] == (0.0, 0.0, 5e-4)


def test_nothing_takes_a_load_back(tmp_path: Path) -> None:
    nothing = {
        "mass_kg": 0.0,
        "center_of_mass_m": [0.0, 0.0, 0.0],
        "inertia_kg_m2": [[0.0] * 3] * 3,
    }
    load = robot_with(tmp_path, nothing).load
    assert load is not None
    assert load.mass_kg == 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mass_kg": -0.1}, "greater than or equal to 0"),
        ({"mass_kg": float("nan")}, "finite"),
        ({"mass_kg": 0.0}, "expected zeros"),
        ({"center_of_mass_m": [0.0, 0.0]}, "center_of_mass_m"),
        ({"inertia_kg_m2": [[1e-3, 1e-4, 0.0], [0.0, 1e-3, 0.0], [0.0, 0.0, 1e-3]]}, "symmetric"),
        ({"inertia_kg_m2": [[-1e-3, 0.0, 0.0], [0.0, 1e-3, 0.0], [0.0, 0.0, 1e-3]]}, "below 0"),
        ({"inertia_kg_m2": [[5e-3, 0.0, 0.0], [0.0, 1e-3, 0.0], [0.0, 0.0, 1e-3]]}, "the sum"),
        ({"mass_g": 400.0}, "mass_g"),
    ],
)
def test_load_that_is_none_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidFile, match=words):
        robot_with(tmp_path, TOOL | change)
