"""The task franka_pick on a real FR3, whose own launch file (franka_ros2) runs beside it."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument

from dsrl_ros.graph import GraphOptions
from dsrl_ros.launching import graph

ARGUMENTS = (
    DeclareLaunchArgument("policy", default_value="", description="Empty: the task's own."),
    DeclareLaunchArgument("out", default_value="runs/launch", description="Output folder."),
    DeclareLaunchArgument("seed", default_value="0", description="Seed of the run."),
)


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch dsrl_ros franka_pick.launch.py` starts."""
    nodes = graph(
        lambda value: GraphOptions(
            task="franka_pick",
            out=Path(value("out")),
            policy=value("policy"),
            seed=int(value("seed")),
            simulated=False,
        )
    )
    return LaunchDescription([*ARGUMENTS, nodes])
