"""Episodes that were recorded before a run: demonstrations, another robot's, an earlier run's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower, standing_labels
from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.learning.learner import TASK_KEY, Learner
from dsrl_core.types import Label, Mode

"""In a run's folder."""


@dataclass(frozen=True)
class Prior:
    """A folder of episodes and what was said of them in the end."""

    folder: Path
    store: EpisodeStore
    labels: dict[int, Label]
    """By episode, in the order in which they were first labelled."""

    @staticmethod
    def of(folder: Path) -> Prior:
        """
        Raises:
            InvalidFile: it is no folder of a run.
        """
        labels = standing_labels(read_ledger(folder))
        return Prior(folder, EpisodeStore(folder / EPISODES), labels)

    def feed(self, learner: Learner, source: int) -> list[str]:
        """Give all to a learner as of this source; what was refused, for people."""
        refused = []
        for number, label in self.labels.items():
            try:
                episode = self.store.read(number)
                if episode.mode is Mode.TRAIN and episode.is_valid:
                    learner.add_episode(episode, source)
                    learner.set_label(label, episode.metadata.get(TASK_KEY), source)
            except DsrlError as error:
                refused.append(f"{self.folder}: {error}")
        return refused


def read_ledger(folder: Path) -> tuple[Label, ...]:
    """Every entry of the ledger in a run's folder.

    Raises:
        InvalidFile: it is no folder of a run, or a line is no entry.
    """
    for name in (LEDGER, EPISODES):
        if not (folder / name).exists():
            raise InvalidFile(
                f"{folder} is no folder of a run: it has no {name}; expected {LEDGER} and "
                f"{EPISODES}/, as runs and ./dsrl episodes import make them"
            )
    return LedgerFollower(folder / LEDGER).new()
