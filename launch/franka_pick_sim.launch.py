"""A task on the simulated FR3 (MuJoCo), which shows the face of franka_ros2 to the same nodes."""

from typing import Any

from launch import LaunchDescription

from dsrl_ros import launching, launching_cell
from dsrl_ros.launching import RUN_ARGUMENTS, RVIZ_ARGUMENT, YES_OR_NO, Values, argument

ARGUMENTS = (
    *RUN_ARGUMENTS,
    argument("realtime", "false", "Simulate at the clock on the wall.", YES_OR_NO),
    argument("viewer", "false", "Open the simulator's own window.", YES_OR_NO),
    argument(
        "operator", "true", "The automatic operator labels; otherwise a person does.", YES_OR_NO
    ),
    RVIZ_ARGUMENT,
)


def start(value: Values) -> list[Any]:
    """The graph with its simulator, and the run once all of it answers."""
    options = value.options(
        simulated=True,
        realtime=value.flag("realtime"),
        viewer=value.flag("viewer"),
        operator=value.flag("operator"),
    )
    window = launching_cell.rviz(value, launching_cell.robot_of(options), describe=True)
    nodes = launching.graph(value, options)
    return [*window, *nodes, *launching.run(value, options)]


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch dsrl_ros franka_pick_sim.launch.py` starts."""
    return launching.description(ARGUMENTS, start)
