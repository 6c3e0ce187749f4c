"""franka_hardware's `set_*` services, and what provokes the arm under the simulator's own names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from franka_msgs import srv
from geometry_msgs.msg import WrenchStamped
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from dsrl_core.errors import InvalidValue
from dsrl_sim import franka_topics
from dsrl_sim.arm import FrankaArm
from dsrl_sim.franka_state import Thresholds
from dsrl_sim.ros_face import RosFace


class ArmServices:
    """Parameters of the arm; accepted while it is idle, {success, error} told otherwise."""

    def __init__(self, node: Node, arm: FrankaArm) -> None:
        self._arm = arm
        self._log = node.get_logger()
        parameters = arm.parameters
        settings: dict[str, tuple[type, Callable[[Any], None]]] = {
            "set_joint_stiffness": (
                srv.SetJointStiffness,
                lambda request: parameters.set_joint_stiffness(request.joint_stiffness),
            ),
            "set_cartesian_stiffness": (
                srv.SetCartesianStiffness,
                lambda request: parameters.set_cartesian_stiffness(request.cartesian_stiffness),
            ),
            "set_tcp_frame": (
                srv.SetTCPFrame,
                lambda request: parameters.set_end_effector(request.transformation),
            ),
            "set_stiffness_frame": (
                srv.SetStiffnessFrame,
                lambda request: parameters.set_stiffness_frame(request.transformation),
            ),
            "set_force_torque_collision_behavior": (
                srv.SetForceTorqueCollisionBehavior,
                self._set_nominal,
            ),
            "set_full_collision_behavior": (srv.SetFullCollisionBehavior, self._set_full),
            "set_load": (
                srv.SetLoad,
                lambda request: parameters.set_load(
                    request.mass, request.center_of_mass, request.load_inertia
                ),
            ),
        }
        for name, (kind, apply) in settings.items():
            service = f"{franka_topics.SERVICE_SERVER}/{name}"
            node.create_service(kind, service, self._answer(name, apply))

    def _answer(self, name: str, apply: Callable[[Any], None]) -> Callable[[Any, Any], Any]:
        def callback(request: Any, response: Any) -> Any:
            error = self._arm.machine.why_not_idle(name.replace("_", " ").title())
            try:
                if not error:
                    apply(request)
            except InvalidValue as invalid:
                error = f"libfranka: {name} command rejected: invalid argument: {invalid}"
            if error:
                self._log.error(error)
            response.success, response.error = not error, error
            return response

        return callback

    def _set_nominal(self, request: srv.SetForceTorqueCollisionBehavior.Request) -> None:
        """Of all phases, those of acceleration included."""
        self._arm.machine.nominal = self._arm.machine.acceleration = _thresholds(request, "nominal")

    def _set_full(self, request: srv.SetFullCollisionBehavior.Request) -> None:
        nominal = _thresholds(request, "nominal")
        self._arm.machine.acceleration = _thresholds(request, "acceleration")
        self._arm.machine.nominal = nominal


def _thresholds(request: Any, phase: str) -> Thresholds:
    return Thresholds.of(
        getattr(request, f"lower_torque_thresholds_{phase}"),
        getattr(request, f"upper_torque_thresholds_{phase}"),
        getattr(request, f"lower_force_thresholds_{phase}"),
        getattr(request, f"upper_force_thresholds_{phase}"),
    )


class Provocations:
    """What people and their surroundings do to a real arm; a real robot has no such topics."""

    def __init__(self, node: Node, arm: FrankaArm, face: RosFace) -> None:
        self._arm, self._face = arm, face
        machine = arm.machine
        switches: dict[str, Callable[[bool], None]] = {
            franka_topics.USER_STOP_SERVICE: machine.press_user_stop,
            franka_topics.GUIDE_SERVICE: machine.guide,
            franka_topics.CONTROLLERS_SERVICE: arm.activate,
            franka_topics.FREEZE_CAMERAS_SERVICE: self._freeze,
            franka_topics.STOP_CAMERAS_SERVICE: self._stop_cameras,
            franka_topics.HIDE_OBJECT_SERVICE: self._hide_object,
        }
        for name, switch in switches.items():
            node.create_service(SetBool, name, _switched(switch))
        node.create_service(Trigger, franka_topics.LOSE_PACKETS_SERVICE, self._on_lose_packets)
        franka_topics.PUSH.subscribe(node, self._on_push)

    def _freeze(self, frozen: bool) -> None:
        self._face.is_frozen = frozen

    def _stop_cameras(self, stopped: bool) -> None:
        self._face.has_images = not stopped

    def _hide_object(self, hidden: bool) -> None:
        self._face.sees_object = not hidden

    def _on_lose_packets(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """As if twenty packets in a row had come too late."""
        self._arm.machine.fail("communication_constraints_violation")
        response.success = True
        return response

    def _on_push(self, message: WrenchStamped) -> None:
        force, torque = message.wrench.force, message.wrench.torque
        wrench = np.array([force.x, force.y, force.z, torque.x, torque.y, torque.z])
        if np.isfinite(wrench).all():
            self._arm.forces.push(wrench)


def _switched(switch: Callable[[bool], None]) -> Callable[[Any, Any], Any]:
    def callback(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        switch(request.data)
        response.success = True
        return response

    return callback
