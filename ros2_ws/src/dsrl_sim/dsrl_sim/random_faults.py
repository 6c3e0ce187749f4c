"""Random faults in a graph that learns, and what must be true after them.

Processes are ended or frozen, files damaged and the disk filled at random moments, on every side.
Whatever happened: what was labelled is what is learned from, nothing twice, and nothing is left. A
graph that gives up, as one without its simulator does, is started again on its folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower, standing_labels
from dsrl_core.errors import DsrlError
from dsrl_core.types import Mode, Outcome
from dsrl_ros.session import EpisodeResult, GraphSession, SessionOptions
from dsrl_sim.striking import Faults, Strike

_PEACE: Final = 14  # episodes before the first fault: the learner is to have learned something
_SETTLE_S: Final = 240.0
_COUNTS: Final = (Outcome.SUCCESS, Outcome.FAILURE)


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


class _Enough(Exception):
    pass


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
            striking = Faults(session, out, draw, faults - len(found.strikes), options.realtime)
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
    in_peace(task, out, seed, options, tell, found)
    return found


def in_peace(
    task: str,
    out: Path,
    seed: int,
    options: SessionOptions,
    tell: Callable[[str], None],
    found: Findings,
) -> None:
    """A last start without faults, told in `found`: whatever is on disk is learned, and is all that
    is learned.

    Raises:
        DsrlError: the graph does not start.
    """
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
