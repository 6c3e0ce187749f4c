"""The index saves reading bags, and is never believed more than the bags."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_core.data.episode_index import INDEX
from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.evaluation.run_data import RunReader, read_run
from dsrl_core.types import Episode
from tests.core.test_episode_store import one


@pytest.fixture
def store(tmp_path: Path) -> EpisodeStore:
    store = EpisodeStore(tmp_path / EPISODES)
    for number in range(3):
        store.write(one(number))
    return store


def read(store: EpisodeStore):
    return RunReader(store.folder.parent, for_curves=True).read()


def plain(run):
    """What is compared: all but arrays."""
    return [repr(replace(facts, observations=None, frames=())) for facts in run.episodes]


def test_what_the_index_tells_is_what_the_bags_say(store: EpisodeStore) -> None:
    first = read(store)
    assert (store.folder / INDEX).is_file()
    again = read(store)
    whole = read_run(store.folder.parent)
    assert plain(first) == plain(again) == plain(whole)


def test_bags_in_the_index_are_not_read_again(
    store: EpisodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(store)
    store.write(one(7))
    asked: list[int] = []
    whole = EpisodeStore.read

    def counted(self: EpisodeStore, number: int) -> Episode:
        asked.append(number)
        return whole(self, number)

    monkeypatch.setattr(EpisodeStore, "read", counted)
    assert [facts.number for facts in read(store).episodes] == [0, 1, 2, 7]
    assert asked == [7]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\x00 nonsense", b"[]", b'{"version": 99}', b'{"version": 1, "episodes": [1]}',
     b'{"version": 1, "episodes": {"0": 5, "1": {"facts": {}}}}'],
)  # fmt: skip
def test_a_damaged_index_is_made_anew(store: EpisodeStore, content: bytes) -> None:
    expected = plain(read(store))
    (store.folder / INDEX).write_bytes(content)
    assert plain(read(store)) == expected
    assert set(json.loads((store.folder / INDEX).read_text())["episodes"]) == {"0", "1", "2"}


def test_a_bag_that_changed_is_read_again_and_told(store: EpisodeStore) -> None:
    read(store)
    file = store.path_of(1) / "episode_000001.mcap"
    file.write_bytes(file.read_bytes()[:-9])
    run = read(store)
    assert [facts.number for facts in run.episodes] == [0, 2]
    assert "episode_000001.mcap is not what was written" in run.unreadable[0]


def test_without_room_for_an_index_a_run_is_read_all_the_same(
    store: EpisodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    assert len(read(store).episodes) == 3
    assert not [path for path in store.folder.iterdir() if INDEX in path.name]
