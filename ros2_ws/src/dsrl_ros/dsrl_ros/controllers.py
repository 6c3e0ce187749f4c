"""The controllers that take our set-points, and how they are switched off and on again.

With franka_ros2 the controller manager switches them; of its messages only a machine that has
ros2_control knows. The simulated arm has a service of its own for it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Final, Protocol

from builtin_interfaces.msg import Duration
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import SetBool

from dsrl_core.specs import RobotSpec

MANAGER_SERVICE: Final = "controller_manager/switch_controller"
SIMULATED_SERVICE: Final = "franka_sim/controllers"
_SWITCH_S: Final = 5
"""The manager gives a switch up after."""


@dataclass(frozen=True)
class Controller:
    """A ros2_control controller that takes our set-points."""

    name: str
    package: str
    """That ships it."""


CONTROLLERS: Final = {
    "crisp_joint": Controller("joint_impedance_controller", "crisp_controllers"),
    "crisp_pose": Controller("cartesian_impedance_controller", "crisp_controllers"),
    "joint_trajectory": Controller("fr3_arm_controller", "joint_trajectory_controller"),
}
"""By `command_path` of the robot file."""


class Switch(Protocol):
    """Whoever switches the arm's controller."""

    @property
    def is_there(self) -> bool: ...

    def ask(self, active: bool) -> Future:
        """Ask for the controller to be active, or not."""
        ...

    def refusal(self, answer: Any) -> str:
        """Why the answer of a future is a refusal; empty: it is none."""
        ...


class SimulatedSwitch:
    """The simulator's service."""

    def __init__(self, node: Node) -> None:
        self._client = node.create_client(SetBool, SIMULATED_SERVICE)

    @property
    def is_there(self) -> bool:
        return bool(self._client.service_is_ready())

    def ask(self, active: bool) -> Future:
        return self._client.call_async(SetBool.Request(data=active))

    def refusal(self, answer: Any) -> str:
        return "" if answer.success else answer.message or "no reason was told"


class ManagerSwitch:
    """ros2_control's controller manager: all that is asked for, or nothing."""

    def __init__(self, node: Node, controller: str, service_type: Any) -> None:
        """`service_type`: controller_manager_msgs/srv/SwitchController."""
        self._controller, self._type = controller, service_type
        self._client = node.create_client(service_type, MANAGER_SERVICE)

    @property
    def is_there(self) -> bool:
        return bool(self._client.service_is_ready())

    def ask(self, active: bool) -> Future:
        names = [self._controller]
        request = self._type.Request(
            activate_controllers=names if active else [],
            deactivate_controllers=[] if active else names,
            strictness=self._type.Request.STRICT,
            timeout=Duration(sec=_SWITCH_S),
        )
        return self._client.call_async(request)

    def refusal(self, answer: Any) -> str:
        # Older managers have no message.
        return "" if answer.ok else getattr(answer, "message", "") or "its log says why"


def switches(node: Node, robot: RobotSpec) -> list[Switch]:
    """Whoever may switch the controller of the robot's command path, the manager first."""
    found: list[Switch] = [SimulatedSwitch(node)]
    try:
        services = importlib.import_module("controller_manager_msgs.srv")
    except ModuleNotFoundError:
        return found
    name = CONTROLLERS[robot.command_path].name
    return [ManagerSwitch(node, name, services.SwitchController), *found]
