"""Several robots' labels become one order, which is the same after every new start."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LabelLedger
from dsrl_core.errors import InvalidFile
from dsrl_core.learning.feed import Attempt
from dsrl_core.learning.joined import JOINED, JoinedRuns, Recordings
from dsrl_core.seeding import robot_seed
from dsrl_core.types import Episode, Label, Mode, Outcome

ROBOTS = ("left", "right")
TRAIN = Attempt(Mode.TRAIN, 0)


class Robot:
    """A robot's recorder and episode manager."""

    def __init__(self, out: Path, name: str) -> None:
        self.folder = out / name
        self.store = EpisodeStore(self.folder / EPISODES)

    def record(self, number: int) -> None:
        self.store.write(Episode(number, Mode.TRAIN, 1, (), "ended"))

    def say(self, number: int, outcome: Outcome = Outcome.SUCCESS) -> None:
        with LabelLedger(self.folder / LEDGER) as ledger:
            ledger.append(Label(number, outcome, 1.0, "somebody", 0))


@pytest.fixture
def robots(tmp_path: Path) -> tuple[Robot, Robot]:
    for name in ROBOTS:
        (tmp_path / name).mkdir()
    return Robot(tmp_path, "left"), Robot(tmp_path, "right")


def taken(runs: JoinedRuns) -> list[tuple[str, int]]:
    """Robot and own number of the episodes whose labels are new."""
    return [runs.place_of(label.episode) for label, _ in runs.new()]


def test_labels_join_one_after_the_other_and_each_episode_has_a_number_of_its_own(
    tmp_path: Path, robots: tuple[Robot, Robot]
) -> None:
    left, _ = robots
    for robot in robots:
        for number in range(2):
            robot.record(number)
            robot.say(number)
    left.say(0, Outcome.FAILURE)
    runs = JoinedRuns(tmp_path, ROBOTS)
    labels = [label for label, _ in runs.new()]
    assert [label.entry for label in labels] == [1, 2, 3, 4, 5]
    assert [label.episode for label in labels] == [0, 1, 2, 3, 0]
    assert [runs.place_of(n) for n in range(4)] == [
        ("left", 0),
        ("right", 0),
        ("left", 1),
        ("right", 1),
    ]
    assert [runs.read(n).number for n in range(4)] == [0, 1, 2, 3]
    assert runs.entries_of("left", 5) == 3
    assert runs.entries_of("right", 3) == 1
    assert runs.last_of(2) == "right"


def test_a_new_start_goes_the_same_way_whatever_has_come_since(
    tmp_path: Path, robots: tuple[Robot, Robot]
) -> None:
    left, right = robots
    runs = JoinedRuns(tmp_path, ROBOTS)
    order = []
    for robot, number in ((right, 0), (right, 1), (left, 0), (right, 2), (left, 1)):
        robot.record(number)
        robot.say(number)
        runs.recorded(robot.folder.name, number, TRAIN)
        order += taken(runs)
    left.record(2)
    left.say(2)
    assert taken(JoinedRuns(tmp_path, ROBOTS)) == [*order, ("left", 2)]
    # Robots that are not named this time are learned from all the same.
    assert taken(JoinedRuns(tmp_path, ("right",))) == [*order, ("left", 2)]


def test_a_label_whose_episode_is_not_on_disk_keeps_only_its_own_robot_waiting(
    tmp_path: Path, robots: tuple[Robot, Robot]
) -> None:
    left, right = robots
    runs = JoinedRuns(tmp_path, ROBOTS)
    left.say(0)
    right.record(0)
    right.say(0)
    runs.recorded("right", 0, TRAIN)
    assert taken(runs) == [("right", 0)]
    left.record(0)
    runs.recorded("left", 0, TRAIN)
    assert taken(runs) == [("left", 0)]


def test_a_line_that_was_cut_off_is_written_again(
    tmp_path: Path, robots: tuple[Robot, Robot]
) -> None:
    for robot in robots:
        robot.record(0)
        robot.say(0)
    order = taken(JoinedRuns(tmp_path, ROBOTS))
    path = tmp_path / JOINED
    path.write_bytes(path.read_bytes()[:-7])
    assert taken(JoinedRuns(tmp_path, ROBOTS)) == order
    assert [json.loads(line)["robot"] for line in path.read_text().splitlines()] == [*ROBOTS]


def test_a_damaged_ledger_is_told_of_and_the_other_robots_are_learned_from(
    tmp_path: Path, robots: tuple[Robot, Robot]
) -> None:
    left, right = robots
    runs = JoinedRuns(tmp_path, ROBOTS)
    with (left.folder / LEDGER).open("a") as file:
        file.write("no label\n")
    right.record(0)
    right.say(0)
    runs.recorded("right", 0, TRAIN)
    assert taken(runs) == [("right", 0)]
    (problem,) = runs.problems
    assert problem.startswith("nothing more is learned from left:")
    assert "line 1 is not JSON" in problem
    runs.problems.clear()
    assert taken(runs) == []
    assert runs.problems == []


def test_an_order_that_names_what_no_ledger_has_is_refused(
    tmp_path: Path, robots: tuple[Robot, Robot]
) -> None:
    left, _ = robots
    left.record(0)
    left.say(0)
    assert taken(JoinedRuns(tmp_path, ROBOTS)) == [("left", 0)]
    shutil.rmtree(left.folder)
    with pytest.raises(InvalidFile, match="names entry 1 of left, whose ledger has 0"):
        taken(JoinedRuns(tmp_path, ROBOTS))
    (tmp_path / JOINED).write_text('{"robot": "left"}\n')
    with pytest.raises(InvalidFile, match="line 1 is no entry of the joint order"):
        JoinedRuns(tmp_path, ROBOTS)


def test_who_only_looks_changes_nothing(tmp_path: Path, robots: tuple[Robot, Robot]) -> None:
    left, right = robots
    right.record(0)
    right.say(0)
    assert taken(JoinedRuns(tmp_path, ROBOTS)) == [("right", 0)]
    left.record(0)
    left.say(0)
    before = (tmp_path / JOINED).read_bytes()
    recordings = Recordings.joined(tmp_path)
    assert [label.episode for label in recordings.labels] == [0, 1]
    assert recordings.read(1).number == 1
    assert (tmp_path / JOINED).read_bytes() == before


def test_robots_of_a_run_have_seeds_that_differ_and_the_first_has_the_runs_own() -> None:
    seeds = [robot_seed(run, index) for run in range(10) for index in range(8)]
    assert len(set(seeds)) == len(seeds)
    assert robot_seed(7, 0) == 7
    assert all(0 <= seed < 2**31 for seed in seeds)
