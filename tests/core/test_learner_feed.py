"""What the learner is fed depends on the ledger, not on who arrives first."""

from __future__ import annotations

import random

import pytest

from dsrl_core.learning.feed import LearnerFeed
from dsrl_core.types import Episode, Label, Mode, Outcome


class Diary:
    """Writes down what it is fed."""

    def __init__(self) -> None:
        self.fed: list[tuple[str, int]] = []

    def add_episode(self, episode: Episode) -> None:
        self.fed.append(("episode", episode.number))

    def set_label(self, label: Label) -> None:
        self.fed.append((str(label.outcome), label.episode))


def read(number: int) -> Episode:
    return Episode(number, Mode.TRAIN, 0, (), "ended")


def label(episode: int, outcome: Outcome = Outcome.SUCCESS) -> Label:
    return Label(episode, outcome, 1.0, "test", 0)


LEDGER = [label(1), label(0), label(2), label(1, Outcome.UNDO)]
EXPECTED = [
    ("episode", 1),
    ("success", 1),
    ("episode", 0),
    ("success", 0),
    ("episode", 2),
    ("success", 2),
    ("undo", 1),
]


@pytest.mark.parametrize("seed", range(20))
def test_ledgers_order_rules_whatever_arrives_first(seed: int) -> None:
    diary = Diary()
    feed = LearnerFeed(diary, read, [])
    events: list[int | None] = [0, 1, 2, None, None, None, None]
    random.Random(seed).shuffle(events)
    labels = iter(LEDGER)
    for event in events:
        if event is None:
            feed.labelled([next(labels)])
        else:
            feed.recorded(event, Mode.TRAIN)
    assert diary.fed == EXPECTED
    assert feed.entries == len(LEDGER)


def test_entry_waits_for_its_episode_and_the_next_does_not_overtake() -> None:
    diary = Diary()
    feed = LearnerFeed(diary, read, [])
    feed.recorded(1, Mode.TRAIN)
    feed.labelled([label(0), label(1)])
    assert (diary.fed, feed.entries) == ([], 0)
    feed.recorded(0, Mode.TRAIN)
    assert feed.entries == 2


def test_after_a_new_start_the_disk_is_read() -> None:
    diary = Diary()
    feed = LearnerFeed(diary, read, stored=[0, 1, 2])
    feed.labelled(LEDGER)
    assert diary.fed == EXPECTED


def test_episode_that_is_lost_from_disk_does_not_hold_up_the_others() -> None:
    diary = Diary()
    feed = LearnerFeed(diary, read, stored=[0, 2])
    feed.labelled(LEDGER)
    assert ("episode", 1) not in diary.fed
    assert feed.entries == len(LEDGER)


def test_measurements_are_not_read() -> None:
    diary = Diary()
    feed = LearnerFeed(diary, read, [])
    feed.recorded(0, Mode.EVAL)
    feed.labelled([label(0)])
    assert ("episode", 0) not in diary.fed
    assert feed.entries == 1
