"""A launch activates the controllers last. Until then the graph waits, and then nothing is held."""

from __future__ import annotations

import threading
from pathlib import Path

from franka_msgs.msg import FrankaRobotState

from dsrl_core.types import Mode
from dsrl_interfaces.msg import SafetyStatus
from dsrl_ros import topics
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.cell import Cell
from tests.ros.sim_face_setup import Client

TASK = "franka_pick"
NODES = {"policy_server", "noise_actor", "chunk_player", "rollout_recorder", "episode_manager"}
IDLE_S = 3.0
"""So long the whole graph sees an idle robot."""


class Activation:
    """Somebody beside the graph, who switches the controllers on a while after all is there."""

    def __init__(self) -> None:
        self.holds: list[str] = []
        """Rules that held the arm up to then."""
        self._thread = threading.Thread(target=self._activate)

    def __enter__(self) -> Activation:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _activate(self) -> None:
        client = Client(patience_s=60.0)
        topics.SAFETY.subscribe(client.node, self._on_safety)
        client.wait("idle", lambda: client.mode == FrankaRobotState.ROBOT_MODE_IDLE)
        client.wait("graph", lambda: set(client.node.get_node_names()) >= NODES, 60.0)
        client.spin(IDLE_S)
        client.switch("controllers", on=True)
        client.close()

    def _on_safety(self, message: SafetyStatus) -> None:
        if message.held:
            self.holds.append(message.rule)


def test_graph_that_is_there_before_the_controllers_waits_and_is_not_held(tmp_path: Path) -> None:
    known = catalog()
    shape = known.policy(known.task(TASK).policy).chunk_shape
    options = SessionOptions(realtime=True, overrides=("franka_sim.controllers=false",))
    with Activation() as activation, GraphSession(TASK, tmp_path, 3, options) as session:
        assert activation.holds == []
        cell = Cell(session, shape)
        session.client.begin(Mode.ZERO, 1, 3, 0)
        cell.moving()
        cell.end()
