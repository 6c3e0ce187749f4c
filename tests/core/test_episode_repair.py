"""What is damaged or was interrupted: found, told, and saved as far as it can be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_core.data import episode_repair
from dsrl_core.data.checksums import SUMS
from dsrl_core.data.episode_repair import repair, verify
from dsrl_core.data.episode_store import INTERRUPTED, EpisodeStore
from dsrl_core.errors import InvalidFile
from dsrl_core.types import Episode
from tests.core.test_episode_store import assert_equal, one


@pytest.fixture
def store(tmp_path: Path) -> EpisodeStore:
    store = EpisodeStore(tmp_path / "episodes")
    for number in range(3):
        store.write(one(number))
    return store


def bag_of(store: EpisodeStore, number: int) -> Path:
    return next(store.path_of(number).glob("*.mcap"))


def change_a_byte(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


def interrupt(store: EpisodeStore, number: int, share: float) -> None:
    """Leave an episode as a process does that is killed while it writes it."""
    partial = store.folder / f".partial-episode_{number:06d}-999999999"
    partial.mkdir()
    shutil.move(store.path_of(number), partial)
    inside = partial / store.path_of(number).name
    (inside / SUMS).unlink()
    (inside / "metadata.yaml").unlink()
    bag = next(inside.glob("*.mcap"))
    content = bag.read_bytes()
    bag.write_bytes(content[: int(share * len(content))])


def test_nothing_is_wrong_with_what_was_just_written(store: EpisodeStore) -> None:
    assert list(verify(store)) == []
    assert list(repair(store)) == []


def test_sums_are_what_sha256sum_reads(store: EpisodeStore) -> None:
    lines = (store.path_of(1) / SUMS).read_text().splitlines()
    assert sorted(line.split("  ")[1] for line in lines) == ["episode_000001.mcap", "metadata.yaml"]
    assert all(len(line.split("  ")[0]) == 64 for line in lines)


@settings(max_examples=40)
@given(share=st.floats(0, 1, exclude_max=True))
def test_any_changed_byte_is_found(share: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = EpisodeStore(tmp_path_factory.mktemp("store"))
    store.write(one(7))
    bag = bag_of(store, 7)
    change_a_byte(bag, int(share * bag.stat().st_size))
    with pytest.raises(InvalidFile, match=r"episode_000007\.mcap is not what was written"):
        store.read(7)
    assert [finding.episode for finding in verify(store)] == [7]


def test_a_missing_file_is_named(store: EpisodeStore) -> None:
    (store.path_of(2) / "metadata.yaml").unlink()
    with pytest.raises(InvalidFile, match=r"metadata\.yaml is missing"):
        store.read(2)


def test_episodes_from_before_there_were_sums_are_read(store: EpisodeStore) -> None:
    (store.path_of(1) / SUMS).unlink()
    assert_equal(store.read(1), one(1))


def test_a_changed_episode_comes_back_as_invalid_and_what_it_was_is_kept(
    store: EpisodeStore,
) -> None:
    change_a_byte(bag_of(store, 1), bag_of(store, 1).stat().st_size // 3)
    (done,) = repair(store)
    assert done.episode == 1
    assert done.source.is_dir()
    if done.is_back:
        assert not store.read(1).is_valid
    assert_equal(store.read(0), one(0))
    assert list(verify(store)) == []


def test_an_episode_of_which_only_the_description_is_lost_is_whole_again(
    store: EpisodeStore,
) -> None:
    (store.path_of(1) / "metadata.yaml").write_text("nonsense")
    (done,) = repair(store)
    assert done.result == "whole: 3 decisions"
    assert_equal(store.read(1), one(1))


def test_an_interrupted_episode_with_all_its_records_is_whole_again(store: EpisodeStore) -> None:
    interrupt(store, 1, 0.75)  # the index at the end is lost
    again = EpisodeStore(store.folder)
    assert len(again.set_aside) == 1
    (done,) = repair(again)
    assert done.is_back
    assert_equal(again.read(1), one(1))
    assert list(repair(again)) == []


@settings(max_examples=40)
@given(share=st.floats(0, 1))
def test_an_interrupted_episode_is_whole_or_invalid_or_told_to_be_lost(
    share: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = EpisodeStore(tmp_path_factory.mktemp("store"))
    store.write(one(3, decisions=5))
    interrupt(store, 3, share)
    (done,) = repair(EpisodeStore(store.folder))
    assert done.source.exists()
    assert done.is_back == (3 in store.numbers())
    if not done.is_back:
        return
    found = store.read(3)
    if found.is_valid:
        assert_equal(found, one(3, decisions=5))
    else:
        assert "repaired" in found.metadata["invalid"]


def test_an_episode_under_another_number_is_told(store: EpisodeStore) -> None:
    store.path_of(2).rename(store.path_of(9))
    (finding,) = verify(store)
    assert (finding.episode, finding.problem) == (9, "it says that it is episode 2")


def test_decisions_out_of_order_are_told(store: EpisodeStore) -> None:
    whole = one(5)
    steps = (whole.steps[0], *whole.steps[2:])
    store.write(Episode(5, whole.mode, whole.seed, steps, "ended"))
    (finding,) = verify(store)
    assert "[0, 2, 3]" in finding.problem


def test_an_episode_without_its_closing_record_is_told(store: EpisodeStore) -> None:
    whole = one(5)
    store.write(Episode(5, whole.mode, whole.seed, whole.steps[:-1], "deadline"))
    (finding,) = verify(store)
    assert "closing record is missing" in finding.problem
    (done,) = repair(store)
    assert "invalid" in done.result
    assert not store.read(5).is_valid
    assert len(store.read(5).steps) == 3


def test_an_episode_whose_description_was_lost_comes_back_as_invalid(
    store: EpisodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_a_byte(bag_of(store, 1), bag_of(store, 1).stat().st_size // 2)
    found = episode_repair._Salvaged(dict(enumerate(one(1).steps[:2])))
    monkeypatch.setattr(episode_repair, "_salvage", lambda _: found)
    (done,) = repair(store)
    assert done.is_back
    back = store.read(1)
    assert (back.is_valid, len(back.steps), back.seed) == (False, 2, 99)


def test_remains_of_an_episode_that_is_there_are_left_alone(store: EpisodeStore) -> None:
    interrupt(store, 1, 0.5)
    store.write(one(1))
    again = EpisodeStore(store.folder)
    assert list(repair(again)) == []
    assert len(list((store.folder / INTERRUPTED).iterdir())) == 1
    np.testing.assert_equal(again.numbers(), [0, 1, 2])
