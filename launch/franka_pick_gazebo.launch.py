"""The graph on franka_ros2's own Gazebo simulation: to look at set-points and controllers there.

Gazebo's arm has no robot state, no gripper actions, no cube and no automatic operator: without
somebody who adds them, an episode is held and becomes invalid. `franka_pick_sim` has them all.
"""

from typing import Any

from launch import LaunchDescription

from dsrl_ros import launching, launching_cell
from dsrl_ros.launching import NO_RUN, RUN_ARGUMENTS, RVIZ_ARGUMENT, Values, argument
from dsrl_ros.launching_cell import CAMERA_ARGUMENTS, CONTROLLERS_ARGUMENT

REPLACED = {
    "mode": argument("mode", NO_RUN, "Run that begins by itself: none in Gazebo.", (NO_RUN,)),
    "namespace": argument("namespace", "", "Gazebo's controllers have none.", ("",)),
    "arm_prefix": argument("arm_prefix", "", "Gazebo's arm has none.", ("",)),
}
ARGUMENTS = (
    *(REPLACED.get(known.name, known) for known in RUN_ARGUMENTS),
    CONTROLLERS_ARGUMENT,
    *CAMERA_ARGUMENTS,
    RVIZ_ARGUMENT,
    argument("gz_args", "-r empty.sdf", "Arguments of gz sim: flags and the world."),
)


def start(value: Values) -> list[Any]:
    """Gazebo and the graph at once; the controller as soon as its manager is there."""
    options = value.options(simulated=False)
    robot = launching_cell.robot_of(options)
    around = launching_cell.gazebo(value, robot)
    around += launching_cell.cameras(value)
    around += launching_cell.rviz(value, robot)
    nodes = launching.graph(value, options, foreign_clock=True)
    return [*around, *nodes, launching_cell.controller(value, robot, [])]


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch dsrl_ros franka_pick_gazebo.launch.py` starts."""
    return launching.description(ARGUMENTS, start)
