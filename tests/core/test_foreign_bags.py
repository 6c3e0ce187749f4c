"""Bags that are not what they should be: each told, the others read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from dsrl_core.data.checksums import SUMS
from dsrl_core.data.decision_codec import STEP_TYPE, TEXT_TYPE, DecisionCodec, own_codec
from dsrl_core.data.episode_repair import repair, verify
from dsrl_core.data.episode_store import METADATA_TOPIC, EpisodeStore
from dsrl_core.errors import InvalidFile
from tests.core.test_episode_store import assert_equal, one


@pytest.fixture
def store(tmp_path: Path) -> EpisodeStore:
    """Episodes 0 and 2, which are whole; 1 is to come."""
    store = EpisodeStore(tmp_path / "episodes")
    store.write(one(0))
    store.write(one(2))
    return store


def told(store: EpisodeStore) -> str:
    """What is wrong with episode 1; nothing is with the others."""
    (finding,) = verify(store)
    assert finding.episode == 1
    for number in (0, 2):
        assert_equal(store.read(number), one(number))
    return finding.problem


def test_a_truncated_bag(store: EpisodeStore) -> None:
    bag = store.write(one(1)) / "episode_000001.mcap"
    bag.write_bytes(bag.read_bytes()[:-300])
    assert "episode_000001.mcap is not what was written" in told(store)
    (store.path_of(1) / SUMS).unlink()  # one from before there were sums
    assert "is not a whole bag of an episode" in told(store)


def test_records_in_another_order_are_put_in_order(store: EpisodeStore) -> None:
    steps = one(1).steps
    store.write(replace(one(1), steps=(steps[2], steps[0], steps[3], steps[1])))
    assert list(verify(store)) == []
    assert_equal(store.read(1), one(1))


def test_a_record_that_is_there_twice(store: EpisodeStore) -> None:
    steps = one(1).steps
    store.write(replace(one(1), steps=(steps[0], *steps)))
    assert "its decisions are [0, 0, 1, 2, 3]; expected" in told(store)
    (done,) = repair(store)
    assert done.is_back
    assert list(verify(store)) == []


def test_an_episode_that_lies_there_twice(store: EpisodeStore) -> None:
    shutil.copytree(store.path_of(0), store.path_of(1))
    (store.path_of(1) / "episode_000000.mcap").rename(store.path_of(1) / "episode_000001.mcap")
    (store.path_of(1) / SUMS).unlink()
    assert "it says that it is episode 0" in told(store)


def test_a_foreign_bag(store: EpisodeStore) -> None:
    with Writer(store.path_of(1), version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        codec = own_codec()
        words = bag.add_connection("chatter", TEXT_TYPE, typestore=codec.typestore)
        bag.write(words, 1, codec.encode_text("hello"))
    assert f"has no message on {METADATA_TOPIC}: not a bag of an episode" in told(store)


def test_no_bag_at_all(store: EpisodeStore) -> None:
    store.path_of(1).mkdir()
    (store.path_of(1) / "episode_000001.mcap").write_text("nonsense")
    assert "is not a whole bag of an episode" in told(store)


def test_a_bag_of_a_later_definition_is_read_by_the_fields_that_are_known(
    store: EpisodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = own_codec().definition.replace(
        "uint32 sequence\n", "uint32 sequence\nstring[] news\nuint32 sequence_of_news\n", 1
    )
    later = DecisionCodec({STEP_TYPE: text})
    chunk = later.typestore.types["dsrl_interfaces/msg/ActionChunk"]
    assert "news" in chunk.__dataclass_fields__
    monkeypatch.setattr(
        later, "_chunk", lambda **known: chunk(news=["a"], sequence_of_news=3, **known)
    )
    monkeypatch.setattr("dsrl_core.data.episode_store.own_codec", lambda: later)
    store.write(one(1))
    monkeypatch.undo()
    assert_equal(store.read(1), one(1))


def test_a_bag_whose_metadata_is_of_a_later_format(store: EpisodeStore) -> None:
    with Writer(store.path_of(1), version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        codec = own_codec()
        about = bag.add_connection(METADATA_TOPIC, TEXT_TYPE, typestore=codec.typestore)
        later = {"number": 1, "mode": "telepathy", "seed": 0, "end_reason": "", "metadata": {}}
        bag.write(about, 1, codec.encode_text(json.dumps(later)))
    assert "'telepathy' is not a valid Mode" in told(store)
    with pytest.raises(InvalidFile):
        store.read(1)
