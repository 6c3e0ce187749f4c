"""Tells a real robot what the robot file says of it, before a controller may move it: for launch
files. franka_ros2 takes it only while the robot is idle.

    ros2 run dsrl_ros prepare_robot --task franka_pick
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import rclpy
from franka_msgs.msg import FrankaRobotState
from franka_msgs.srv import SetFullCollisionBehavior, SetLoad
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from dsrl_core.control.watch import MODE_IDLE, mode_name
from dsrl_core.errors import DsrlError
from dsrl_core.specs import RobotSpec
from dsrl_core.specs.robot import LoadSpec
from dsrl_ros import topics
from dsrl_ros.conversions.robot import errors_of
from dsrl_ros.paths import catalog
from dsrl_ros.wire_names import driver_name, with_prefix

WAIT_S: Final = 60.0
"""The driver is there within, or there is no robot at that address."""
_ANSWER_S: Final = 10.0
_MASS_TOLERANCE_KG: Final = 1e-3


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


def load_request(load: LoadSpec) -> SetLoad.Request:
    """The robot file's load; the tensor column by column."""
    columns = zip(*load.inertia_kg_m2, strict=True)
    return SetLoad.Request(
        mass=float(load.mass_kg),
        center_of_mass=[float(value) for value in load.center_of_mass_m],
        load_inertia=[float(value) for column in columns for value in column],
    )


class Preparation:
    """What is asked of the driver, one thing after the other."""

    def __init__(self, node: Node, robot: RobotSpec) -> None:
        self._node, self._robot = node, robot
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._state: FrankaRobotState | None = None
        topics.ROBOT_STATE.subscribe(node, self._on_state)

    def run(self) -> str:
        """Set all that the robot file has; what was set, for people.

        Raises:
            DsrlError: the driver is not there, does not answer or refuses, or the robot is not
                idle.
        """
        thresholds = self._client(SetFullCollisionBehavior, "set_full_collision_behavior")
        loads = self._client(SetLoad, "set_load")
        self._wait_until_idle()
        self._call(thresholds, collision_request(self._robot), "its collision thresholds")
        load = self._robot.load
        if load is not None:
            self._call(loads, load_request(load), f"a load of {load.mass_kg} kg")
        self._wait_for_news(load)
        told = "" if load is None else f" and a load of {load.mass_kg} kg"
        return f"the robot has its collision thresholds{told}"

    def close(self) -> None:
        self._executor.shutdown()

    def _client(self, kind: Any, name: str) -> Any:
        where = driver_name(self._robot, f"service_server/{name}", self._node.get_namespace())
        client = self._node.create_client(kind, where)
        if not client.wait_for_service(WAIT_S):
            raise DsrlError(
                f"no service {client.srv_name} within {WAIT_S:.0f} s: does franka_ros2 run, is the "
                "robot reachable, is FCI active in Desk?"
            )
        return client

    def _call(self, client: Any, request: Any, what: str) -> None:
        future = client.call_async(request)
        if not self._spin_until(future.done, _ANSWER_S):
            raise DsrlError(f"{client.srv_name} does not answer within {_ANSWER_S:.0f} s")
        answer = future.result()
        if not answer.success:
            raise DsrlError(f"the robot refuses {what}: {answer.error}")

    def _wait_until_idle(self) -> None:
        """It takes settings in no other mode, and says less about why."""
        if not self._spin_until(lambda: self._state is not None, WAIT_S):
            raise DsrlError(
                f"no robot state on {topics.ROBOT_STATE.name} within {WAIT_S:.0f} s: is "
                "franka_robot_state_broadcaster active (ros2 control list_controllers)?"
            )
        if not self._spin_until(lambda: self._mode == MODE_IDLE, _ANSWER_S):
            assert self._state is not None
            errors = errors_of(self._state.current_errors)
            detail = f": {errors}" if errors else ""
            raise DsrlError(
                f"the robot is in mode {self._mode} ({mode_name(self._mode)}{detail}), expected "
                f"{MODE_IDLE} (idle): joints unlocked, FCI active, user stop released, errors "
                "cleared, no controller active?"
            )

    def _wait_for_news(self, load: LoadSpec | None) -> None:
        """A state from after the settings, before a controller begins where it says that the arm
        is."""
        self._state = None

        def is_seen() -> bool:
            if self._state is None:
                return False
            mass = self._state.inertia_load.inertia.m
            return load is None or abs(mass - load.mass_kg) <= _MASS_TOLERANCE_KG

        if not self._spin_until(is_seen, _ANSWER_S):
            state = self._state
            found = "no state" if state is None else f"a load of {state.inertia_load.inertia.m} kg"
            raise DsrlError(f"after its settings the robot shows {found}")

    @property
    def _mode(self) -> int:
        return -1 if self._state is None else int(self._state.robot_mode)

    def _spin_until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        until_s = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > until_s:
                return False
            self._executor.spin_once(timeout_sec=0.1)
        return True

    def _on_state(self, message: FrankaRobotState) -> None:
        self._state = message


def prepare(node: Node, robot: RobotSpec) -> str:
    """Set collision thresholds and load while the robot is idle; what was set, for people.

    Raises:
        DsrlError: the driver is not there, does not answer or refuses, or the robot is not idle.
    """
    preparation = Preparation(node, robot)
    try:
        return preparation.run()
    finally:
        preparation.close()


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
        told = prepare(node, with_prefix(robot, given.arm_prefix))
    except DsrlError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    sys.stdout.write(f"{told}\n")


if __name__ == "__main__":
    main()
