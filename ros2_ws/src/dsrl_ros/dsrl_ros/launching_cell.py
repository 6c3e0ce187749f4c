"""What launch files add around the graph: franka_ros2, the controller, cameras, RViz, Gazebo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from ament_index_python.packages import get_package_share_directory
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import Command
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import CameraSpec, RobotSpec
from dsrl_ros import topics
from dsrl_ros.controllers import CONTROLLERS
from dsrl_ros.graph import GPU, GraphOptions
from dsrl_ros.launching import YES_OR_NO, Values, argument, follow, require
from dsrl_ros.paths import catalog, share
from dsrl_ros.wire_names import prefixed, with_prefix

REALSENSE, TOPICS, ELSEWHERE = "realsense", "topics", "none"
CAMERA_ARGUMENTS: Final = (
    argument(
        "cameras",
        ELSEWHERE,
        "Where the policy's images come from: RealSense cameras that are started here; images of "
        "any driver on topics; none: already at their size, or the policy sees none.",
        (ELSEWHERE, REALSENSE, TOPICS),
    ),
    argument(
        "camera_sources",
        "",
        "Camera of the policy = serial number (realsense) or image topic with its camera_info "
        "beside it (topics): scene=123456,wrist=234567.",
    ),
)
CONTROLLERS_ARGUMENT: Final = argument(
    "controllers", "", "Controllers' parameter file. Empty: config/controllers/ROBOT.yaml."
)
CELL_ARGUMENTS: Final = (
    argument("bringup", "true", "Start franka_ros2 and the controller here too.", YES_OR_NO),
    argument("robot_ip", "", "Address of the robot; needed with bringup."),
    CONTROLLERS_ARGUMENT,
)
_MANAGER_WAIT_S: Final = "60"
"""The controller manager is there within; Gazebo takes its time."""


def robot_of(options: GraphOptions) -> RobotSpec:
    """The robot of the graph's task, with the arm prefix that was asked for.

    Raises:
        DsrlError: there is none.
    """
    known = catalog()
    return with_prefix(known.robot(known.task(options.task).robot), options.arm_prefix)


def check_several(value: Values, options: GraphOptions, machine: str) -> None:
    """Several robots have a driver each, and cameras, which are not started together.

    Raises:
        InvalidValue: they would be.
    """
    if options.robots and (machine != GPU or value("cameras") != ELSEWHERE):
        raise InvalidValue(
            f"robots:={value('robots')} is what serves them all: expected machine:={GPU} "
            f"cameras:={ELSEWHERE} with it, and for each robot machine:=robot namespace:=NAME"
        )


def bringup(value: Values, robot: RobotSpec) -> list[Any]:
    """franka_ros2's own launch file: hardware, state broadcasters, gripper.

    Raises:
        DsrlError: it is not installed, or no address was given.
    """
    require("franka_bringup", "controller_manager", CONTROLLERS[robot.command_path].package)
    if not value("robot_ip"):
        raise InvalidValue("robot_ip:= is missing: the robot's address, such as 172.16.0.2")
    arguments = {
        "robot_type": robot.name,
        "robot_ip": value("robot_ip"),
        "arm_prefix": robot.arm_prefix,
        "namespace": value("namespace"),
        "load_gripper": "true",
    }
    return [_include("franka_bringup", "franka.launch.py", arguments)]


def controller(value: Values, robot: RobotSpec, then: list[Any], *others: str) -> Node:
    """The spawner of the command path's controller (and others), and what comes when it is active.

    Raises:
        DsrlError: its parameter file does not exist.
    """
    chosen = CONTROLLERS[robot.command_path]
    arguments = [*others, chosen.name, "--param-file", str(_controllers(value, robot))]
    return Node(
        package="controller_manager",
        executable="spawner",
        namespace=value("namespace"),
        arguments=[*arguments, "--controller-manager-timeout", _MANAGER_WAIT_S],
        output="both",
        on_exit=follow(f"activation of {chosen.name}", then),
    )


def _controllers(value: Values, robot: RobotSpec) -> Path:
    """The controllers' parameters with the arm's prefix, kept in the output folder."""
    given = value("controllers")
    source = Path(given) if given else share() / "config" / "controllers" / f"{robot.name}.yaml"
    if not source.is_file():
        raise InvalidValue(f"controllers:={given}: there is no file {source.absolute()}")
    written = Path(value("out")).expanduser().absolute() / "controllers.yaml"
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(with_prefixed_names(source.read_text(), robot))
    return written


def with_prefixed_names(text: str, robot: RobotSpec) -> str:
    """The text with the arm's prefix before every joint and frame of the robot."""
    names = rf"\b{re.escape(robot.name)}_(?=(?:finger_)?joint\d|link\d|hand)"
    return re.sub(names, prefixed(robot, f"{robot.name}_"), text)


