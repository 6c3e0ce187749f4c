"""What nodes may do is what they do: SROS2's policy, beside a running graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from dsrl_ros.graph import GraphOptions, describe, describe_all
from dsrl_ros.paths import catalog
from dsrl_ros.rights import OPERATOR, Rights, policy_file, rights_of
from dsrl_ros.session import GraphSession, SessionOptions

PLACE = "/cell"
FIELDS = fields(Rights)
SIMULATED = ("franka_sim", "auto_operator")
"""Not of a real robot."""
COMMON = ("/rosout", "/parameter_events")
PARAMETERS = ("parameters", "parameter_types", "parameters_atomically", "get_type_description")
ACTION = "/_action/"
PART_OF_ACTION = {"feedback", "status", "send_goal", "cancel_goal", "get_result"}


def full(names: Iterable[str], namespace: str = PLACE) -> set[str]:
    return {name if name.startswith("/") else f"{namespace}/{name}" for name in names}


def found(ask: Callable[[str, str], Any], node: str) -> tuple[set[str], set[str]]:
    """Names of a running node's topics or services, and of the actions that they belong to."""
    names = {name for name, _ in ask(node, PLACE)} - {*COMMON}
    names = {n for n in names if not (f"/{node}/" in n and n.endswith(PARAMETERS))}
    actions = {name.partition(ACTION)[0] for name in names if ACTION in name}
    assert {n.partition(ACTION)[2] for n in names if ACTION in n} <= PART_OF_ACTION
    return {name for name in names if ACTION not in name}, actions


def test_running_nodes_use_exactly_what_the_policy_allows(tmp_path: Path) -> None:
    options = SessionOptions(realtime=True, joy=True, namespace=PLACE)
    with GraphSession("franka_pick", tmp_path, 3, options) as graph:
        node = graph.client.node
        graph.client.spin(2.0)
        for start in graph.graph.nodes:
            if start.name in SIMULATED:
                continue
            allowed = rights_of(graph.graph, start, catalog())
            says, performs = found(node.get_publisher_names_and_types_by_node, start.name)
            hears, calls = found(node.get_subscriber_names_and_types_by_node, start.name)
            offers, performs_too = found(node.get_service_names_and_types_by_node, start.name)
            asks, calls_too = found(node.get_client_names_and_types_by_node, start.name)
            used = Rights(*map(frozenset, (says, hears, offers, asks, performs, calls)))
            assert (performs, calls) == (performs_too, calls_too), start.name
            if start.name == "joy_operator":
                # What operators may, of which it needs a part.
                assert all(getattr(used, f.name) <= full(getattr(allowed, f.name)) for f in FIELDS)
                continue
            for field in FIELDS:
                names = full(getattr(allowed, field.name))
                assert getattr(used, field.name) == names, f"{start.name} {field.name}"


def read(text: str) -> dict[str, dict[tuple[str, str], set[str]]]:
    """A policy as people would read it: enclave to kind and word to names."""
    policy: dict[str, dict[tuple[str, str], set[str]]] = {}
    for enclave in ElementTree.fromstring(text).iter("enclave"):
        groups = policy.setdefault(enclave.attrib["path"], {})
        for group in enclave.iter():
            for word, value in group.attrib.items():
                if value == "ALLOW":
                    groups[group.tag, word] = {str(name.text) for name in group}
    return policy


def test_every_node_has_an_enclave_of_its_own_and_only_the_player_may_move_the_arm(
    tmp_path: Path,
) -> None:
    options = GraphOptions("franka_pick", tmp_path, simulated=False)
    policy = read(policy_file([describe(options)], catalog()))
    nodes = {node.name for node in describe(options).nodes}
    assert set(policy) == {f"/dsrl/{name}" for name in (*nodes, OPERATOR, "driver")}
    may = {
        name for name, groups in policy.items() if "/target_joint" in groups["topics", "publish"]
    }
    assert may == {"/dsrl/chunk_player"}
    assert policy["/dsrl/policy_server"]["topics", "publish"] == {
        "/policy_info",
        "/rosout",
        "/parameter_events",
    }
    assert ("topics", "subscribe") not in policy["/dsrl/policy_server"]
    assert "~/get_parameters" in policy["/dsrl/learner"]["services", "reply"]
    assert policy["/dsrl/driver"]["topics", "publish"] >= {"*"}
    assert not any(
        "*" in "".join(map(str, groups.values()))
        for n, groups in policy.items()
        if "driver" not in n
    )


def test_one_robot_of_several_hears_the_shared_weights_and_nothing_of_the_other(
    tmp_path: Path,
) -> None:
    options = GraphOptions("franka_pick", tmp_path, simulated=False, robots=("left", "right"))
    policy = read(policy_file(describe_all(options), catalog()))
    for name, other in (("left", "right"), ("right", "left")):
        heard = policy[f"/dsrl/{name}/noise_actor"]["topics", "subscribe"]
        assert "/actor_weights" in heard
        assert not any(topic.startswith(f"/{other}") for topic in heard)
    assert policy["/dsrl/learner"]["topics", "subscribe"] == {
        f"/{name}/{topic}"
        for name in ("left", "right")
        for topic in ("episode_recorded", "label_ledger")
    }


@pytest.mark.parametrize(
    ("override", "said", "asked"),
    [
        (
            "chunk_player.command_path=joint_trajectory",
            "/fr3_arm_controller/joint_trajectory",
            set(),
        ),
        (
            "chunk_player.return_path=ptp_motion",
            "/target_joint",
            {"/controller_manager/switch_controller"},
        ),
    ],
)
def test_how_the_arm_is_moved_decides_what_the_player_may(
    override: str, said: str, asked: set[str], tmp_path: Path
) -> None:
    options = GraphOptions("franka_pick", tmp_path, simulated=False)
    policy = read(policy_file([describe(replace(options, overrides=(override,)))], catalog()))
    player = policy["/dsrl/chunk_player"]
    assert said in player["topics", "publish"]
    assert player["services", "request"] - {"/franka_gripper/stop"} == asked
