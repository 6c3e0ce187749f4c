"""A simulated arm in a process of its own, and a client of it as one of franka_ros2 would be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from action_msgs.msg import GoalStatus
from franka_msgs.action import ErrorRecovery
from franka_msgs.msg import FrankaRobotState
from geometry_msgs.msg import WrenchStamped
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

from dsrl_core.types import Float64Array
from dsrl_ros.conversions.basics import time_to_message
from dsrl_ros.machine import DomainLock
from dsrl_ros.paths import domain

PATIENCE_S = 15.0
ANSWER_S = 2.0
SUCCEEDED = GoalStatus.STATUS_SUCCEEDED


class SimProcess:
    """`franka_sim` with small images."""

    def __init__(self, folder: Path, lock_step: bool = False, **more: str | float) -> None:
        # Nobody else's graph may be on this domain meanwhile.
        self._domain = DomainLock(domain())
        self._log = (folder / "franka_sim.log").open("w")
        command = [sys.executable, "-m", "dsrl_sim.nodes.franka_sim", "--ros-args"]
        values = {"lock_step": str(lock_step).lower(), "camera_width": 64, "camera_height": 48}
        values |= more
        for name, value in values.items():
            command += ["-p", f"{name}:={value}"]
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=subprocess.STDOUT, env=dict(os.environ)
        )

    def end(self) -> int:
        self._process.terminate()
        status = self._process.wait(PATIENCE_S)
        self._log.close()
        self._domain.release()
        return status


class Client:
    """Hears the arm's state, and asks things of it."""

    def __init__(self, patience_s: float = PATIENCE_S, is_told: bool = True) -> None:
        """`is_told`: the arm tells its state by itself, which is waited for."""
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node("sim_face_client", context=self._context)
        self._executor = EventsExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._made: dict[str, Any] = {}
        self.state = FrankaRobotState()
        self.joints = JointState()
        self.node.create_subscription(
            FrankaRobotState, "franka_robot_state_broadcaster/robot_state", self._on_state, 10
        )
        self.node.create_subscription(JointState, "franka/joint_states", self._on_joints, 10)
        self.target = self.node.create_publisher(JointState, "target_joint", 1)
        self.push = self.node.create_publisher(WrenchStamped, "franka_sim/push", 1)
        if is_told:
            self.wait("the arm's state", lambda: self.mode != 0, patience_s)

    @staticmethod
    @contextmanager
    def of_process(
        folder: Path, lock_step: bool = False, is_told: bool = True, **more: str | float
    ) -> Iterator[Client]:
        """A client of a process that runs meanwhile; `more`: of its parameters."""
        process = SimProcess(folder, lock_step, **more)
        try:
            client = Client(is_told=is_told)
            yield client
            client.close()
        finally:
            status = process.end()
        assert status == 0

    def close(self) -> None:
        for made in self._made.values():
            made.destroy()
        # It would keep the node, and what it publishes, in everybody's sight.
        self._executor.remove_node(self.node)
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    @property
    def mode(self) -> int:
        return int(self.state.robot_mode)

    @property
    def positions(self) -> Float64Array:
        return np.array(self.joints.position)

    def at_rest(self) -> Float64Array:
        """Where the joints are once they stand still, by messages from now on."""
        self.spin(0.2)
        self.wait("rest", lambda: bool(np.abs(np.array(self.joints.velocity)).max() < 1e-3))
        return self.positions

    @property
    def errors(self) -> set[str]:
        errors = self.state.current_errors
        names = errors.get_fields_and_field_types()
        return {name for name in names if getattr(errors, name)}

    def wait(
        self, what: str, condition: Callable[[], bool], patience_s: float = PATIENCE_S
    ) -> None:
        until_s = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < until_s, f"no {what} within {patience_s} s"
            self._executor.spin_once(timeout_sec=0.05)

    def spin(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self._executor.spin_once(timeout_sec=0.02)

    def hear(self, message_type: type, topic: str) -> Any:
        """The next message of a topic, as a best-effort listener."""
        heard: list[Any] = []
        listener = self.node.create_subscription(
            message_type, topic, heard.append, qos_profile_sensor_data
        )
        self.wait(topic, lambda: bool(heard))
        self.node.destroy_subscription(listener)
        return heard[-1]

    def call(self, service_type: Any, name: str, **request: Any) -> Any:
        if name not in self._made:
            self._made[name] = self.node.create_client(service_type, name)
        client = self._made[name]
        self.wait(name, client.service_is_ready)
        until_s = time.monotonic() + PATIENCE_S
        while True:
            # A server that has not found its new client yet answers into the void: ask again.
            future = client.call_async(service_type.Request(**request))
            asked_s = time.monotonic()
            while not future.done() and time.monotonic() - asked_s < ANSWER_S:
                self._executor.spin_once(timeout_sec=0.05)
            if future.done():
                return future.result()
            assert time.monotonic() < until_s, f"no answer of {name} within {PATIENCE_S} s"

    def switch(self, name: str, on: bool) -> None:
        assert self.call(SetBool, f"franka_sim/{name}", data=on).success

    def stop_gripper(self) -> Any:
        return self.call(Trigger, "franka_gripper/stop")

    def begin(self, action_type: Any, name: str, feedback: list[Any], **goal: Any) -> Any:
        """The handle of a goal, which is accepted."""
        if name not in self._made:
            self._made[name] = ActionClient(self.node, action_type, name)
        client = self._made[name]
        self.wait(name, client.server_is_ready)
        future = client.send_goal_async(
            action_type.Goal(**goal), feedback_callback=lambda told: feedback.append(told.feedback)
        )
        self.wait(f"acceptance by {name}", future.done)
        handle = future.result()
        assert handle.accepted
        return handle

    def result(self, handle: Any) -> Any:
        """Status and result of a goal."""
        future = handle.get_result_async()
        self.wait("result", future.done)
        return future.result()

    def do(self, action_type: Any, name: str, **goal: Any) -> Any:
        return self.result(self.begin(action_type, name, [], **goal))

    def recover(self) -> None:
        """As a person does after a reflex."""
        assert self.do(ErrorRecovery, "action_server/error_recovery").status == SUCCEEDED
        self.wait("mode move", lambda: self.mode == FrankaRobotState.ROBOT_MODE_MOVE)

    def _on_state(self, message: FrankaRobotState) -> None:
        self.state = message

    def _on_joints(self, message: JointState) -> None:
        self.joints = message


def joint_message(positions: Float64Array, stamp_ns: int) -> JointState:
    """A set-point of seven joints."""
    message = JointState(position=positions.tolist())
    message.header.stamp = time_to_message(stamp_ns)
    return message
