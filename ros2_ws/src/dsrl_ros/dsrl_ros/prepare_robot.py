"""Tells a real robot what the robot file says of it, before a controller may move it: for launch
files. franka_ros2 takes it only while the robot is idle.

    ros2 run dsrl_ros prepare_robot --task franka_pick
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

import rclpy
from franka_msgs.srv import SetFullCollisionBehavior
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from dsrl_core.errors import DsrlError
from dsrl_core.specs import RobotSpec
from dsrl_ros.paths import catalog
from dsrl_ros.wire_names import with_prefix

WAIT_S: Final = 60.0
"""The driver is there within, or there is no robot at that address."""
_ANSWER_S: Final = 10.0


def collision_request(robot: RobotSpec) -> SetFullCollisionBehavior.Request:
    """The robot file's thresholds, the same while the arm accelerates and at constant velocity."""
    request = SetFullCollisionBehavior.Request()
    for phase in ("acceleration", "nominal"):
        for level in ("lower", "upper"):
            torque = getattr(robot.collision, f"{level}_torque_nm")
            force = getattr(robot.collision, f"{level}_force")
            setattr(request, f"{level}_torque_thresholds_{phase}", list(torque))
            setattr(request, f"{level}_force_thresholds_{phase}", list(force))
    return request


def service_of(node: Node, robot: RobotSpec, name: str) -> str:
    """franka_ros2 puts its services into a namespace of the arm's prefix, unless given another."""
    prefixed = robot.arm_prefix and node.get_namespace() == "/"
    return f"{robot.arm_prefix}/service_server/{name}" if prefixed else f"service_server/{name}"


def prepare(node: Node, robot: RobotSpec) -> None:
    """Set the thresholds of contact and collision.

    Raises:
        DsrlError: the driver is not there, does not answer or refuses.
    """
    name = service_of(node, robot, "set_full_collision_behavior")
    client = node.create_client(SetFullCollisionBehavior, name)
    if not client.wait_for_service(WAIT_S):
        raise DsrlError(
            f"no service {client.srv_name} within {WAIT_S:.0f} s: does franka_ros2 run, is the "
            "robot reachable, is FCI active in Desk?"
        )
    future = client.call_async(collision_request(robot))
    rclpy.spin_until_future_complete(node, future, timeout_sec=_ANSWER_S)
    answer: Any = future.result()
    if answer is None:
        raise DsrlError(f"{client.srv_name} does not answer within {_ANSWER_S:.0f} s")
    if not answer.success:
        raise DsrlError(f"the robot refuses its collision thresholds: {answer.error}")


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    parser = argparse.ArgumentParser(prog="prepare_robot", description=__doc__)
    parser.add_argument("--task", required=True, help="whose robot it is")
    parser.add_argument("--arm-prefix", default="", help="empty: as the robot file says")
    given = parser.parse_args(remove_ros_args(args if args is not None else sys.argv)[1:])
    rclpy.init(args=args)
    node = Node("prepare_robot")
    try:
        known = catalog()
        robot = known.robot(known.task(given.task).robot)
        prepare(node, with_prefix(robot, given.arm_prefix))
    except DsrlError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    sys.stdout.write("the robot has its collision thresholds\n")


if __name__ == "__main__":
    main()
