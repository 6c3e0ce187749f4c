"""An episode that was closed because its manager was taken for dead is told of again when the
manager turns out to live: it would wait for that word for ever."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LabelLedger
from dsrl_core.status import INVALID, EpisodeStatus, Phase
from dsrl_core.types import Label, Outcome
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


def test_what_a_full_disk_does_not_take_is_kept_and_stored_once_it_does(
    recorder: RolloutRecorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[msg.EpisodeRecorded] = []
    topics.EPISODE_RECORDED.subscribe(recorder, heard.append)
    tries: list[int] = []

    def fail(_: int) -> None:
        tries.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    manager = rclpy.create_node("episode_manager")
    said = topics.EPISODE.publisher(manager)
    store = EpisodeStore(tmp_path / EPISODES)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        said.publish(status_to_message(OVER))
        until_s = time.monotonic() + WAIT_S
        while len(tries) < 2 and time.monotonic() < until_s:
            rclpy.spin_once(recorder, timeout_sec=0.1)
        assert len(tries) >= 2, "it is tried again"
        assert store.numbers() == []
        assert not heard
    until_s = time.monotonic() + WAIT_S
    while not heard and time.monotonic() < until_s:
        rclpy.spin_once(recorder, timeout_sec=0.1)
    assert [one.episode for one in heard] == [4]
    assert store.read(4).end_reason == INVALID
    manager.destroy_node()


def test_a_labelled_episode_that_died_with_its_recorder_keeps_nobody_waiting(
    recorder: RolloutRecorder, tmp_path: Path
) -> None:
    heard: list[msg.EpisodeRecorded] = []
    topics.EPISODE_RECORDED.subscribe(recorder, heard.append)
    with LabelLedger(tmp_path / LEDGER) as ledger:
        for episode in (2, 5):
            ledger.append(Label(episode, Outcome.FAILURE, 0.0, "test", 0))
    manager = rclpy.create_node("episode_manager")
    topics.EPISODE.publisher(manager).publish(status_to_message(EpisodeStatus(5, Phase.RESETTING)))
    until_s = time.monotonic() + WAIT_S
    while not heard and time.monotonic() < until_s:
        rclpy.spin_once(recorder, timeout_sec=0.1)
    assert [(one.episode, one.end_reason) for one in heard] == [(2, INVALID)]
    store = EpisodeStore(tmp_path / EPISODES)
    assert store.numbers() == [2], "what is under way is its manager's"
    assert "lost with its recorder" in store.read(2).metadata["invalid"]
    manager.destroy_node()
