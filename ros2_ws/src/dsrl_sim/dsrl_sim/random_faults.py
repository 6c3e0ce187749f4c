"""Random faults in a graph that learns, and what must be true after them.

Processes are ended or frozen, files damaged and the disk filled at random moments, on every side.
Whatever happened: what was labelled is what is learned from, nothing twice, and nothing is left. A
graph that gives up, as one without its simulator does, is started again on its folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower, standing_labels
from dsrl_core.errors import DsrlError
from dsrl_core.learning.run_record import CHECKPOINTS
from dsrl_core.types import Mode, Outcome
from dsrl_ros.session import EpisodeResult, GraphSession, SessionOptions

_PEACE: Final = 14  # episodes before the first fault: the learner is to have learned something
_PAUSE_S: Final = (0.1, 3.0)
"""Between two faults."""
_ONE_BY_ONE: Final = 0.8
"""Share of faults after which the next one waits until an episode was finished, for so long:"""
_PATIENCE_S: Final = 60.0
_FROZEN_S: Final = (0.3, 3.0)
_FULL_S: Final = (2.0, 6.0)
_SMALL_DISK_BYTES: Final = 10**9
_SETTLE_S: Final = 240.0
_COUNTS: Final = (Outcome.SUCCESS, Outcome.FAILURE)


@dataclass(frozen=True)
class Strike:
    """A fault, and how long it took until an episode was over whose start lay behind it."""

    kind: str
    node: str
    resumed_s: float


@dataclass
class Findings:
    """What a series of faults came to; `problems` is empty if all is as it must be."""

    strikes: list[Strike] = field(default_factory=list)
    starts: int = 0
    """Of the whole graph."""
    given_up: list[str] = field(default_factory=list)
    """Why graphs ended, by the first line."""
    episodes: int = 0
    labelled: int = 0
    """Training episodes that count, by ledger and disk."""
    learned: int = 0
    """Those that the learner has."""
    problems: list[str] = field(default_factory=list)


FLIPPED_BIT: Final = "SIGKILL, bit of a checkpoint"
CUT_LINE: Final = "SIGKILL, half a line in the ledger"
FULL_DISK: Final = "full disk"


class _Enough(Exception):
    pass


class Faults(threading.Thread):
    """Strikes a running session until it is told to end."""

    def __init__(
        self, session: GraphSession, out: Path, draw: np.random.Generator, left: int
    ) -> None:
        super().__init__(daemon=True)
        self._session, self._out, self._draw, self._left = session, out, draw, left
        self._nodes = [node.name for node in session.graph.nodes]
        self._ending, self._worked = threading.Event(), threading.Event()
        self._open: list[tuple[str, str, float]] = []
        self.done: list[Strike] = []

    @property
    def are_spent(self) -> bool:
        return self._left <= 0

    def end(self) -> None:
        """No further fault; those that nothing came after are told with an infinite time."""
        self._ending.set()
        self._worked.set()
        if self.ident is not None:
            self.join()
        self.done += [Strike(kind, node, float("inf")) for kind, node, _ in self._open]
        self._open = []

    def episode_over(self) -> None:
        """An episode was recorded and labelled: what was struck works again."""
        self._worked.set()
        now_s = time.monotonic()
        recovered, self._open = self._open, []
        self.done += [Strike(kind, node, now_s - at_s) for kind, node, at_s in recovered]

    def run(self) -> None:
        while self._left > 0 and not self._ending.wait(self._draw.uniform(*_PAUSE_S)):
            node = str(self._draw.choice(self._nodes))
            if node == "franka_sim" and self._draw.random() < 0.8:
                continue  # the graph ends with it
            self._worked.clear()
            self._strike(node)
            if self._draw.random() < _ONE_BY_ONE:
                self._worked.wait(_PATIENCE_S)

    def _strike(self, node: str) -> None:
        process = self._session.process_id(node)
        if process is None:
            return
        self._left -= 1
        kind = self._kind_for(node)
        self._open.append((kind, "" if kind == FULL_DISK else node, time.monotonic()))
        if kind == FULL_DISK:
            self._fill_disk()
            return
        try:
            if kind == "SIGSTOP":
                os.kill(process, signal.SIGSTOP)
                self._ending.wait(self._draw.uniform(*_FROZEN_S))
                os.kill(process, signal.SIGCONT)
                return
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return  # it died of something else meanwhile
        if kind == FLIPPED_BIT:
            self._flip_bit()
        elif kind == CUT_LINE:
            with (self._out / LEDGER).open("ab") as file:
                file.write(b'{"episode": 3, "outcome": "suc')

    def _kind_for(self, node: str) -> str:
        chance = self._draw.random()
        if chance < 0.6:
            return "SIGKILL"
        if chance < 0.8:
            return "SIGSTOP"
        if node == "learner":
            return FLIPPED_BIT
        if node == "episode_manager":
            return CUT_LINE
        return FULL_DISK if self._can_fill_disk and chance > 0.9 else "SIGKILL"

    @property
    def _can_fill_disk(self) -> bool:
        """Whether the run lies on a small disk of its own, which may be filled."""
        return shutil.disk_usage(self._out).total < _SMALL_DISK_BYTES

    def _fill_disk(self) -> None:
        ballast = self._out / "ballast"
        try:
            with ballast.open("wb") as file, suppress(OSError):
                while True:
                    file.write(bytes(2**20))
            self._ending.wait(self._draw.uniform(*_FULL_S))
        finally:
            ballast.unlink()

    def _flip_bit(self) -> None:
        """Of a file that learning goes on from, of which its owner must notice it."""
        memories = sorted((self._out / CHECKPOINTS).glob("*.safetensors"))
        if memories:
            path = memories[int(self._draw.integers(len(memories)))]
            try:
                with path.open("r+b") as file:
                    file.seek(-int(self._draw.integers(1, 64)), os.SEEK_END)
                    byte = file.read(1)
                    file.seek(-1, os.SEEK_CUR)
                    file.write(bytes([byte[0] ^ 1]))
            except OSError:
                pass  # its owner has taken it away


def torment(
    task: str,
    out: Path,
    seed: int,
    faults: int,
    options: SessionOptions,
    tell: Callable[[str], None],
) -> Findings:
    """Learn under so many faults, then in peace until all is learned; what is found then.

    Raises:
        DsrlError: the graph does not start.
    """
    draw, found = np.random.default_rng(seed), Findings()
    while len(found.strikes) < faults:
        found.starts += 1
        with GraphSession(task, out, seed, options, tell) as session:
            striking = Faults(session, out, draw, faults - len(found.strikes))
            results: list[EpisodeResult] = []

            def after(
                result: EpisodeResult,
                striking: Faults = striking,
                results: list[EpisodeResult] = results,
            ) -> None:
                results.append(result)
                striking.episode_over()
                if striking.are_spent:
                    raise _Enough

            try:
                if found.starts == 1:
                    results += session.run(Mode.TRAIN, _PEACE)
                striking.start()
                session.run(Mode.TRAIN, 10_000, _next(out), after)
            except _Enough:
                pass
            except DsrlError as error:
                found.given_up.append(str(error).splitlines()[0])
            finally:
                striking.end()
        found.strikes += striking.done
        found.problems += _lost(out, results)
        tell(f"{len(found.strikes)} of {faults} faults, {_next(out)} episodes")
    _in_peace(task, out, seed, options, tell, found)
    return found


def _in_peace(
    task: str,
    out: Path,
    seed: int,
    options: SessionOptions,
    tell: Callable[[str], None],
    found: Findings,
) -> None:
    """A last start without faults: whatever is on disk is learned, and is all that is learned."""
    found.starts += 1
    with GraphSession(task, out, seed, options, tell) as session:
        found.problems += _lost(out, session.run(Mode.TRAIN, 3, _next(out)))
        entries = len(LedgerFollower(out / LEDGER).new())
        until_s = time.monotonic() + _SETTLE_S
        while True:
            status = session.learner_status
            if status.ledger_entries == entries and status.updates_pending == 0:
                break
            if time.monotonic() > until_s:
                found.problems.append(
                    f"the learner has taken {status.ledger_entries} of {entries} labels"
                )
                break
            session.check()
            session.client.serve(0.1)
        found.learned = status.episodes
    found.episodes, found.labelled = _next(out), len(_countable(out))
    if found.learned != found.labelled:
        found.problems.append(
            f"{found.labelled} training episodes are labelled, {found.learned} are learned from"
        )


def _countable(out: Path) -> set[int]:
    """Valid training episodes on disk whose label is success or failure."""
    store = EpisodeStore(out / EPISODES)
    labels = standing_labels(LedgerFollower(out / LEDGER).new())
    found = set()
    for number in store.numbers():
        label = labels.get(number)
        if label is not None and label.outcome in _COUNTS:
            episode = store.read(number)
            if episode.is_valid and episode.mode is Mode.TRAIN:
                found.add(number)
    return found


def _lost(out: Path, results: list[EpisodeResult]) -> list[str]:
    """What was told of an episode and is not on disk, or otherwise."""
    stored = set(EpisodeStore(out / EPISODES).numbers())
    labels = standing_labels(LedgerFollower(out / LEDGER).new())
    problems = []
    for result in results:
        if result.episode not in stored:
            problems.append(f"episode {result.episode} was recorded and is not on disk")
        label = labels.get(result.episode)
        if label is None or label.outcome is not result.outcome:
            held = "nothing" if label is None else str(label.outcome)
            problems.append(f"episode {result.episode} was {result.outcome}, the ledger has {held}")
    return problems


def _next(out: Path) -> int:
    return EpisodeStore(out / EPISODES).next_number()
