"""What the launch files share: their arguments, the graph as actions of ROS's own launch, and the
start of a run. For machines with ROS, where `launch` is installed.

A launch file is `description(arguments, start)`: `start` gets the arguments' values and gives the
actions. Whatever is wrong is found in there, before anything starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnShutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.status import RUN_AB
from dsrl_ros.graph import (
    ONE,
    ROBOT,
    Graph,
    GraphOptions,
    NodeStart,
    describe,
    describe_all,
    part_of,
)
from dsrl_ros.machine import DomainLock, clean_shared_memory
from dsrl_ros.namespaces import OWN_CLOCK, enclave_of
from dsrl_ros.node import REFUSED
from dsrl_ros.paths import domain, prepare_output, prepare_robot_output
from dsrl_ros.runner import RESTARTS_MAX
from dsrl_ros.start_run import ARMS

NO_RUN: Final = "none"
MODES: Final = ("train", "eval", "base", RUN_AB, NO_RUN)
YES_OR_NO: Final = ("true", "false")
_RESTART_PAUSE_S: Final = 1.0
_INSTALL: Final = {
    "controller_manager": "apt-get install ros-jazzy-ros2-control",
    "crisp_controllers": "from source: https://github.com/utiasDSL/crisp_controllers (1.0)",
    "franka_bringup": "from source: https://github.com/frankarobotics/franka_ros2 (jazzy, 3.4)",
    "franka_description": "from source, with franka_ros2 (its dependency.repos)",
    "franka_gazebo_bringup": "from source, with franka_ros2 (jazzy, 3.4)",
    "image_proc": "apt-get install ros-jazzy-image-proc",
    "joint_trajectory_controller": "apt-get install ros-jazzy-joint-trajectory-controller",
    "realsense2_camera": "apt-get install ros-jazzy-realsense2-camera",
    "robot_state_publisher": "apt-get install ros-jazzy-robot-state-publisher",
    "ros_gz_bridge": "apt-get install ros-jazzy-ros-gz-bridge",
    "ros_gz_sim": "apt-get install ros-jazzy-ros-gz-sim",
    "rviz2": "apt-get install ros-jazzy-rviz2",
    "xacro": "apt-get install ros-jazzy-xacro",
}


def argument(
    name: str, default: str | None, text: str, choices: Sequence[str] = ()
) -> DeclareLaunchArgument:
    """A launch argument; without default it must be given."""
    return DeclareLaunchArgument(
        name, default_value=default, description=text, choices=list(choices) or None
    )


RUN_ARGUMENTS: Final = (
    argument("task", "franka_pick", "Task file: robot, policy, time limit, what counts."),
    argument("policy", "", "Frozen policy. Empty: the one that the task names."),
    argument(
        "mode",
        "train",
        "Run that begins once everything is ready: train and improve, eval the learned weights, "
        f"or the base policy with random noise; {RUN_AB}: compare two of them, blinded. {NO_RUN}: "
        "somebody else begins one.",
        MODES,
    ),
    argument(
        "episodes",
        "0",
        f"Episodes of that run. 0: until it is stopped. With mode:={RUN_AB} the most pairs.",
    ),
    argument("arms", ",".join(ARMS), f"What mode:={RUN_AB} compares: base, zero, eval or actor."),
    argument("alpha", "0.05", f"With mode:={RUN_AB}: share of such comparisons that may err."),
    argument("margin", "0", f"With mode:={RUN_AB}: differences smaller than this do not matter."),
    argument("out", "runs/launch", "Output folder; an old one is gone on with."),
    argument("seed", "0", "Seed of resets, noise and learning."),
    argument("namespace", "", "ROS namespace of the robot and of all nodes. Empty: none."),
    argument(
        "robots",
        "",
        "Several robots with one learner: names with ',' between them, each a namespace below the "
        "one above and a folder in out. Empty: one robot.",
    ),
    argument("arm_prefix", "", "Before joints and frames. Empty: as the robot file says."),
    argument("joy", "false", "Take a joystick's or foot pedal's buttons.", YES_OR_NO),
    argument("params", "", "Parameters of nodes: node.parameter=value, separated by ';'."),
)
RVIZ_ARGUMENT: Final = argument("rviz", "false", "Open RViz on robot, tool and images.", YES_OR_NO)


class Values:
    """What the launch arguments were given as."""

    def __init__(self, context: LaunchContext) -> None:
        self._context = context

    def __call__(self, name: str) -> str:
        return str(LaunchConfiguration(name).perform(self._context))

    def flag(self, name: str) -> bool:
        return self(name) == "true"

    def whole(self, name: str) -> int:
        """
        Raises:
            InvalidValue: it is no whole number of 0 or more.
        """
        text = self(name)
        if not text.isascii() or not text.isdigit():
            raise InvalidValue(f"{name}:={text}, expected a whole number, 0 or more")
        return int(text)

    def pairs(self, name: str) -> dict[str, str]:
        """`key=value,key=value`.

        Raises:
            InvalidValue: it is not of that form.
        """
        found: dict[str, str] = {}
        for text in filter(None, self(name).split(",")):
            key, equals, value = text.partition("=")
            if not (key and equals and value) or key in found:
                raise InvalidValue(f"{name}:={self(name)}, expected name=value,name=value")
            found[key] = value
        return found

    def options(self, **chosen: Any) -> GraphOptions:
        """The graph that `RUN_ARGUMENTS` ask for; `chosen`: what is not among them."""
        return GraphOptions(
            task=self("task"),
            policy=self("policy"),
            out=Path(self("out")).expanduser().absolute(),
            seed=self.whole("seed"),
            arm_prefix=self("arm_prefix"),
            joy=self.flag("joy"),
            namespace=self("namespace"),
            robots=tuple(filter(None, self("robots").split(","))),
            overrides=tuple(filter(None, self("params").split(";"))),
            **chosen,
        )


def description(
    arguments: Iterable[DeclareLaunchArgument], start: Callable[[Values], list[Any]]
) -> LaunchDescription:
    """A launch description whose actions are known once its arguments are."""

    def actions(context: LaunchContext) -> list[Any]:
        return start(Values(context))

    return LaunchDescription([*arguments, OpaqueFunction(function=actions)])


def require(*packages: str) -> None:
    """Make sure that these ROS packages are installed.

    Raises:
        DsrlError: names those that are not, and how they are installed.
    """
    missing = [package for package in dict.fromkeys(packages) if not is_installed(package)]
    if missing:
        lines = "\n".join(f"  {package}: {_INSTALL[package]}" for package in missing)
        raise DsrlError(f"not installed, or its workspace is not sourced:\n{lines}")


def is_installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def graph(
    value: Values, options: GraphOptions, machine: str = ONE, foreign_clock: bool = False
) -> list[Any]:
    """The graph's nodes, or those of one machine of two. `foreign_clock`: they follow /clock, which
    is not our simulator's.

    Raises:
        DsrlError: something that was asked for does not exist or does not hold, the output folder
            cannot be used, or another graph runs on this ROS domain in the namespace.
    """
    described = describe_all(options)
    if options.robots and machine == ROBOT:
        raise InvalidValue("on a robot's machine there is one: namespace:=NAME instead of robots:=")
    # The robot's part may run beside the other part on one machine.
    guarded = [] if machine == ROBOT else described
    guard = [_only_graph(part.options.namespace) for part in guarded]
    clean_shared_memory()
    prepare_output(options.out)
    for robot in options.robots:
        prepare_robot_output(options.out, robot)
    extra = {"use_sim_time": True} if foreign_clock else {}
    nodes = [
        _started(node, part, extra) for part in described for node in part_of(part, machine).nodes
    ]
    return [*guard, *nodes]


def _only_graph(namespace: str) -> RegisterEventHandler:
    """Keeps a second graph away from this ROS domain and namespace until the launch is over."""
    lock = DomainLock(domain(), namespace)
    return RegisterEventHandler(OnShutdown(on_shutdown=lambda *_: lock.release()))


def _started(node: NodeStart, part: Graph, extra: dict[str, Any]) -> Node:
    """A node that is started again as often as its description allows; then all is ended."""
    ends = 0

    def on_exit(event: Any, context: LaunchContext) -> None:
        nonlocal ends
        ends += 1
        if not node.restart or event.returncode == REFUSED or ends > RESTARTS_MAX:
            _give_up(context, f"{node.name} ended ({event.returncode})")

    return Node(
        package=node.kind.package,
        executable=node.name,
        name=node.name,
        namespace=part.options.namespace,
        parameters=[{**node.parameters, **extra}],
        ros_arguments=["--enclave", enclave_of(part.options.namespace, node.name)],
        # A clock that is not our simulator's stays where it is.
        remappings=[names for names in part.remappings if names != OWN_CLOCK or not extra],
        respawn=node.restart,
        respawn_delay=_RESTART_PAUSE_S,
        respawn_max_retries=RESTARTS_MAX,
        output="both",
        on_exit=on_exit,
    )


def run(value: Values, options: GraphOptions) -> list[Any]:
    """Processes that begin the run that `mode` asks for once the whole graph answers: one for each
    robot."""
    if value("mode") == NO_RUN:
        return []
    robots = describe_all(options)[1:] or (describe(options),)
    begun = []
    for expected in robots:
        own = expected.options
        arguments = ["--mode", value("mode"), "--episodes", str(value.whole("episodes"))]
        arguments += ["--arms", *value("arms").split(",")]
        arguments += ["--alpha", value("alpha"), "--margin", value("margin")]
        arguments += ["--seed", str(own.seed), "--out", str(own.out)]
        arguments += ["--nodes", *(node.name for node in expected.nodes)]
        begun.append(step(own.namespace, "start_run", arguments))
    return begun


def step(
    namespace: str, executable: str, arguments: Sequence[str], then: Sequence[Any] = ()
) -> Node:
    """A program of ours that does one thing and ends; if it cannot, everything is ended."""
    return Node(
        package="dsrl_ros",
        executable=executable,
        name=executable,
        namespace=namespace,
        arguments=list(arguments),
        output="both",
        on_exit=follow(executable, then),
    )


def follow(name: str, then: Sequence[Any] = ()) -> Callable[[Any, LaunchContext], Any]:
    """For `on_exit` of a process that must succeed: what comes then, or the end of everything."""

    def on_exit(event: Any, context: LaunchContext) -> Any:
        if event.returncode == 0:
            return list(then)
        _give_up(context, f"{name} failed ({event.returncode})")
        return []

    return on_exit


def _give_up(context: LaunchContext, reason: str) -> None:
    """End everything. By an error, as after a mere shutdown `ros2 launch` would say that all is
    well."""
    if not context.is_shutdown:
        raise DsrlError(f"{reason}: everything is ended; its own words are above")
