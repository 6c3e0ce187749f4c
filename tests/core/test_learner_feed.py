"""What the learner is fed depends on the ledger, not on who arrives first."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.learning.feed import Attempt, LearnerFeed
from dsrl_core.types import Episode, Label, Mode, Outcome

BAD, MISSING = 7, 8


class Diary:
    """Writes down what it is fed; works on every training label for two turns."""

    def __init__(self, works: bool = False) -> None:
        self.fed: list[tuple[str, int]] = []
        self.works, self.pending = works, 0

    @property
    def is_busy(self) -> bool:
        return self.pending > 0

    def add_episode(self, episode: Episode) -> None:
        if episode.number == BAD:
            raise InvalidValue("episode 7, decision 2: observation is not finite")
        self.fed.append(("episode", episode.number))

    def set_label(self, label: Label, attempt: Attempt) -> None:
        self.fed.append((str(label.outcome), label.episode))
        self.pending = 2 if self.works else 0


def read(number: int) -> Episode:
    if number == MISSING:
        raise UnknownName("episode", str(number), [])
    return Episode(number, Mode.TRAIN, 0, (), "ended")


def label(episode: int, outcome: Outcome = Outcome.SUCCESS) -> Label:
    return Label(episode, outcome, 1.0, "test", 0)


def feed_of(diary: Diary, stored: Iterable[int] = ()) -> LearnerFeed:
    return LearnerFeed(diary, read, stored)


def run(feed: LearnerFeed, diary: Diary) -> None:
    """Until nothing can be taken any more."""
    while feed.go_on() or diary.is_busy:
        diary.pending = max(0, diary.pending - 1)


TRAINED = Attempt(Mode.TRAIN, 0)
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


@pytest.mark.parametrize("works", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_ledgers_order_rules_whatever_arrives_first(seed: int, works: bool) -> None:
    diary = Diary(works)
    feed = feed_of(diary)
    events: list[int | None] = [0, 1, 2, None, None, None, None]
    random.Random(seed).shuffle(events)
    labels = iter(LEDGER)
    for event in events:
        if event is None:
            feed.labelled([next(labels)])
        else:
            feed.recorded(event, TRAINED)
        run(feed, diary)
    assert diary.fed == EXPECTED
    assert feed.entries == len(LEDGER)


def test_entry_waits_for_its_episode_and_the_next_does_not_overtake() -> None:
    diary = Diary()
    feed = feed_of(diary)
    feed.recorded(1, TRAINED)
    feed.labelled([label(0), label(1)])
    run(feed, diary)
    assert (diary.fed, feed.entries, feed.may_go_on) == ([], 0, False)
    feed.recorded(0, TRAINED)
    run(feed, diary)
    assert feed.entries == 2


def test_entry_waits_until_what_came_before_it_is_learned() -> None:
    diary = Diary(works=True)
    feed = feed_of(diary, stored=[0, 1])
    feed.labelled([label(0), label(1)])
    assert feed.go_on()
    assert (feed.go_on(), feed.may_go_on, feed.entries) == (False, True, 1)
    diary.pending = 0
    assert feed.go_on()


def test_after_a_new_start_the_disk_is_read() -> None:
    diary = Diary()
    feed = feed_of(diary, stored=[0, 1, 2])
    feed.labelled(LEDGER)
    run(feed, diary)
    assert diary.fed == EXPECTED


@pytest.mark.parametrize("number", [BAD, MISSING])
def test_an_episode_that_cannot_be_taken_is_refused_and_the_others_go_on(number: int) -> None:
    diary = Diary()
    feed = feed_of(diary, stored=[0, BAD, 9])
    labels = [label(0), label(number), label(9), label(number, Outcome.UNDO)]
    feed.labelled(labels)
    run(feed, diary)
    assert [episode for what, episode in diary.fed if what == "episode"] == [0, 9]
    assert feed.entries == len(labels)
    assert list(feed.refused) == [number]
    assert str(number) in feed.refused[number]


def test_measurements_are_not_read_but_told_of() -> None:
    diary = Diary()
    feed = feed_of(diary)
    feed.recorded(MISSING, Attempt(Mode.EVAL, 4))
    feed.labelled([label(MISSING)])
    run(feed, diary)
    assert diary.fed == [("success", MISSING)]
    assert feed.refused == {}


def test_mark_is_taken_into_account_and_teaches_nothing() -> None:
    diary = Diary()
    feed = feed_of(diary, stored=[0])
    feed.labelled([label(0), label(0, Outcome.MARK)])
    run(feed, diary)
    assert feed.entries == 2
    assert [what for what, _ in diary.fed] == ["episode", "success"]
