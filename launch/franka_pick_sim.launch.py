"""The task franka_pick on a simulated FR3."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument

from dsrl_ros.graph import GraphOptions
from dsrl_ros.launching import graph

YES_OR_NO = ["true", "false"]
ARGUMENTS = (
    DeclareLaunchArgument("policy", default_value="", description="Empty: the task's own."),
    DeclareLaunchArgument("out", default_value="runs/launch", description="Output folder."),
    DeclareLaunchArgument("seed", default_value="0", description="Seed of the run."),
    DeclareLaunchArgument(
        "realtime",
        default_value="false",
        choices=YES_OR_NO,
        description="Simulate at the clock on the wall.",
    ),
    DeclareLaunchArgument(
        "viewer", default_value="false", choices=YES_OR_NO, description="Open a window."
    ),
    DeclareLaunchArgument(
        "operator",
        default_value="true",
        choices=YES_OR_NO,
        description="The automatic operator labels; otherwise a person does.",
    ),
)


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch dsrl_ros franka_pick_sim.launch.py` starts."""
    nodes = graph(
        lambda value: GraphOptions(
            task="franka_pick",
            out=Path(value("out")),
            policy=value("policy"),
            seed=int(value("seed")),
            realtime=value("realtime") == "true",
            viewer=value("viewer") == "true",
            operator=value("operator") == "true",
        )
    )
    return LaunchDescription([*ARGUMENTS, nodes])
