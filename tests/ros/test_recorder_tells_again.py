"""An episode that was closed because its manager was taken for dead is told of again when the
manager turns out to live: it would wait for that word for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.status import INVALID, EpisodeStatus, Phase
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.episodes import status_to_message
from dsrl_ros.nodes.rollout_recorder import RolloutRecorder
from tests.ros.conftest import domain  # noqa: F401

WAIT_S = 30.0
RUNNING = EpisodeStatus(4, Phase.RUNNING, started_ns=10**9, deadline_ns=2 * 10**9)
OVER = EpisodeStatus(4, Phase.DONE, outcome=INVALID, message="nobody ended it")


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[RolloutRecorder]:
    given = ["-p", "task:=franka_pick", "-p", f"out:={tmp_path}"]
    rclpy.init(args=["--ros-args", *given])
    node = RolloutRecorder()
    yield node
    node.destroy_node()
    rclpy.shutdown()


def test_an_episode_is_told_of_again_when_its_manager_is_back(
    recorder: RolloutRecorder, tmp_path: Path
) -> None:
    heard: list[msg.EpisodeRecorded] = []
    statuses: list[msg.EpisodeStatus] = []
    topics.EPISODE_RECORDED.subscribe(recorder, heard.append)
    topics.EPISODE.subscribe(recorder, statuses.append)

    def hears(all_that: Callable[[], bool]) -> bool:
        until_s = time.monotonic() + WAIT_S
        while not all_that() and time.monotonic() < until_s:
            rclpy.spin_once(recorder, timeout_sec=0.1)
        return all_that()

    def manager_says(status: EpisodeStatus) -> Node:
        manager = rclpy.create_node("episode_manager")
        topics.EPISODE.publisher(manager).publish(status_to_message(status))
        return manager

    manager = manager_says(RUNNING)
    assert hears(lambda: bool(statuses))
    rclpy.spin_once(recorder, timeout_sec=0.5)  # the recorder's own subscription has it too
    manager.destroy_node()
    assert hears(lambda: len(heard) == 1), "its manager is gone"
    assert not EpisodeStore(tmp_path / EPISODES).read(4).is_valid

    manager = manager_says(OVER)
    assert hears(lambda: len(heard) == 2), "its manager is back"
    assert {(one.episode, one.end_reason) for one in heard} == {(4, INVALID)}
    manager.destroy_node()
