"""Several robots' runs as one: the order in which their labels are learned from.

    <out>/joined.jsonl                 {"robot": "left", "entry": 12}, one line per entry
    <out>/<robot>/ledger.jsonl         each robot's own labels
    <out>/<robot>/episodes/            and episodes

Each robot's ledger has an order of its own; between two robots there is none, until the learner
takes their entries one after the other. That order is written down before an entry is learned from,
and nothing else is: what was said and done stands in the robots' folders alone. A learner that is
started again, and one that learns offline, go the same way.

An entry joins once its episode is on disk, so that a robot that has died keeps nobody waiting.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower
from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.learning.feed import Attempt
from dsrl_core.types import Episode, Label, Mode

JOINED: Final = "joined.jsonl"
_ON_DISK: Final = Attempt(Mode.TRAIN, 0)
"""Nothing is known of an episode but that it can be read."""


@dataclass
class _Robot:
    """What is known of one robot's folder."""

    store: EpisodeStore
    ledger: LedgerFollower
    stored: set[int]
    before_start: int
    waiting: deque[Label] = field(default_factory=deque)
    attempts: dict[int, Attempt] = field(default_factory=dict)
    entries: int = 0
    """Of its ledger, that have joined."""
    problem: str = ""
    """Why its ledger is not read any further."""

    def hear(self) -> str:
        """Take what is new; what is wrong with the ledger now, once."""
        if not self.problem:
            try:
                self.waiting.extend(self.ledger.new())
            except (InvalidFile, OSError) as error:
                self.problem = str(error)
                return self.problem
        return ""

    @property
    def is_next_there(self) -> bool:
        """Whether the episode of its next entry is on disk, or will never be."""
        if not self.waiting:
            return False
        number = self.waiting[0].episode
        return number in self.stored or number <= self.before_start


class JoinedRuns:
    """The robots whose runs lie in `out`; for one process that learns, and not thread-safe.

    Episodes have joint numbers, in the order in which they were first spoken of.
    """

    def __init__(self, out: Path, robots: Sequence[str], writes: bool = True) -> None:
        """Robots that joined earlier are followed too, whether or not they are among `robots`.

        `writes`: False to look only, at a run that somebody else may be learning from.

        Raises:
            DsrlError: a folder cannot be used.
            InvalidFile: the order names entries that a robot's ledger has not.
        """
        self._path, self._writes = out / JOINED, writes
        self._earlier = deque(self._read_order())
        names = dict.fromkeys([*robots, *(name for name, _ in self._earlier)])
        self._robots = {name: _opened(out / name) for name in names}
        self._places: list[tuple[str, int]] = []
        self._numbers: dict[tuple[str, int], int] = {}
        self._order: list[str] = []
        """Robot of every entry that has joined."""
        self.problems: list[str] = []
        """Ledgers that cannot be read, for people; nothing of theirs is learned from any more, and
        the others are. Whoever tells it empties it."""
        self._hear()

    @property
    def robots(self) -> tuple[str, ...]:
        return tuple(self._robots)

    def read(self, number: int) -> Episode:
        """A stored episode by its joint number, which it then bears.

        Raises:
            DsrlError: it is not on disk, or damaged; names the robot.
        """
        name, own = self.place_of(number)
        try:
            return replace(self._robots[name].store.read(own), number=number)
        except DsrlError as error:
            raise InvalidFile(f"{name}: {error}") from error

    def place_of(self, number: int) -> tuple[str, int]:
        """The robot that a joint number is of, and the episode's number there."""
        return self._places[number]

    def recorded(self, robot: str, episode: int, attempt: Attempt) -> None:
        """An episode is on disk; its number is the robot's own."""
        known = self._robots[robot]
        known.stored.add(episode)
        known.attempts[episode] = attempt

    def new(self) -> Iterator[tuple[Label, Attempt]]:
        """The entries that can be taken now, in their joint order, with what is known of the
        episode; each bears joint numbers.

        Raises:
            InvalidFile: a ledger lacks an entry that had joined.
            DsrlError: the order cannot be written.
        """
        self._hear()
        while self._earlier:
            name, entry = self._earlier[0]
            waiting = self._robots[name].waiting
            if not waiting or waiting[0].entry != entry:
                found = waiting[0].entry if waiting else self._robots[name].entries
                raise InvalidFile(
                    f"{self._path} names entry {entry} of {name}, whose ledger has {found} there"
                    + f" ({self._robots[name].problem})" * bool(self._robots[name].problem)
                )
            self._earlier.popleft()
            yield self._taken(name)
        while ready := [name for name, robot in self._robots.items() if robot.is_next_there]:
            for name in ready:
                if self._writes:
                    self._write(name, self._robots[name].waiting[0].entry)
                yield self._taken(name)

    def entries_of(self, robot: str, joined: int) -> int:
        """How many entries of this robot's ledger are among the first `joined` of the order."""
        return self._order[:joined].count(robot)

    def last_of(self, joined: int) -> str | None:
        """The robot whose entry is the last of the first `joined`; None: there is none."""
        return self._order[joined - 1] if joined else None

    def _hear(self) -> None:
        for name, robot in self._robots.items():
            if problem := robot.hear():
                self.problems.append(f"nothing more is learned from {name}: {problem}")

    def _taken(self, name: str) -> tuple[Label, Attempt]:
        robot = self._robots[name]
        label = robot.waiting.popleft()
        robot.entries += 1
        self._order.append(name)
        key = (name, label.episode)
        if key not in self._numbers:
            self._numbers[key] = len(self._places)
            self._places.append(key)
        joint = replace(label, episode=self._numbers[key], entry=len(self._order))
        return joint, robot.attempts.get(label.episode, _ON_DISK)

    def _read_order(self) -> Iterator[tuple[str, int]]:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return
        # A last line that was cut off was never learned from.
        whole = content[: content.rfind(b"\n") + 1]
        if self._writes and len(whole) < len(content):
            os.truncate(self._path, len(whole))
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = json.loads(line)
                yield str(entry["robot"]), int(entry["entry"])
            except (ValueError, KeyError, TypeError) as error:
                raise InvalidFile(
                    f"{self._path}, line {number} is no entry of the joint order: {error!r}"
                ) from error

    def _write(self, robot: str, entry: int) -> None:
        try:
            with self._path.open("a") as file:
                file.write(json.dumps({"robot": robot, "entry": entry}) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DsrlError(f"the joint order {self._path} cannot be written: {error}") from error


@dataclass(frozen=True)
class Recordings:
    """What a folder holds to learn from, be it of one robot or of several."""

    read: Callable[[int], Episode]
    numbers: tuple[int, ...]
    labels: tuple[Label, ...]
    """Every entry, in the order in which they are learned from."""

    @staticmethod
    def joined(folder: Path) -> Recordings:
        """Of a folder in which several robots' runs lie, in the order that was written down; what
        has not been learned from yet comes last.

        Raises:
            DsrlError: the folder cannot be used, or its files contradict each other.
        """
        robots = sorted(ledger.parent.name for ledger in folder.glob(f"*/{LEDGER}"))
        runs = JoinedRuns(folder, robots, writes=False)
        labels = tuple(label for label, _ in runs.new())
        return Recordings(runs.read, tuple({label.episode: 0 for label in labels}), labels)


def _opened(folder: Path) -> _Robot:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DsrlError(f"the folder {folder} cannot be used: {error}") from error
    store = EpisodeStore(folder / EPISODES)
    stored = set(store.numbers())
    return _Robot(store, LedgerFollower(folder / LEDGER), stored, max(stored, default=-1))
