"""Robot, task and policy files: found by name, read strictly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dsrl_core.catalog import read_spec
from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec
from tests.core.steering_setup import CATALOG

TASK_FILE = CATALOG.tasks / "franka_pick.yaml"


def written(folder: Path, **changes: object) -> Path:
    """The shipped task's file with some keys changed, or left out if None."""
    content = yaml.safe_load(TASK_FILE.read_text()) | changes
    path = folder / "task.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return path


def test_the_shipped_files_fit_each_other() -> None:
    task = CATALOG.task("franka_pick")
    assert CATALOG.robot(task.robot).model_path.is_file()
    assert CATALOG.policy(task.policy).weights_path.is_file()


def test_a_task_tells_its_policy_what_it_is_about() -> None:
    task = CATALOG.task("franka_pick")
    assert CATALOG.policy_of(task) == CATALOG.policy(task.policy)
    told = CATALOG.policy_of(replace(task, prompt="pick up the cube"))
    assert told == replace(CATALOG.policy(task.policy), prompt="pick up the cube")
    assert CATALOG.policy_of(task, "franka_place_flow").name == "franka_place_flow"


@pytest.mark.parametrize("kind", ["task", "robot", "policy"])
def test_an_unknown_name_is_answered_with_those_that_there_are(kind: str) -> None:
    available = {"task": "franka_pick", "robot": "fr3", "policy": "franka_pick_flow"}[kind]
    with pytest.raises(UnknownName, match=rf"{kind}.*'nothing'.*{available}"):
        getattr(CATALOG, kind)("nothing")


def test_an_unknown_key_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"(?s)time_limit.*available:.*time_limit_s"):
        read_spec(TaskSpec, written(tmp_path, time_limit=3.0))


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"time_limit_s.*required"):
        read_spec(TaskSpec, written(tmp_path, time_limit_s=None))


def test_a_value_out_of_range_is_named_with_its_range(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"time_limit_s: .*greater than 0 .*-1"):
        read_spec(TaskSpec, written(tmp_path, time_limit_s=-1.0))


@pytest.mark.parametrize("text", ["", "- a list", "a: [unclosed"])
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=r"policy\.yaml"):
        read_spec(PolicySpec, path)


def test_limits_for_another_number_of_joints_are_refused() -> None:
    robot: RobotSpec = CATALOG.robot("fr3")
    with pytest.raises(ValueError, match="joint_effort_max has 2 values, expected 7"):
        replace(robot, joint_effort_max=(1.0, 1.0))