def cameras(value: Values) -> list[Any]:
    """What brings the policy's images, at its size, to where the noise actor looks for them.

    Raises:
        DsrlError: a package or a camera is missing.
    """
    kind = value("cameras")
    sources = value.pairs("camera_sources")
    known = catalog()
    policy = known.policy_of(known.task(value("task")), value("policy"))
    wanted = {camera.name: camera for camera in policy.cameras}
    if kind == ELSEWHERE:
        return []
    if set(sources) != set(wanted):
        raise InvalidValue(
            f"camera_sources:={value('camera_sources')} names {', '.join(sources) or 'no camera'}; "
            f"the policy {policy.name} sees {', '.join(wanted) or 'no camera: cameras:=none'}"
        )
    require("image_proc", *(["realsense2_camera"] if kind == REALSENSE else []))
    actions: list[Any] = []
    for name, source in sources.items():
        if kind == REALSENSE:
            actions.append(_realsense(value, name, source))
            actions.append(_resized(value, wanted[name], f"{name}_camera/color/image_raw"))
        else:
            actions.append(_resized(value, wanted[name], source))
    return actions


def _realsense(value: Values, camera: str, serial: str) -> Any:
    arguments = {
        "camera_name": f"{camera}_camera",
        "camera_namespace": value("namespace"),
        # The driver's way to say that it is a text: a bare number would be taken as one.
        "serial_no": f"_{serial.removeprefix('_')}",
        "enable_depth": "false",
    }
    return _include("realsense2_camera", "rs_launch.py", arguments)


def _resized(value: Values, camera: CameraSpec, source: str) -> Node:
    """A picture that the policy's file says how to fit passes as it is."""
    size: dict[str, bool | int | float] = {
        "use_scale": False,
        "width": camera.width,
        "height": camera.height,
    }
    if camera.fit != "refuse":
        size = {"use_scale": True, "scale_width": 1.0, "scale_height": 1.0}
    return Node(
        package="image_proc",
        executable="resize_node",
        name=f"{camera.name}_camera_resize",
        namespace=value("namespace"),
        parameters=[size],
        remappings=[
            ("image/image_raw", source),
            ("resize/image_raw", topics.policy_image(camera.name).name),
        ],
        output="both",
    )


def rviz(value: Values, robot: RobotSpec, describe: bool = False) -> list[Any]:
    """RViz, if it was asked for. `describe`: nobody else tells it what the robot looks like.

    Raises:
        DsrlError: it is not installed.
    """
    if not value.flag("rviz"):
        return []
    require("rviz2")
    frame = prefixed(robot, robot.base_frame)
    window = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz",
        namespace=value("namespace"),
        arguments=["-d", str(share() / "rviz" / "franka_pick.rviz"), "-f", frame],
        output="log",
    )
    return [*(_described(value, robot) if describe else []), window]


def _described(value: Values, robot: RobotSpec) -> list[Any]:
    require("franka_description", "robot_state_publisher", "xacro")
    model = _share("franka_description") / "robots" / robot.name / f"{robot.name}.urdf.xacro"
    text = Command(["xacro ", str(model), " hand:=true"])
    return [
        Node(
            package="robot_state_publisher",
            executable="robot_state_publisher",
            namespace=value("namespace"),
            parameters=[{"robot_description": ParameterValue(text, value_type=str)}],
            output="log",
        )
    ]


def gazebo(value: Values, robot: RobotSpec) -> list[Any]:
    """franka_ros2's own Gazebo launch file: world, arm, gravity compensation, clock.

    Raises:
        DsrlError: a package is missing.
    """
    needed = ["franka_gazebo_bringup", "ros_gz_sim", "ros_gz_bridge", "controller_manager"]
    require(*needed, CONTROLLERS[robot.command_path].package)
    arguments = {
        "robot_type": robot.name,
        "namespace": value("namespace"),
        "load_gripper": "true",
        "rviz": "false",
        "gz_args": value("gz_args"),
        # It has no way to start none of its controllers, which would keep ours from the joints:
        # in that place a flag of the spawner's, at its default, has no effect.
        "controller": "--switch-asap",
    }
    file = "gazebo_franka_arm_example_controller.launch.py"
    return [_include("franka_gazebo_bringup", file, arguments, scoped=False)]


def _include(package: str, file: str, arguments: dict[str, str], scoped: bool = True) -> Any:
    """Another package's launch file. `scoped`: what it sets stays inside; not for one that looks at
    its arguments when an event comes."""
    source = PythonLaunchDescriptionSource(str(_share(package) / "launch" / file))
    included = IncludeLaunchDescription(source, launch_arguments=arguments.items())
    return GroupAction([included], scoped=True) if scoped else included


def _share(package: str) -> Path:
    return Path(get_package_share_directory(package))
