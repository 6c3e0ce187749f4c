"""What each node of a graph may say, hear, offer and ask for, and nothing else: SROS2's policy.

Made of the same names as the nodes' own publishers and subscriptions; a test looks at running nodes
and finds exactly these. For a robot by the clock on the wall: a simulation needs no protection from
its own machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final
from xml.etree import ElementTree

from dsrl_core.catalog import Catalog
from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_ros import topics
from dsrl_ros.command_paths import PATHS
from dsrl_ros.controllers import MANAGER_SERVICE, SIMULATED_SERVICE
from dsrl_ros.graph import Graph, NodeStart
from dsrl_ros.input_topics import input_topics
from dsrl_ros.namespaces import enclave_of, robot_names
from dsrl_ros.operator_services import BUTTONS
from dsrl_ros.parameters import ROBOT_FILE
from dsrl_ros.raw_topics import chosen_topics
from dsrl_ros.wire_names import driver_name, with_prefix

OPERATOR: Final = "operator"
"""Enclave of whoever labels and starts: the command line, the window, a launch file's start."""
DRIVER: Final = "driver"
"""Enclave of what is not ours: franka_ros2, its controllers, cameras, people's tools."""
_PARAMETER_SERVICES: Final = (
    "describe_parameters",
    "get_parameter_types",
    "get_parameters",
    "get_type_description",
    "list_parameters",
    "set_parameters",
    "set_parameters_atomically",
)
_SAID_BY_ALL: Final = ("/rosout", "/parameter_events")
_PTP_MOTION: Final = "action_server/ptp_motion"


@dataclass(frozen=True)
class Rights:
    """Names of topics, services and actions, relative to the node's namespace unless absolute."""

    says: frozenset[str] = frozenset()
    hears: frozenset[str] = frozenset()
    offers: frozenset[str] = frozenset()
    """Services."""
    asks: frozenset[str] = frozenset()
    """Services."""
    performs: frozenset[str] = frozenset()
    """Actions."""
    calls: frozenset[str] = frozenset()
    """Actions."""


def _names(*found: topics.Topic) -> frozenset[str]:
    return frozenset(topic.name for topic in found)


def _of_robots(found: Iterable[topics.Topic], robots: Iterable[str]) -> frozenset[str]:
    robots = tuple(robots)
    return _names(*(topics.of_robot(topic, robot) for topic in found for robot in robots))


_OF_EPISODES: Final = frozenset(
    [
        topics.RUN_SERVICE,
        topics.START_SERVICE,
        topics.STOP_SERVICE,
        topics.PAUSE_SERVICE,
        topics.LABEL_SERVICE,
        *map(topics.button_service, BUTTONS),
    ]
)
_HEARD: Final = _names(
    topics.EPISODE,
    topics.LABEL_LEDGER,
    topics.EPISODE_RECORDED,
    topics.LEARNER_STATUS,
    topics.POLICY_INFO,
    topics.SAFETY,
    topics.RUN_BUDGET,
    topics.DIAGNOSTICS,
    topics.SIM_SUCCESS,
) | {"/clock", "clock"}
"""By whoever shows a run to people."""
OF_OPERATORS: Final = Rights(
    says=_names(topics.LABEL),
    hears=_HEARD,
    asks=_OF_EPISODES | {topics.HOLD_SERVICE, topics.RESUME_SERVICE},
)


def rights_of(graph: Graph, node: NodeStart, known: Catalog) -> Rights:
    """Of a node of this graph, in real time.

    Raises:
        DsrlError: its task, robot or policy does not exist.
    """
    task = known.task(graph.options.task)
    policy = known.policy_of(task, graph.options.policy)
    robot = with_prefix(known.robot(task.robot), graph.options.arm_prefix)
    simulated = graph.options.simulated
    robots = robot_names(node.parameters.get("robots", ""))
    match node.name:
        case "policy_server":
            return Rights(says=_of_robots([topics.POLICY_INFO], ("", *robots)))
        case "noise_actor":
            return Rights(
                says=_names(topics.ACTION_CHUNK, topics.DECISION_INPUTS),
                hears=_names(
                    topics.EPISODE,
                    topics.POLICY_INFO,
                    topics.CHUNK_REQUEST,
                    *(entry.topic for entry in input_topics(policy, robot)),
                )
                | {_weights_of(graph)},
            )
        case "learner":
            return Rights(
                says=_names(topics.ACTOR_WEIGHTS, topics.DIAGNOSTICS)
                | _of_robots([topics.LEARNER_STATUS], ("", *robots)),
                hears=_of_robots([topics.EPISODE_RECORDED, topics.LABEL_LEDGER], robots or ("",)),
            )
        case "chunk_player":
            return _of_chunk_player(graph, node.parameters, policy, robot)
        case "rollout_recorder":
            return Rights(
                says=_names(topics.DECISION_STEP, topics.EPISODE_RECORDED, topics.DIAGNOSTICS),
                hears=_names(
                    topics.EPISODE,
                    topics.CHUNK_REQUEST,
                    topics.ACTION_CHUNK,
                    *chosen_topics(node.parameters.get("raw_topics", ""), policy, robot),
                ),
            )
        case "episode_manager":
            return Rights(
                says=_names(
                    topics.EPISODE, topics.LABEL_LEDGER, topics.RUN_BUDGET, topics.DIAGNOSTICS
                ),
                hears=_names(
                    topics.SAFETY,
                    topics.CHUNK_REQUEST,
                    topics.ACTION_CHUNK,
                    topics.POLICY_INFO,
                    topics.EPISODE_RECORDED,
                    topics.LABEL,
                    topics.LEARNER_STATUS,
                    topics.JOINT_STATES,
                    topics.GRIPPER_STATES,
                ),
                offers=_OF_EPISODES,
                asks=frozenset([topics.RESET_SERVICE] if simulated else []),
                calls=frozenset([topics.RETURN_ACTION]),
            )
        case "joy_operator":
            return replace(OF_OPERATORS, hears=OF_OPERATORS.hears | {topics.JOY.name})
    return Rights()


