"""On a robot the arm returns to its start by itself, and a person lays out the objects.

The simulator stands in for the robot; the graph is told that nobody resets its world.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from franka_msgs.action import Move
from rclpy.action import ActionClient

from dsrl_core.layout import draw_layout
from dsrl_core.status import Phase
from dsrl_core.types import Mode
from dsrl_ros import topics
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.cell import Cell

TASK = "franka_pick"
WAIT_S = 60.0


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    known = catalog()
    shape = known.policy(known.task(TASK).policy).chunk_shape
    options = SessionOptions(realtime=True, overrides=("episode_manager.simulated=false",))
    with GraphSession(TASK, tmp_path_factory.mktemp("run"), 3, options) as session:
        yield Cell(session, shape)


def wait_for_message(cell: Cell, text: str) -> None:
    def is_told() -> bool:
        if cell.is_held:
            cell.resume()
        return cell.client.status is not None and text in cell.client.status.message

    cell.client.wait_for(f"'{text}'", is_told, WAIT_S)


def drive_gripper(cell: Cell, width_m: float) -> None:
    """As a person does who plays with the gripper's own tools."""
    gripper: Any = ActionClient(cell.client.node, Move, f"{topics.GRIPPER}/move")
    cell.client.wait_for("gripper", gripper.server_is_ready, WAIT_S)
    sent = gripper.send_goal_async(Move.Goal(width=width_m, speed=0.1))
    cell.client.wait_for("goal", sent.done, WAIT_S)
    ended = sent.result().get_result_async()
    cell.client.wait_for("motion", ended.done, WAIT_S)
    cell.client.spin(0.5)
    gripper.destroy()


def test_person_is_told_the_layout_and_starts_the_episode(cell: Cell) -> None:
    client = cell.client
    number = client.begin(Mode.ZERO, 0, 3, 0)
    wait_for_message(cell, "then press start")
    status = client.status
    assert status is not None
    assert status.phase is Phase.RESETTING
    layout = draw_layout(catalog().task(TASK).scene, status.seed)
    assert layout.instruction() in status.message

    accepted, message = client.start()

    assert accepted, message
    assert cell.moving() >= number
    cell.end()


def test_start_is_refused_with_what_is_wrong(cell: Cell) -> None:
    client = cell.client
    client.begin(Mode.ZERO, 0, 3, 0)
    wait_for_message(cell, "then press start")
    drive_gripper(cell, 0.02)

    accepted, message = client.start()

    assert not accepted
    assert "the gripper is 0.02" in message
    assert "expected open" in message
    drive_gripper(cell, 0.08)
    assert client.start()[0]
    cell.moving()
    cell.end()


def test_start_while_the_arm_is_held_says_that_it_is(cell: Cell) -> None:
    client = cell.client
    client.begin(Mode.ZERO, 0, 3, 0)
    wait_for_message(cell, "then press start")
    client.hold()
    client.wait_for("hold", lambda: cell.is_held, WAIT_S)

    accepted, message = client.start()

    assert not accepted
    assert "the arm is held (stop)" in message
    cell.resume()
    wait_for_message(cell, "then press start")
    cell.end()


def test_start_that_nobody_waits_for_is_refused(cell: Cell) -> None:
    accepted, message = cell.client.start()
    assert not accepted
    assert "waits for nothing; expected one that waits for the operator" in message
