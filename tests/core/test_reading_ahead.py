"""Episodes are read before they are asked for, and nothing else is different."""

from __future__ import annotations

import threading

import pytest

from dsrl_core.data.reading_ahead import ReadingAhead
from dsrl_core.errors import InvalidFile
from dsrl_core.types import Episode, Mode

DAMAGED = 3


class Disk:
    """Tells in which order it was read, and by how many threads."""

    def __init__(self) -> None:
        self.read_of: list[int] = []
        self.threads: set[int] = set()
        self.begun = {number: threading.Event() for number in range(20)}

    def __call__(self, number: int) -> Episode:
        self.read_of.append(number)
        self.threads.add(threading.get_ident())
        self.begun[number].set()
        if number == DAMAGED:
            raise InvalidFile("episode 3 is damaged")
        return Episode(number, Mode.TRAIN, 0, (), "ended")


def test_what_is_expected_is_read_before_it_is_asked_for_and_once() -> None:
    disk = Disk()
    reading = ReadingAhead(disk, ahead=2)
    reading.expect([5, 0, 4])
    assert disk.begun[0].wait(60.0)
    assert [reading(number).number for number in (5, 0, 4)] == [5, 0, 4]
    assert disk.read_of == [5, 0, 4]
    assert threading.get_ident() not in disk.threads


def test_no_more_are_read_than_may_lie_in_memory() -> None:
    disk = Disk()
    reading = ReadingAhead(disk, ahead=2)
    reading.expect(range(10, 20))
    # Read by the same thread, so after all that it was given.
    assert disk.begun[11].wait(60.0)
    reading(10)
    assert disk.begun[12].wait(60.0)
    assert disk.read_of == [10, 11, 12]


def test_what_was_not_expected_is_read_too_and_takes_nothing_from_what_was() -> None:
    disk = Disk()
    reading = ReadingAhead(disk)
    reading.expect([1, 2])
    assert [reading(number).number for number in (9, 1, 2)] == [9, 1, 2]
    assert sorted(disk.read_of) == [1, 2, 9]


@pytest.mark.parametrize("asked", [[2, 6], [7], [0, 7], [7, 7]])
def test_what_is_passed_over_is_not_in_the_way(asked: list[int]) -> None:
    reading = ReadingAhead(Disk(), ahead=2)
    reading.expect(range(8))
    assert [reading(number).number for number in asked] == asked


def test_a_problem_is_raised_where_its_episode_is_asked_for() -> None:
    reading = ReadingAhead(Disk())
    reading.expect([2, DAMAGED, 4])
    assert reading(2).number == 2
    with pytest.raises(InvalidFile, match="episode 3 is damaged"):
        reading(DAMAGED)
    assert reading(4).number == 4
