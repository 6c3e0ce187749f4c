"""The launch files and what goes with them: their arguments, the controllers' parameters, RViz's
topics, containers. `launch` itself is not installed here, so that only what they declare is looked
at; its few names that are used stand in below."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any, get_args
from unittest.mock import MagicMock

import pytest
import yaml

from dsrl_core.catalog import Catalog
from dsrl_core.errors import DsrlError
from dsrl_core.specs import RobotSpec
from dsrl_core.specs.robot import CommandPath
from dsrl_ros import prepare_robot, topics
from dsrl_ros.graph import CORE, KINDS, ON_ROBOT_MACHINE, GraphOptions
from dsrl_ros.wire_names import driver_name

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ros2_ws/src/dsrl_ros"
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
CONTROLLERS = yaml.safe_load((PACKAGE / "config/controllers/fr3.yaml").read_text())["/**"]
OF_LAUNCH = (
    "launch",
    "launch.actions",
    "launch.event_handlers",
    "launch.launch_description_sources",
    "launch.substitutions",
    "launch_ros",
    "launch_ros.actions",
    "launch_ros.parameter_descriptions",
)


@dataclass(frozen=True)
class Argument:
    """What `launch.actions.DeclareLaunchArgument` is given."""

    name: str
    default_value: str | None
    description: str
    choices: Sequence[str] | None


@pytest.fixture(scope="module")
def modules() -> Iterator[Mapping[str, Any]]:
    """`launching`, `launching_cell` and every launch file by its name."""
    before = {name: sys.modules.get(name) for name in OF_LAUNCH}
    ours = ("dsrl_ros.launching", "dsrl_ros.launching_cell")
    try:
        for name in OF_LAUNCH:
            sys.modules[name] = MagicMock(DeclareLaunchArgument=Argument)
        found: dict[str, Any] = {name.split(".")[1]: importlib.import_module(name) for name in ours}
        found |= {file.name: _loaded(file) for file in FILES}
        yield found
    finally:
        for name in ours:
            sys.modules.pop(name, None)
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def _loaded(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem.replace(".", "_"), file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def robot() -> RobotSpec:
    return Catalog().robot("fr3")


def values(launching: Any, **given: str) -> Any:
    """The arguments of a run, at their defaults but for those that are given."""
    defaults = {a.name: a.default_value for a in launching.RUN_ARGUMENTS}
    value = launching.Values(None)
    value.__class__ = type("Given", (launching.Values,), {"__call__": lambda _, n: texts[n]})
    texts = defaults | given
    return value


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_argument_is_described_once_with_a_default_among_its_choices(
    file: Path, modules: Mapping[str, Any]
) -> None:
    arguments: Sequence[Argument] = modules[file.name].ARGUMENTS
    assert len({argument.name for argument in arguments}) == len(arguments)
    for argument in arguments:
        assert argument.description.endswith(".") or argument.name == "camera_sources"
        assert argument.choices is None or argument.default_value in argument.choices
    assert len(file.read_text().splitlines()) <= 120


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_graph_has_no_option_that_a_launch_file_forgets(
    file: Path, modules: Mapping[str, Any]
) -> None:
    names = {argument.name for argument in modules[file.name].ARGUMENTS}
    in_simulation = {"realtime", "viewer", "operator"}
    wanted = {field.name for field in fields(GraphOptions)} - {"simulated", "overrides"}
    assert wanted - (set() if "sim" in file.name else in_simulation) <= names
    assert "params" in names


def test_arguments_become_the_graph_that_they_ask_for(modules: Mapping[str, Any]) -> None:
    launching = modules["launching"]
    value = values(
        launching, seed="7", out="/tmp/x", params="learner.guard=false;learner.slice_s=1"
    )
    expected = GraphOptions("franka_pick", Path("/tmp/x"), seed=7)
    expected = replace(expected, overrides=("learner.guard=false", "learner.slice_s=1"))
    assert value.options() == expected
    with pytest.raises(DsrlError, match="seed:=-1, expected a whole number"):
        values(launching, seed="-1").options()


def test_pairs_are_read_or_refused(modules: Mapping[str, Any]) -> None:
    launching = modules["launching"]
    assert values(launching, c="a=1,b=/x/y").pairs("c") == {"a": "1", "b": "/x/y"}
    assert values(launching, c="").pairs("c") == {}
    for wrong in ("a", "a=", "=1", "a=1,a=2"):
        with pytest.raises(DsrlError, match="expected name=value"):
            values(launching, c=wrong).pairs("c")


def test_what_is_missing_is_named_with_how_to_install_it(modules: Mapping[str, Any]) -> None:
    with pytest.raises(DsrlError, match=r"franka_bringup: .*franka_ros2(.|\n)*rviz2: apt-get"):
        modules["launching"].require("franka_bringup", "rviz2", "dsrl_interfaces")
    text = (PACKAGE / "dsrl_ros/launching_cell.py").read_text()
    named = {c.package for c in modules["launching_cell"].CONTROLLERS.values()}
    for call in re.findall(r"require\(([^)]*)\)", text):
        named |= set(re.findall(r'"(\w+)"', call))
    assert named <= set(modules["launching"]._INSTALL)


def test_nodes_of_one_machine_are_nodes_of_the_graph() -> None:
    assert set(KINDS) > ON_ROBOT_MACHINE
    assert {kind.name for kind in CORE} & ON_ROBOT_MACHINE == {"chunk_player"}


def test_every_command_path_has_a_controller_for_the_robots_joints(
    modules: Mapping[str, Any], robot: RobotSpec
) -> None:
    known = modules["launching_cell"].CONTROLLERS
    assert set(known) == set(get_args(CommandPath))
    assert {controller.name for controller in known.values()} == set(CONTROLLERS)
    for controller in known.values():
        parameters = CONTROLLERS[controller.name]["ros__parameters"]
        assert parameters["type"].startswith(f"{controller.package}/")
        assert tuple(parameters["joints"]) == robot.joint_names
    assert topics.JOINT_TRAJECTORY.name == f"{known['joint_trajectory'].name}/joint_trajectory"


def test_a_prefix_comes_before_joints_and_frames_only(
    modules: Mapping[str, Any], robot: RobotSpec
) -> None:
    prefixed = modules["launching_cell"].with_prefixed_names
    text = (PACKAGE / "config/controllers/fr3.yaml").read_text()
    assert prefixed(text, robot) == text
    left = yaml.safe_load(prefixed(text, replace(robot, arm_prefix="left")))["/**"]
    assert set(left) == set(CONTROLLERS)
    for name, controller in left.items():
        parameters = controller["ros__parameters"]
        assert parameters["joints"] == [f"left_{joint}" for joint in robot.joint_names], name
        assert parameters.get("end_effector_frame", "left_fr3_hand_tcp") == "left_fr3_hand_tcp"


def test_rviz_listens_to_what_the_graph_says() -> None:
    shown = yaml.safe_load((PACKAGE / "rviz/franka_pick.rviz").read_text())
    displays = shown["Visualization Manager"]["Displays"]
    heard = {display["Topic"]["Value"] for display in displays if "Topic" in display}
    said = {topic.name for topic in vars(topics).values() if isinstance(topic, topics.Topic)}
    for camera in ("scene", "wrist"):
        said |= {topics.camera_image(camera).name, topics.policy_image(camera).name}
    assert heard - said <= {"chunk_player/zones"}


def test_the_robot_is_given_the_thresholds_of_its_file(robot: RobotSpec) -> None:
    request = prepare_robot.collision_request(robot)
    for phase in ("acceleration", "nominal"):
        lower = getattr(request, f"lower_torque_thresholds_{phase}")
        upper = getattr(request, f"upper_force_thresholds_{phase}")
        assert tuple(lower) == robot.collision.lower_torque_nm
        assert tuple(upper) == robot.collision.upper_force


@pytest.mark.parametrize(
    ("namespace", "prefix", "expected"),
    [
        ("/", "", "service_server/x"),
        ("/", "left", "left/service_server/x"),
        ("/cell", "left", "service_server/x"),
    ],
)
def test_services_are_asked_for_where_the_driver_puts_them(
    robot: RobotSpec, namespace: str, prefix: str, expected: str
) -> None:
    prefixed = replace(robot, arm_prefix=prefix)
    assert driver_name(prefixed, "service_server/x", namespace) == expected


def test_containers_are_healthy_when_nodes_of_the_graph_are_there() -> None:
    for file in (ROOT / "docker").glob("*.Dockerfile"):
        (checked,) = re.findall(r'"dsrl_ros\.health_check",([^\]]*)\]', file.read_text())
        names = set(re.findall(r'"(\w+)"', checked))
        assert names <= {*KINDS, "controller_manager"}, file.name


def test_compose_gives_arguments_that_the_launch_files_have(modules: Mapping[str, Any]) -> None:
    services = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]
    for name, service in services.items():
        file = re.search(r"\S+\.launch\.py", service["command"])
        assert file is not None
        known = {argument.name for argument in modules[file[0]].ARGUMENTS}
        assert set(re.findall(r"(\w+):=", service["command"])) <= known, name


def test_the_packages_beside_a_ros_installation_are_those_of_the_lock_file() -> None:
    locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text()))
    text = (ROOT / "docker/requirements.txt").read_text()
    wanted = set(re.findall(r"(?m)^([a-z0-9-]+)", text))
    assert wanted <= locked
    needed = (ROOT / "ros2_ws/src/dsrl_core/setup.py").read_text().split("install_requires=[")[1]
    names = re.findall(r'"([a-z0-9-]+)', needed.split("]")[0])
    assert set(names) <= wanted
