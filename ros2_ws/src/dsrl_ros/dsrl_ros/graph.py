"""Which nodes a task needs and with which parameters: described once, here.

The launch files and the bare-machine runner both start what `describe` returns, so neither can
drift. Everything that a user may have got wrong is found here, before anything starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from dsrl_core.errors import InvalidFile, InvalidValue, UnknownName
from dsrl_core.policies import check_weights
from dsrl_core.seeding import robot_seed
from dsrl_core.steering.observation import check_fields
from dsrl_ros import parameters as declared
from dsrl_ros import topics
from dsrl_ros.declaring import check_values, declarations
from dsrl_ros.learner_parameters import LearnerParameters
from dsrl_ros.namespaces import OWN_CLOCK, full_namespace, robot_names
from dsrl_ros.paths import catalog, share


@dataclass(frozen=True)
class NodeKind:
    """A node that a graph may have."""

    name: str
    parameters: type
    package: str = "dsrl_ros"
    restart: bool = True
    """Whether it may be started again by itself: it finds all that it needs on disk and in latched
    topics. The simulator's world is lost with it."""
    restart_on_robot: bool = True
    """The same with a real arm: what moves it is started again by a person who looks at it."""
    shared: bool = False
    """Whether one serves all where a graph has several robots."""


CORE: Final = (
    NodeKind("policy_server", declared.PolicyServerParameters, shared=True),
    NodeKind("noise_actor", declared.NoiseActorParameters),
    NodeKind("learner", LearnerParameters, shared=True),
    NodeKind("chunk_player", declared.ChunkPlayerParameters, restart_on_robot=False),
    NodeKind("rollout_recorder", declared.RolloutRecorderParameters),
    NodeKind("episode_manager", declared.EpisodeManagerParameters),
)
SIMULATOR: Final = NodeKind("franka_sim", declared.FrankaSimParameters, "dsrl_sim", restart=False)
OPERATOR: Final = NodeKind("auto_operator", declared.AutoOperatorParameters, "dsrl_sim")
JOYSTICK: Final = NodeKind("joy_operator", declared.JoyOperatorParameters)
_WALL_CLOCK: Final = {"use_sim_time": False}
KINDS: Final = {kind.name: kind for kind in (*CORE, SIMULATOR, OPERATOR, JOYSTICK)}


@dataclass(frozen=True)
class GraphOptions:
    """What a user chooses."""

    task: str
    out: Path
    policy: str = ""
    """Empty: the one that the task names."""
    seed: int = 0
    simulated: bool = True
    realtime: bool = False
    viewer: bool = False
    operator: bool = True
    """The automatic operator labels; otherwise a person does. In simulation only."""
    joy: bool = False
    """Buttons of a joystick or foot pedal label, too."""
    overrides: tuple[str, ...] = ()
    """Each `node.parameter=value`."""
    arm_prefix: str = ""
    """Before the names of joints and frames; empty: as the robot file says."""
    namespace: str = ""
    """Of all nodes, topics and services; empty: none."""
    robots: tuple[str, ...] = ()
    """Names of several robots that one learner learns from; empty: there is one, without a name.
    Each has a namespace and a folder of its name, below the graph's own."""


@dataclass(frozen=True)
class NodeStart:
    """A node to start, with all of its parameters."""

    kind: NodeKind
    parameters: Mapping[str, Any]
    restart: bool

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def module(self) -> str:
        """For `python -m`; installed, the executable of that package has the node's name."""
        return f"{self.kind.package}.nodes.{self.kind.name}"


@dataclass(frozen=True)
class Graph:
    """Everything that is to be started."""

    options: GraphOptions
    nodes: tuple[NodeStart, ...]
    remappings: tuple[tuple[str, str], ...] = ()
    """From, to: of every node, beside its namespace."""

    def parameter_file(self) -> str:
        """The nodes' parameters as a ROS parameter file."""
        content = {
            f"{self.options.namespace}/{node.name}": {"ros__parameters": dict(node.parameters)}
            for node in self.nodes
        }
        return yaml.safe_dump(content, sort_keys=False)


