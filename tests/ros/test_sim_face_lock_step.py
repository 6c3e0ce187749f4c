"""In lock-step the arm tells its mode, and a person can stop it."""

from __future__ import annotations

from pathlib import Path

from franka_msgs.msg import FrankaRobotState

from tests.ros.sim_face_setup import Client

IDLE, USER_STOPPED = FrankaRobotState.ROBOT_MODE_IDLE, FrankaRobotState.ROBOT_MODE_USER_STOPPED


def test_modes_are_told_and_the_user_stop_is_one(tmp_path: Path) -> None:
    with Client.of_process(tmp_path, lock_step=True) as client:
        assert client.mode == IDLE
        client.switch("user_stop", on=True)
        client.wait("user stop", lambda: client.mode == USER_STOPPED)
        client.switch("user_stop", on=False)
        client.wait("idle", lambda: client.mode == IDLE)
