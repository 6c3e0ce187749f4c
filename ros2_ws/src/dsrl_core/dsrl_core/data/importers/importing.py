"""Imports a dataset into a run's folder, episode by episode, each of them whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.importers.building import (
    build_episode,
    content_digest,
    read_images,
)
from dsrl_core.data.importers.mapping import DatasetMapping
from dsrl_core.data.importers.opening import open_dataset
from dsrl_core.data.importers.source import BadEpisode, SourceEpisode
from dsrl_core.data.importers.trajectory import read_trajectory, stride_of
from dsrl_core.data.ledger import LEDGER, LabelLedger
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Label, Outcome

AUTHOR: Final = "import"
"""In a run's folder, where the nodes look for them."""


@dataclass
class ImportReport:
    """What became of every episode of a dataset."""

    taken: list[int] = field(default_factory=list)
    """Numbers of the new episodes."""
    successes: int = 0
    """Among the new ones."""
    known: int = 0
    """Were there already."""
    refused: list[str] = field(default_factory=list)
    """For people: which, and why."""


def import_dataset(
    source: Path,
    mapping: DatasetMapping,
    policy: PolicySpec,
    out: Path,
    task: str,
    now_ns: Callable[[], int] = time.time_ns,
) -> ImportReport:
    """Add a dataset's episodes and their labels to the run in folder `out`; again adds nothing.

    Raises:
        DsrlError: the dataset as a whole cannot be read by this mapping (nothing is written then),
            or `out` cannot be written or is in use.
    """
    mapping.check_against(policy)
    with closing(open_dataset(source, mapping)) as dataset:
        stride = stride_of(dataset.fps, mapping, policy)
        store = EpisodeStore(out / EPISODES)
        with LabelLedger(out / LEDGER) as ledger:
            importer = _Importer(store, ledger, mapping, policy, stride, now_ns)
            about = {"source": mapping.format, "dataset": dataset.name, "task": task}
            for episode in dataset.episodes():
                importer.take(episode, about)
    return importer.report


class _Importer:
    def __init__(
        self,
        store: EpisodeStore,
        ledger: LabelLedger,
        mapping: DatasetMapping,
        policy: PolicySpec,
        stride: int,
        now_ns: Callable[[], int],
    ) -> None:
        self._store, self._ledger, self._now_ns = store, ledger, now_ns
        self._mapping, self._policy, self._stride = mapping, policy, stride
        self.report = ImportReport()
        self._known = {
            _identity(episode.metadata): (episode.number, episode.metadata["content"])
            for episode in map(store.read, store.numbers())
            if "dataset_episode" in episode.metadata
        }
        labelled = max((entry.episode for entry in ledger.entries), default=-1)
        self._next = max(labelled + 1, store.next_number())

    def take(self, source: SourceEpisode | BadEpisode, about: dict[str, str]) -> None:
        try:
            if isinstance(source, BadEpisode):
                raise source
            self._take(source, about)
        except BadEpisode as error:
            index = "" if isinstance(source, BadEpisode) else f"episode {source.index}: "
            self.report.refused.append(f"{about['dataset']}, {index}{error}")

    def _take(self, source: SourceEpisode, about: dict[str, str]) -> None:
        trajectory = read_trajectory(source, self._mapping, self._policy, self._stride)
        images = read_images(source, self._mapping, self._policy, trajectory)
        metadata = {
            **about,
            "dataset_episode": str(source.index),
            "dataset_task": source.task,
            "policy": self._policy.name,
            "content": content_digest(trajectory, images),
        }
        outcome = Outcome.SUCCESS if trajectory.success else Outcome.FAILURE
        known = self._known.get(_identity(metadata))
        if known is not None:
            self._confirm(*known, metadata["content"], outcome)
            return
        episode = build_episode(self._next, trajectory, images, self._policy, metadata)
        self._store.write(episode)
        self._next += 1
        self._known[_identity(metadata)] = (episode.number, metadata["content"])
        self._label(episode.number, outcome)
        self.report.taken.append(episode.number)
        self.report.successes += trajectory.success

    def _confirm(self, number: int, content: str, expected: str, outcome: Outcome) -> None:
        """It was imported before; only its label may be missing, after an interruption."""
        if content != expected:
            raise BadEpisode(
                f"episode {number} in the output folder is of the same name with other content: "
                "of another dataset of this name, or by another mapping or policy; import into a "
                "new folder"
            )
        self.report.known += 1
        if all(entry.episode != number for entry in self._ledger.entries):
            self._label(number, outcome)

    def _label(self, number: int, outcome: Outcome) -> None:
        reward = 1.0 if outcome is Outcome.SUCCESS else 0.0
        self._ledger.append(Label(number, outcome, reward, AUTHOR, self._now_ns()))


def _identity(metadata: dict[str, str]) -> tuple[str, ...]:
    return tuple(metadata.get(key, "") for key in ("source", "dataset", "dataset_episode"))