def _weights_of(graph: Graph) -> str:
    """One learner may serve several robots, from a namespace above theirs."""
    return dict(graph.remappings).get(topics.ACTOR_WEIGHTS.name, topics.ACTOR_WEIGHTS.name)


def _of_chunk_player(graph: Graph, given: Any, policy: PolicySpec, robot: RobotSpec) -> Rights:
    """It alone moves the arm; how depends on the robot's file and on its parameters."""
    path, way = (
        robot_says if (asked := given.get(name, ROBOT_FILE)) == ROBOT_FILE else asked
        for name, robot_says in (
            ("command_path", robot.command_path),
            ("return_path", robot.return_path),
        )
    )
    asks, calls = set[str](), set[str]()
    if given.get("gripper", True):
        asks.add(f"{topics.GRIPPER}/stop")
        calls |= {f"{topics.GRIPPER}/move", f"{topics.GRIPPER}/grasp"}
        if given.get("gripper_homing", False):
            calls.add(f"{topics.GRIPPER}/homing")
    if way == "ptp_motion":
        calls.add(driver_name(robot, _PTP_MOTION, graph.options.namespace or "/"))
        asks.add(SIMULATED_SERVICE if graph.options.simulated else MANAGER_SERVICE)
    return Rights(
        says=_names(topics.SAFETY, topics.CHUNK_REQUEST, topics.DIAGNOSTICS, PATHS[path].topic),
        hears=_names(
            topics.EPISODE,
            topics.ACTION_CHUNK,
            topics.POLICY_INFO,
            topics.JOINT_STATES,
            topics.ROBOT_STATE,
            topics.GRIPPER_STATES,
            *(topics.policy_image(camera.name) for camera in policy.cameras),
        ),
        offers=frozenset([topics.HOLD_SERVICE, topics.RESUME_SERVICE]),
        asks=frozenset(asks),
        performs=frozenset([topics.RETURN_ACTION]),
        calls=frozenset(calls),
    )


# As a file of `ros2 security`.


def policy_file(graphs: Iterable[Graph], known: Catalog) -> str:
    """The policy of all nodes of these graphs, of operators and of the driver, as XML.

    Raises:
        DsrlError: a task, robot or policy does not exist.
    """
    root = ElementTree.Element("policy", version="0.2.0")
    enclaves = ElementTree.SubElement(root, "enclaves")
    places = set[str]()
    for graph in graphs:
        namespace = graph.options.namespace
        for node in graph.nodes:
            rights = rights_of(graph, node, known)
            _add(enclaves, namespace, node.name, node.name, rights)
        places.add(namespace)
    for namespace in sorted(places):
        _add(enclaves, namespace, OPERATOR, OPERATOR, OF_OPERATORS)
        everything = frozenset(["*"])
        driver = Rights(*[everything] * 6)
        _add(enclaves, namespace, DRIVER, DRIVER, driver)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add(
    enclaves: ElementTree.Element, namespace: str, enclave: str, node: str, rights: Rights
) -> None:
    place = ElementTree.SubElement(enclaves, "enclave", path=enclave_of(namespace, enclave))
    profiles = ElementTree.SubElement(place, "profiles")
    profile = ElementTree.SubElement(profiles, "profile", ns=namespace or "/", node=node)
    own = {f"~/{service}" for service in _PARAMETER_SERVICES}
    for kind, word, names in (
        ("topics", "publish", rights.says | {*_SAID_BY_ALL}),
        ("topics", "subscribe", rights.hears),
        ("services", "reply", rights.offers | own),
        ("services", "request", rights.asks),
        ("actions", "execute", rights.performs),
        ("actions", "call", rights.calls),
    ):
        if names:
            group = ElementTree.SubElement(profile, kind, {word: "ALLOW"})
            for name in sorted(names):
                full = name if name[0] in "/~*" else f"{namespace}/{name}"
                ElementTree.SubElement(group, kind.removesuffix("s")).text = full
