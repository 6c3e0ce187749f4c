"""A graph whose arm returns by the robot's own motion, and what is seen of it from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from franka_msgs.msg import FrankaRobotState
from rclpy.action import ActionClient
from sensor_msgs.msg import JointState

from dsrl_core.start_check import JOINT_TOLERANCE_RAD
from dsrl_core.types import Float64Array
from dsrl_interfaces.action import ReturnToStart
from dsrl_ros import topics
from dsrl_ros.conversions.robot import ordered_positions
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.cell import Cell

TASK = "franka_pick"
WAIT_S = 30.0
TRIES = 3
IDLE, MOVE = FrankaRobotState.ROBOT_MODE_IDLE, FrankaRobotState.ROBOT_MODE_MOVE
ROBOT = catalog().robot("fr3")
HOME = np.array(ROBOT.start_joint_positions_rad)
AWAY = HOME + 0.4 * np.eye(7)[0]


class Arm:
    """Returns of the arm in a running graph, and what was seen of it meanwhile."""

    def __init__(self, cell: Cell) -> None:
        self.cell, self.client = cell, cell.client
        node = cell.client.node
        self._action = ActionClient(node, ReturnToStart, topics.RETURN_ACTION)
        self.positions: Float64Array = np.full(7, np.nan)
        self.mode = -1
        self.modes: list[int] = []
        self.set_points = 0
        topics.JOINT_STATES.subscribe(node, self._on_joints)
        topics.ROBOT_STATE.subscribe(node, self._on_state)
        topics.TARGET_JOINT.subscribe(node, self._on_set_point)

    def begin(self, joints: Float64Array) -> Any:
        """The future of the end of a return."""
        self.client.wait_for("the action", self._action.server_is_ready, WAIT_S)
        self.client.wait_for("mode move", lambda: self.mode == MOVE, WAIT_S)
        self.modes, self.set_points = [], 0
        goal = ReturnToStart.Goal(joint_positions=joints.tolist())
        sent = self._action.send_goal_async(goal)
        self.client.wait_for("acceptance", sent.done, WAIT_S)
        return sent.result().get_result_async()

    def end(self, ended: Any) -> Any:
        self.client.wait_for("the end of a return", ended.done, WAIT_S)
        return ended.result()

    def go(self, joints: Float64Array) -> Any:
        """A whole return; again where the machine left another process no time to say that it
        lives, which holds the arm."""
        for _ in range(TRIES):
            answer = self.end(self.begin(joints))
            if "(lost_" not in answer.result.message:
                break
            self.cell.resume()
        return answer

    def is_at(self, joints: Float64Array) -> bool:
        return bool(np.abs(self.positions - joints).max() <= JOINT_TOLERANCE_RAD)

    def wait_until_under_way(self) -> None:
        """The robot moves by itself, with much of the way still to go."""
        start = self.positions
        self.client.wait_for("idle", lambda: IDLE in self.modes, WAIT_S)
        self.client.wait_for(
            "a motion", lambda: bool(np.abs(self.positions - start).max() > 0.02), WAIT_S
        )

    def wait_until_given_back(self) -> None:
        self.client.wait_for("mode move", lambda: self.mode == MOVE, WAIT_S)

    def rest(self) -> Float64Array:
        """Where the arm is once it does not move any more."""

        def is_still() -> bool:
            before = self.positions
            self.client.spin(0.3)
            return bool(np.abs(self.positions - before).max() < 1e-4)

        self.client.wait_for("rest", is_still, WAIT_S)
        return self.positions

    def _on_joints(self, message: JointState) -> None:
        found = ordered_positions(message, list(ROBOT.joint_names))
        assert found is not None
        self.positions = found

    def _on_state(self, message: FrankaRobotState) -> None:
        self.mode = int(message.robot_mode)
        self.modes.append(self.mode)

    def _on_set_point(self, _: JointState) -> None:
        self.set_points += 1


def arm_of(folder: Any, *overrides: str) -> Iterator[Arm]:
    known = catalog()
    shape = known.policy(known.task(TASK).policy).chunk_shape
    given = ("episode_manager.simulated=false", "chunk_player.return_path=ptp_motion", *overrides)
    with GraphSession(TASK, folder, 3, SessionOptions(realtime=True, overrides=given)) as session:
        yield Arm(Cell(session, shape))
