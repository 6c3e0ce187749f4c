"""Finds what is wrong in a folder of episodes, and saves what can be saved.

Nothing is thrown away: whatever is replaced lies in `interrupted/` afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader

from dsrl_core.data.checksums import changed_since
from dsrl_core.data.decision_codec import codec_for, own_codec
from dsrl_core.data.episode_store import (
    INTERRUPTED,
    METADATA_TOPIC,
    STEP_TOPIC,
    EpisodeStore,
    decisions_file,
    episode_of,
    free_name,
)
from dsrl_core.errors import DsrlError
from dsrl_core.status import INVALID
from dsrl_core.types import DecisionStep, Episode, Mode

_REMAINS: Final = re.compile(r"episode_(\d{6,})\b.*")


@dataclass(frozen=True)
class Finding:
    """What is wrong with an episode, or with what is said of it."""

    episode: int
    problem: str


@dataclass(frozen=True)
class Repair:
    """What became of a damaged or interrupted episode."""

    episode: int
    source: Path
    """Where the remains are now."""
    result: str
    """For people."""
    is_back: bool
    """Whether the episode is in the store again."""


@dataclass
class _Salvaged:
    """Everything in a bag up to its first broken record."""

    steps: dict[int, DecisionStep] = field(default_factory=dict)
    about: dict[str, Any] | None = None

    @property
    def unbroken(self) -> list[DecisionStep]:
        """The steps from the first on, as far as none is missing."""
        steps: list[DecisionStep] = []
        while len(steps) in self.steps:
            steps.append(self.steps[len(steps)])
        return steps


def verify(store: EpisodeStore) -> Iterator[Finding]:
    """Read every episode; tell those that are not what was written."""
    for number in store.numbers():
        try:
            episode = store.read(number)
        except DsrlError as error:
            yield Finding(number, str(error))
            continue
        if problem := _problem_of(episode, number):
            yield Finding(number, problem)
        elif changed := changed_since(store.path_of(number)):
            told = ", ".join(f"{name} {what}" for name, what in changed.items())
            yield Finding(number, f"its raw topics are damaged, its decisions are not: {told}")


def repair(store: EpisodeStore) -> Iterator[Repair]:
    """Put back, as far as it can be read, what is damaged or was interrupted while it was written.

    An episode with its closing record is whole again; without, or where its records were changed
    after they were written, it is there as invalid, never to be trained on. Nobody may write to the
    store meanwhile.

    Raises:
        DsrlError: the folder cannot be written.
    """
    aside = store.folder / INTERRUPTED
    for finding in list(verify(store)):
        aside.mkdir(exist_ok=True)
        path = store.path_of(finding.episode)
        path.rename(free_name(aside / path.name))
    for remains in sorted(aside.iterdir()) if aside.is_dir() else ():
        match = _REMAINS.fullmatch(remains.name)
        if match and int(match[1]) not in store.numbers():
            yield _restore(store, int(match[1]), remains)


def _restore(store: EpisodeStore, number: int, remains: Path) -> Repair:
    bag = decisions_file(remains)
    salvaged = _salvage(bag) if bag else _Salvaged()
    steps = salvaged.unbroken
    if bag is None or (not steps and salvaged.about is None):
        return Repair(number, remains, "nothing of it can be read", False)
    episode = _episode_of(number, salvaged.about, steps)
    is_changed = bag.name in changed_since(bag.parent)
    if salvaged.about is not None and not is_changed and not _problem_of(episode, number):
        store.write(episode)
        return Repair(number, remains, f"whole: {len(steps) - 1} decisions", True)
    decisions = tuple(step for step in steps if not step.decision.is_final)
    reason = f"repaired: only its first {len(decisions)} decisions could be read"
    if is_changed:
        reason = f"repaired: {len(decisions)} decisions of a file that was changed can be read"
    told = episode.metadata | {"invalid": reason}
    store.write(Episode(number, episode.mode, episode.seed, decisions, INVALID, told))
    return Repair(number, remains, f"invalid, {reason}", True)


def _episode_of(number: int, about: dict[str, Any] | None, steps: list[DecisionStep]) -> Episode:
    if about is not None:
        return episode_of(about, steps)
    seed = steps[0].decision.seed
    return Episode(number, Mode.BASE, seed, tuple(steps), INVALID, {"mode": "unknown"})


def _problem_of(episode: Episode, number: int) -> str:
    if episode.number != number:
        return f"it says that it is episode {episode.number}"
    sequence = [step.decision.sequence for step in episode.steps]
    if sequence != list(range(len(sequence))):
        return f"its decisions are {sequence}; expected one after the other, each once"
    strangers = {s.decision.episode for s in episode.steps} - {number}
    if strangers:
        return f"decisions of episode {min(strangers)} are among its own"
    final = [step.decision.is_final for step in episode.steps]
    if episode.is_valid and (not final or not final[-1] or any(final[:-1])):
        return "its closing record is missing, or not the last"
    return ""


def _salvage(path: Path) -> _Salvaged:
    """Read the records of a bag's file as they come; an index, at its end, is not needed."""
    found = _Salvaged()
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    with path.open("rb") as file:
        try:
            for record in StreamReader(file, validate_crcs=True).records:
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    channels[record.id] = record
                elif isinstance(record, Message):
                    channel = channels[record.channel_id]
                    _take(found, channel.topic, schemas[channel.schema_id], record.data)
        except Exception:  # what is broken can raise anything; what came before it counts
            return found
    return found


def _take(found: _Salvaged, topic: str, schema: Schema, data: bytes) -> None:
    if topic == METADATA_TOPIC:
        found.about = json.loads(own_codec().decode_text(data))
    elif topic == STEP_TOPIC:
        step = codec_for(schema.data.decode()).decode(data)
        found.steps[step.decision.sequence] = step
