"""What cannot be right in a dataset or a mapping is refused, by name; the rest is taken."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest

from dsrl_core.data.importers.importing import import_dataset
from dsrl_core.errors import DsrlError, InvalidFile
from tests.core.importers_setup import (
    LEROBOT_MAPPING,
    ROBOMIMIC_MAPPING,
    Recording,
    policy_of,
    recording,
    stored,
    write_lerobot,
    write_robomimic,
)


def spoilt(change: Callable[[Recording], None]) -> Recording:
    one = recording(6, 1)
    change(one)
    return one


def set_value(name: str, value: float) -> Callable[[Recording], None]:
    def change(one: Recording) -> None:
        getattr(one, name).reshape(len(one), -1)[3, 0] = value

    return change


def scale(name: str, factor: float) -> Callable[[Recording], None]:
    def change(one: Recording) -> None:
        getattr(one, name)[:] *= factor

    return change


BAD_VALUES = {
    "not a number": (
        set_value("positions_mm", np.nan),
        r"observation field 'position': row 3 is not a number",
    ),
    "infinite": (set_value("gripper_mm", np.inf), r"action field 'gripper': row 3 is not a number"),
    "too large to store": (
        set_value("yaw_deg", 1e42),
        r"observation field 'yaw': row 3 is not a number or infinite",
    ),
    "a wrong unit": (
        scale("positions_mm", 1000.0),
        r"observation field 'position': component \d is typically .* \[m\].*Is the unit",
    ),
    "a wrong unit of an action": (
        scale("gripper_mm", 1000.0),
        r"action field 'gripper': component 0 is typically .* the policy's scale is 0.05",
    ),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_an_episode_with_bad_values_is_refused_and_the_others_are_taken(
    tmp_path: Path, name: str
) -> None:
    change, expected = BAD_VALUES[name]
    recordings = [recording(6), spoilt(change), recording(6, 2)]
    source = write_robomimic(tmp_path / "set.hdf5", recordings)
    report = import_dataset(source, ROBOMIMIC_MAPPING, policy_of(), tmp_path / "run", "t")
    assert len(report.taken) == 2
    (refused,) = report.refused
    assert re.match(r"set\.hdf5, episode 1: " + expected, refused)
    found = [one.metadata["dataset_episode"] for one, _ in stored(tmp_path / "run")]
    assert found == ["0", "2"]


def demo(file: h5py.File) -> h5py.Group:
    return file["data/demo_1"]


def drop(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del demo(file)[name]

    return change


def put(name: str, values: np.ndarray) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del demo(file)[name]
        demo(file)[name] = values

    return change


BAD_DEMOS = {
    "a missing column": (drop("obs/yaw"), "there is no 'yaw' in obs; available: position"),
    "no actions": (drop("actions"), "it has no 'actions'; available: .*obs"),
    "too few values": (put("actions", np.zeros((5, 2))), r"'actions' has 2 values per row"),
    "too many dimensions": (put("obs/yaw", np.zeros((5, 2, 2))), r"'yaw' has shape \(5, 2, 2\)"),
    "another length": (put("obs/yaw", np.zeros(4)), "'yaw' has 4 rows, there are 5 actions"),
    "words": (put("rewards", np.array([b"no"] * 5)), r"'rewards' is \|S2, expected numbers"),
    "a wide reward": (put("rewards", np.zeros((5, 2))), "success: 'rewards' has 2 values per row"),
}


@pytest.mark.parametrize("name", BAD_DEMOS)
def test_a_demo_that_lacks_something_is_refused(tmp_path: Path, name: str) -> None:
    change, expected = BAD_DEMOS[name]
    source = write_robomimic(tmp_path / "set.hdf5", [recording(6), recording(6, 1)])
    with h5py.File(source, "a") as file:
        change(file)
    report = import_dataset(source, ROBOMIMIC_MAPPING, policy_of(), tmp_path / "run", "t")
    assert len(report.taken) == 1
    (refused,) = report.refused
    assert re.search(r"(episode|demo_)\s?1: .*" + expected, refused)


def test_an_empty_demo_is_refused(tmp_path: Path) -> None:
    source = write_robomimic(tmp_path / "set.hdf5", [recording(6), recording(1)])
    report = import_dataset(source, ROBOMIMIC_MAPPING, policy_of(), tmp_path / "run", "t")
    (refused,) = report.refused
    assert refused.startswith("set.hdf5, episode 1: it has 0 rows, expected at least an action")


def test_a_damaged_data_file_costs_its_episodes_only(tmp_path: Path) -> None:
    source = write_lerobot(
        tmp_path / "set",
        [recording(6), recording(6, 1)],
        episode_columns={"data/file_index": [0, 1], "dataset_from_index": [0, 6]},
    )
    (source / "data/chunk-000/file-001.parquet").write_bytes(b"PAR1 and no more")
    report = import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")
    assert len(report.taken) == 1
    assert re.search("episode 1: .*file-001.parquet cannot be read", report.refused[0])


def test_rows_of_another_episode_are_not_taken_for_it(tmp_path: Path) -> None:
    source = write_lerobot(
        tmp_path / "set",
        [recording(6), recording(6, 1)],
        columns={"episode_index": pa.array([0] * 6 + [0] + [1] * 5)},
    )
    report = import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")
    assert len(report.taken) == 1
    assert re.search(r"episode 1: .*its rows in .* are of episodes \[0, 1\]", report.refused[0])


def test_gaps_in_a_column_are_refused(tmp_path: Path) -> None:
    source = write_lerobot(
        tmp_path / "set",
        [recording(3)],
        columns={"action": pa.array([[1.0] * 4, None, [1.0] * 4])},
    )
    report = import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")
    assert re.search("feature 'action': .*row 1 is missing", report.refused[0])


@pytest.mark.parametrize("fps", [4, 15])
def test_a_rate_that_does_not_fit_is_refused_with_both(tmp_path: Path, fps: int) -> None:
    source = write_lerobot(tmp_path / "set", [recording(6)], fps=fps)
    expected = f"has {fps} rows per second and policy 'small' acts 10 times per second"
    with pytest.raises(InvalidFile, match=expected):
        import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")
    assert not (tmp_path / "run").exists()


def test_a_rate_that_nobody_tells_is_asked_for(tmp_path: Path) -> None:
    source = write_robomimic(tmp_path / "set.hdf5", [recording(6)])
    with pytest.raises(InvalidFile, match="give `fps` in the mapping"):
        import_dataset(
            source, replace(ROBOMIMIC_MAPPING, fps=None), policy_of(), tmp_path / "run", "t"
        )


def test_an_older_format_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    source = write_lerobot(tmp_path / "set", [recording(6)], version="v2.1")
    with pytest.raises(InvalidFile, match=r"v2\.1, expected v3\.0; convert it by .*v21_to_v30"):
        import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")


def test_what_is_no_dataset_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    (tmp_path / "folder").mkdir()
    for source, mapping, expected in (
        (tmp_path / "none", LEROBOT_MAPPING, "there is no dataset"),
        (tmp_path / "folder", LEROBOT_MAPPING, "is not a LeRobot dataset"),
        (tmp_path / "file", LEROBOT_MAPPING, "is not a LeRobot dataset"),
        (tmp_path / "file", ROBOMIMIC_MAPPING, "cannot be read as HDF5"),
        (tmp_path / "folder", ROBOMIMIC_MAPPING, "cannot be read as HDF5"),
    ):
        with pytest.raises(DsrlError, match=expected):
            import_dataset(source, mapping, policy_of(), tmp_path / "run", "t")


def test_a_missing_library_is_named_with_the_way_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, source, mapping in (
        ("pyarrow.parquet", write_lerobot(tmp_path / "set", [recording(6)]), LEROBOT_MAPPING),
        ("h5py", write_robomimic(tmp_path / "set.hdf5", [recording(6)]), ROBOMIMIC_MAPPING),
    ):
        monkeypatch.setitem(sys.modules, name, None)
        expected = rf"needs {name.partition('.')[0]}, which is not .*dsrl-core\[datasets\]"
        with pytest.raises(DsrlError, match=expected):
            import_dataset(source, mapping, policy_of(), tmp_path / "run", "t")
