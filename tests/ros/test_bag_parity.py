"""What a policy saw can be seen again from a bag of raw topics, equal to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from rosbags.rosbag2 import Reader

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.types import Mode
from dsrl_ros import topics
from dsrl_ros.bag_parity import DecisionBag, Rebuilt
from dsrl_ros.paths import catalog
from dsrl_ros.raw_recorder import RawRecorder, decision_topics
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.rendering import RendererMissing, available_backend

SEED = 3


def record(task_name: str, folder: Path, episodes: int, realtime: bool = False) -> list[Rebuilt]:
    """Run episodes; every decision of them as a bag of raw topics tells it."""
    task = catalog().task(task_name)
    policy, robot = catalog().policy_of(task), catalog().robot(task.robot)
    if policy.cameras:
        try:
            available_backend()
        except RendererMissing as error:
            pytest.skip(str(error))
    options = SessionOptions(realtime=realtime)
    with (
        GraphSession(task_name, folder / "run", SEED, options) as session,
        RawRecorder(folder / "bag", decision_topics(policy, robot)) as recorder,
    ):
        recorder.wait_for_publishers()
        session.run(Mode.BASE, episodes)
        episodes = EpisodeStore(folder / "run" / "episodes")
        # One that was held for lack of time is run again, and may lack its end.
        whole = [episode for n in episodes.numbers() if (episode := episodes.read(n)).is_valid]
        stored = {
            (episode.number, step.decision.sequence): step.decision.observation
            for episode in whole
            for step in episode.steps
        }
        recorder.wait_for_count(topics.DECISION_INPUTS, len(stored))
    found = DecisionBag(folder / "bag", task, policy, robot, not realtime).decisions()
    rebuilt = {(entry.decision.episode, entry.decision.sequence): entry for entry in found}
    assert stored.keys() <= rebuilt.keys()
    for key, on_disk in stored.items():
        # The bag and the episode on disk tell of the same observation.
        np.testing.assert_array_equal(rebuilt[key].decision.observation.values, on_disk.values)
    return [rebuilt[key] for key in stored]


@pytest.mark.parametrize("task", ["franka_pick", "franka_pick_vision"])
def test_in_lock_step_every_decision_is_seen_again_to_the_bit(task: str, tmp_path: Path) -> None:
    rebuilt = record(task, tmp_path, episodes=2)

    assert len(rebuilt) > 10
    assert sum(entry.decision.is_final for entry in rebuilt) == 2
    for entry in rebuilt:
        recorded = entry.decision.observation
        assert entry.by_stamps is not None
        assert entry.by_stamps.equals(recorded)
        assert (recorded.images is not None) == (task == "franka_pick_vision")
        assert set(entry.by_stamps.stamps_ns.values()) == {entry.request.stamp_ns}


def test_in_real_time_too_although_every_process_hears_in_another_order(tmp_path: Path) -> None:
    rebuilt = record("franka_pick", tmp_path, episodes=1, realtime=True)

    # A best effort measurement may not have reached the recorder.
    seen_again = [entry for entry in rebuilt if entry.by_stamps is not None]
    assert seen_again
    for entry in seen_again:
        assert entry.by_stamps is not None
        assert entry.by_stamps.equals(entry.decision.observation)


def test_a_bag_says_what_it_holds_to_any_reader(tmp_path: Path) -> None:
    record("franka_pick", tmp_path, episodes=1)

    with Reader(tmp_path / "bag") as reader:
        types = {connection.topic: connection.msgtype for connection in reader.connections}
        assert reader.message_count > 0
    assert types["/action_chunk"] == "dsrl_interfaces/msg/ActionChunk"
    assert types["/franka_gripper/joint_states"] == "sensor_msgs/msg/JointState"
    (file,) = (tmp_path / "bag").glob("*.mcap")
    with file.open("rb") as stream:
        reader_of_format = make_reader(stream)
        named = [
            json.loads(message.data[8:].rstrip(b"\0"))
            for _, channel, message in reader_of_format.iter_messages(topics=["/decision_inputs"])
        ]
    assert [entry["sequence"] for entry in named] == list(range(len(named)))
    assert set(named[0]["stamps_ns"]) == {"tool_pose", "gripper_width_m", "object_pose"}
