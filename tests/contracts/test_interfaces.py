"""The interface packages of this workspace are, on the wire, those of upstream."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ament_index_python.packages import get_package_share_directory
from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointComponentTolerance
from franka_msgs.action import PTPMotion
from franka_msgs.msg import FrankaRobotState, GraspEpsilon, TargetStatus
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message

from dsrl_interfaces.action import ReturnToStart
from dsrl_interfaces.msg import SafetyStatus

SOURCES = Path(__file__).resolve().parents[2] / "ros2_ws/src"

# Of upstream's own files: franka_msgs of franka_ros2 3.4.0, control_msgs 5.8.0 (both: branch
# `jazzy`). Made by building these with rosidl of Jazzy, which installs a type's hashes beside it.
HASHES: dict[str, str] = json.loads(
    Path(__file__).with_name("upstream_type_hashes.json").read_text()
)

CONSTANTS = [
    (
        FrankaRobotState,
        "ROBOT_MODE_",
        ["OTHER", "IDLE", "MOVE", "GUIDING", "REFLEX", "USER_STOPPED", "AUTOMATIC_ERROR_RECOVERY"],
        range(7),
    ),
    (TargetStatus, "", ["IDLE", "EXECUTING", "TARGET_REACHED", "ABORTED"], range(4)),
    (
        JointComponentTolerance,
        "",
        ["X_AXIS", "Y_AXIS", "Z_AXIS", "TRANSLATION", "ROTATION"],
        range(1, 6),
    ),
    (
        FollowJointTrajectory.Result,
        "",
        [
            "SUCCESSFUL",
            "INVALID_GOAL",
            "INVALID_JOINTS",
            "OLD_HEADER_TIMESTAMP",
            "PATH_TOLERANCE_VIOLATED",
            "GOAL_TOLERANCE_VIOLATED",
        ],
        range(0, -6, -1),
    ),
]

# Ours, not upstream's: only that they can be sent.
OWN = ["dsrl_interfaces/msg/SafetyStatus", "dsrl_interfaces/action/ReturnToStart"]


def interface(name: str) -> Any:
    """The class of `package/kind/Name`."""
    package, kind, type_name = name.split("/")
    return getattr(import_module(f"{package}.{kind}"), type_name)


def messages_of(name: str) -> list[type]:
    """What of `package/kind/Name` is sent: one message, or the parts of a service or an action."""
    found = interface(name)
    parts = {"msg": [], "srv": ["Request", "Response"], "action": ["Goal", "Result", "Feedback"]}
    return [getattr(found, part) for part in parts[name.split("/")[1]]] or [found]


@pytest.mark.parametrize("name", HASHES)
def test_a_type_has_the_hash_of_upstreams(name: str) -> None:
    package, kind, type_name = name.split("/")
    file = Path(get_package_share_directory(package), kind, f"{type_name}.json")
    hashes = {
        entry["type_name"]: entry["hash_string"]
        for entry in json.loads(file.read_text())["type_hashes"]
    }
    assert hashes[name] == HASHES[name]


@pytest.mark.parametrize("package", ["franka_msgs", "control_msgs"])
def test_every_file_of_a_stand_in_is_in_the_table(package: str) -> None:
    files = {
        f"{package}/{kind}/{file.stem}"
        for kind in ("action", "msg", "srv")
        for file in (SOURCES / package / kind).glob(f"*.{kind}")
    }
    assert files == {name for name in HASHES if name.startswith(f"{package}/")}


@pytest.mark.parametrize(("message", "prefix", "names", "values"), CONSTANTS)
def test_constants_which_no_hash_covers_are_upstreams(
    message: Any, prefix: str, names: list[str], values: range
) -> None:
    assert [getattr(message, prefix + name) for name in names] == list(values)


def test_a_grasp_tolerates_five_millimetres_by_default() -> None:
    assert GraspEpsilon() == GraspEpsilon(inner=0.005, outer=0.005)


@pytest.mark.parametrize("name", [*HASHES, *OWN])
def test_a_type_goes_over_the_wire_and_comes_back(name: str) -> None:
    for message in messages_of(name):
        sent = message()
        assert deserialize_message(serialize_message(sent), message) == sent


def test_values_come_back_in_their_fields() -> None:
    state = FrankaRobotState(robot_mode=FrankaRobotState.ROBOT_MODE_REFLEX, time=12.5)
    state.current_errors.joint_reflex = True
    state.measured_joint_state.position = [0.1] * 7
    state.o_f_ext_hat_k.wrench.force.z = -9.0
    status = SafetyStatus(held=True, clamped_rules=["table"], clamped_counts=[3])
    for sent in (state, status):
        assert deserialize_message(serialize_message(sent), type(sent)) == sent


@pytest.mark.parametrize("action", [PTPMotion, FollowJointTrajectory, ReturnToStart])
def test_a_node_can_ask_for_an_action(action: Any) -> None:
    context = Context()
    context.init()
    try:
        node = Node("asks", context=context)
        client = ActionClient(node, action, "action")
        assert not client.server_is_ready()
        client.destroy()
        node.destroy_node()
    finally:
        context.shutdown()
