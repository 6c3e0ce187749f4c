"""What a person wants to see lies in the episode's bag: images, joints, set-points, states."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rosbags.rosbag2 import Reader

from dsrl_core.data.episode_repair import verify
from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.errors import UnknownName
from dsrl_core.types import Mode
from dsrl_ros import topics
from dsrl_ros.paths import catalog
from dsrl_ros.raw_topics import chosen_topics, groups
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.rendering import RendererMissing, available_backend

TASK = catalog().task("franka_pick_vision")
GIVEN = catalog().policy_of(TASK), catalog().robot(TASK.robot)


def test_groups_of_raw_topics_are_chosen_by_name() -> None:
    assert chosen_topics("", *GIVEN) == ()
    assert chosen_topics("joints:safety", *GIVEN) == (topics.JOINT_STATES, topics.SAFETY)
    assert set(chosen_topics("all", *GIVEN)) == {t for g in groups(*GIVEN).values() for t in g}
    with pytest.raises(UnknownName, match="unknown group of raw topics 'joint'; available: all, e"):
        chosen_topics("joint", *GIVEN)


def test_a_running_graph_keeps_them_in_the_bag_of_the_episode(tmp_path: Path) -> None:
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    options = SessionOptions(realtime=True, overrides=("rollout_recorder.raw_topics=all",))
    with GraphSession(TASK.name, tmp_path, 3, options) as session:
        session.run(Mode.BASE, 1)
    store = EpisodeStore(tmp_path / EPISODES)
    assert list(verify(store)) == []
    whole = next(e for number in store.numbers() if (e := store.read(number)).is_valid)
    with Reader(store.path_of(whole.number)) as bag:
        counts = {c.topic: c.msgcount for c in bag.connections}
        types = {c.topic: c.msgtype for c in bag.connections}
        first_ns, last_ns = bag.start_time, bag.end_time
    for camera in GIVEN[0].cameras:
        image = f"/{topics.camera_image(camera.name).name}/compressed"
        assert types[image] == "sensor_msgs/msg/CompressedImage"
        assert counts[image] > 0
    for topic in chosen_topics("joints:set_points:gripper:safety:episode", *GIVEN):
        assert counts[f"/{topic.name}"] > 0, json.dumps(counts)
    # Decisions and what was measured go by one clock.
    stamps = [step.decision.observation.stamp_ns for step in whole.steps]
    assert last_ns - first_ns < 2 * (stamps[-1] - stamps[0]) + 10**10
