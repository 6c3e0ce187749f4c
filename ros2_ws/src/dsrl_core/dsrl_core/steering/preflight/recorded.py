"""Episodes and labels of a run's or an import's folder, as a preflight needs them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower, standing_labels
from dsrl_core.errors import UnknownName
from dsrl_core.steering.preflight.trials import Trial, trials_of
from dsrl_core.types import Episode


def read_recorded(
    folder: Path, numbers: Container[int] | None = None
) -> tuple[Sequence[Episode], tuple[Trial, ...]]:
    """The valid episodes of a folder, and which of them are labelled trials; `numbers`: of those
    only.

    Raises:
        UnknownName: it holds no episodes.
        InvalidFile: an episode or the ledger is damaged.
    """
    store_folder = folder / EPISODES
    if not store_folder.is_dir():
        raise UnknownName("file or folder", EPISODES, _names(folder))
    store = EpisodeStore(store_folder)
    wanted = [number for number in store.numbers() if numbers is None or number in numbers]
    episodes = [episode for number in wanted if (episode := store.read(number)).is_valid]
    return episodes, trials_of(episodes, standing_labels(LedgerFollower(folder / LEDGER).new()))


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
