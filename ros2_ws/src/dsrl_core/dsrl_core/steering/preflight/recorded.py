"""Episodes and labels of a run's or an import's folder, as a preflight needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.ledger import LedgerFollower
from dsrl_core.errors import UnknownName
from dsrl_core.steering.preflight.trials import Trial, trials_of
from dsrl_core.types import Episode, Label, Outcome

EPISODES = "episodes"
LEDGER = "ledger.jsonl"


def read_recorded(folder: Path) -> tuple[Sequence[Episode], tuple[Trial, ...]]:
    """The valid episodes of a folder, and which of them are labelled trials.

    Raises:
        UnknownName: it holds no episodes.
        InvalidFile: an episode or the ledger is damaged.
    """
    store_folder = folder / EPISODES
    if not store_folder.is_dir():
        raise UnknownName("file or folder", EPISODES, _names(folder))
    store = EpisodeStore(store_folder)
    episodes = [episode for number in store.numbers() if (episode := store.read(number)).is_valid]
    return episodes, trials_of(episodes, _labels(folder / LEDGER))


def _labels(path: Path) -> dict[int, Label]:
    """What holds, by episode."""
    holds: dict[int, Label] = {}
    for label in LedgerFollower(path).new():
        if label.outcome is Outcome.UNDO:
            holds.pop(label.episode, None)
        elif label.outcome is not Outcome.MARK:
            holds[label.episode] = label
    return holds


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