def describe(options: GraphOptions) -> Graph:
    """The graph for these options.

    Raises:
        UnknownName: a task, policy, node or parameter that does not exist.
        InvalidFile: a task or policy file that does not hold, or other weights than it pins.
        InvalidValue: a parameter out of range, no namespace, or options that exclude each other.
    """
    if options.realtime and not options.simulated:
        raise InvalidValue("--realtime is for the simulation; a real robot always is")
    options = replace(options, namespace=full_namespace(options.namespace))
    known = catalog()
    task = known.task(options.task)
    policy = known.policy_of(task, options.policy)
    check_fields(policy, known.robot(task.robot))
    check_weights(policy)
    kinds = [*CORE]
    if options.simulated:
        kinds += [SIMULATOR, OPERATOR] if options.operator else [SIMULATOR]
    if options.joy:
        kinds.append(JOYSTICK)
    overrides = _parse(options.overrides, [kind.name for kind in kinds])
    configured = _read_config(options)
    nodes = []
    for kind in kinds:
        values = {
            **_common(options, kind),
            **configured.get(kind.name, {}),
            **overrides.get(kind.name, {}),
        }
        check_values(kind.name, kind.parameters, values)
        # Only in lock-step does time go by the simulator's clock.
        if options.simulated and not options.realtime and kind is not SIMULATOR:
            values["use_sim_time"] = True
        restart = kind.restart if options.simulated else kind.restart_on_robot
        nodes.append(NodeStart(kind, values, restart))
    clock = (OWN_CLOCK,) if options.namespace else ()
    return Graph(options, tuple(nodes), clock)


def describe_all(options: GraphOptions) -> tuple[Graph, ...]:
    """What is to be started together: one graph, or for several robots the part that they share and
    then each one's own.

    Raises:
        DsrlError: as `describe`, or the robots' names do not hold.
    """
    if not options.robots:
        return (describe(options),)
    names = robot_names(":".join(options.robots))
    if options.viewer:
        raise InvalidValue("a window shows one robot; expected no viewer, or one robot")
    shared = describe(replace(options, robots=()))
    namespace = shared.options.namespace
    # Time is each robot's own where it is simulated: what serves them all goes by the wall's clock.
    serving = [
        replace(node, parameters={**node.parameters, "robots": ":".join(names), **_WALL_CLOCK})
        for node in shared.nodes
        if node.kind.shared
    ]
    graphs = [Graph(replace(shared.options, robots=names), tuple(serving))]
    weights = (topics.ACTOR_WEIGHTS.name, f"{namespace}/{topics.ACTOR_WEIGHTS.name}")
    for index, name in enumerate(names):
        own = describe(
            replace(
                options,
                robots=(),
                namespace=f"{namespace}/{name}",
                out=options.out / name,
                seed=robot_seed(options.seed, index),
            )
        )
        nodes = tuple(node for node in own.nodes if not node.kind.shared)
        graphs.append(Graph(own.options, nodes, (*own.remappings, weights)))
    return tuple(graphs)


ONE, ROBOT, GPU = "one", "robot", "gpu"
"""Which part of a graph a machine runs: all of it, what must be beside the robot, or the rest."""
ON_ROBOT_MACHINE: Final = frozenset({"chunk_player", "franka_sim"})
"""Nodes beside the robot's driver, or in its place; all others share a disk, and a socket with the
policy."""


def part_of(graph: Graph, machine: str) -> Graph:
    """What one of two machines runs of a graph.

    Raises:
        InvalidValue: time is the simulator's, which waits for the other machine at every tick.
    """
    if machine == ONE:
        return graph
    if graph.options.simulated and not graph.options.realtime:
        raise InvalidValue("two machines go by the clock on the wall; expected --realtime")
    nodes = tuple(n for n in graph.nodes if (machine == ROBOT) == (n.name in ON_ROBOT_MACHINE))
    return replace(graph, nodes=nodes)


def _common(options: GraphOptions, kind: NodeKind) -> dict[str, Any]:
    """The options that a node has a parameter for."""
    values: dict[str, Any] = {
        "task": options.task,
        "policy": options.policy,
        "seed": options.seed,
        "out": str(options.out),
        "viewer": options.viewer,
        "arm_prefix": options.arm_prefix,
    }
    return {name: values[name] for name in declarations(kind.parameters) if name in values}


def _read_config(options: GraphOptions) -> dict[str, dict[str, Any]]:
    """Node to parameters from the file in `config/` for this way of running."""
    in_simulation = "realtime" if options.realtime else "lock_step"
    name = in_simulation if options.simulated else "robot"
    path = share() / "config" / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text())
        return {node: part["ros__parameters"] for node, part in content.items()}
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise InvalidFile(f"{path} is no ROS parameter file: {error!r}") from error


def _parse(overrides: tuple[str, ...], nodes: list[str]) -> dict[str, dict[str, Any]]:
    """`node.parameter=value` texts as values by node and name."""
    parsed: dict[str, dict[str, Any]] = {}
    for text in overrides:
        target, equals, value = text.partition("=")
        node, dot, name = target.strip().partition(".")
        if not (equals and dot and name):
            raise InvalidValue(f"--param is '{text}', expected node.parameter=value")
        if node not in nodes:
            raise UnknownName("node", node, nodes)
        try:
            parsed.setdefault(node, {})[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InvalidValue(f"--param {target}: '{value}' is no value: {error}") from error
    return parsed
