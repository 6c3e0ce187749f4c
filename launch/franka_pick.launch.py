"""A task on a real FR3: franka_ros2, the controller of the robot file's command path, our nodes,
cameras, RViz and the run. docs/robot.md tells what a cell needs before."""

from typing import Any

from launch import LaunchDescription

from dsrl_ros import launching, launching_cell
from dsrl_ros.graph import GPU, ONE, ROBOT
from dsrl_ros.launching import RUN_ARGUMENTS, RVIZ_ARGUMENT, Values, argument
from dsrl_ros.launching_cell import CAMERA_ARGUMENTS, CELL_ARGUMENTS

ARGUMENTS = (
    *CELL_ARGUMENTS,
    *RUN_ARGUMENTS,
    *CAMERA_ARGUMENTS,
    RVIZ_ARGUMENT,
    argument(
        "machine",
        ONE,
        f"What starts here. {ONE}: all; {ROBOT}: driver, controller and chunk player; {GPU}: "
        "cameras, policy, learner, recorder and the run.",
        (ONE, ROBOT, GPU),
    ),
)


def start(value: Values) -> list[Any]:
    """franka_ros2 and the graph at once; the robot's settings, controller and run in turn."""
    machine = value("machine")
    options = value.options(simulated=False)
    launching_cell.check_several(value, options, machine)
    robot = launching_cell.robot_of(options)
    brings_up = value.flag("bringup") and machine != GPU
    around = launching_cell.bringup(value, robot) if brings_up else []
    if machine != ROBOT:
        around += launching_cell.cameras(value)
    around += launching_cell.rviz(value, robot)
    nodes = launching.graph(value, options, machine)
    run = launching.run(value, options) if machine != ROBOT else []
    if brings_up:
        active = launching_cell.controller(value, robot, run)
        told = ["--task", options.task, "--arm-prefix", options.arm_prefix]
        run = [launching.step(value("namespace"), "prepare_robot", told, [active])]
    return [*around, *nodes, *run]


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch dsrl_ros franka_pick.launch.py` starts."""
    return launching.description(ARGUMENTS, start)
