"""Episodes of ours as a dataset of another format, with the mapping that reads it back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import yaml

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.importers.lerobot_export import LeRobotWriter
from dsrl_core.data.importers.robomimic_export import RobomimicWriter
from dsrl_core.data.importers.steps import EpisodeSteps, LeftOut, steps_of
from dsrl_core.data.ledger import LEDGER, LedgerFollower
from dsrl_core.errors import DsrlError
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Episode, Label

Format = Literal["lerobot", "robomimic"]


class DatasetWriter(Protocol):
    """Writes a dataset of one format at a path, made for a policy, with images or without."""

    @property
    def reward(self) -> str:
        """The column of rewards."""

    def add(self, index: int, steps: EpisodeSteps) -> None:
        """Write an episode."""

    def finish(self) -> None:
        """Write what is said of all of them, and close everything."""

    def mapping(self) -> dict[str, Any]:
        """What a mapping file has to say of it."""


_WRITERS: Final[dict[Format, Callable[[Path, PolicySpec, bool], DatasetWriter]]] = {
    "lerobot": LeRobotWriter,
    "robomimic": RobomimicWriter,
}
MAPPING_SUFFIX: Final = ".mapping.yaml"
"""After the dataset's name: the mapping lies beside it."""


@dataclass
class ExportReport:
    """What became of every episode of a run."""

    written: list[int] = field(default_factory=list)
    """Numbers, in the dataset's order."""
    left_out: list[str] = field(default_factory=list)
    """For people: which, and why."""
    cameras_left_out: bool = False
    """Images are recorded at decisions; the formats want one at every action."""
    mapping: Path = Path()
    """The file by which it can be imported again."""


def export_episodes(
    episodes: Iterable[tuple[Episode, Label | None]],
    policy: PolicySpec,
    task: str,
    format: Format,
    out: Path,
) -> ExportReport:
    """Write labelled, valid episodes to a new dataset `out`: whole, or not at all.

    Raises:
        DsrlError: `out` exists or cannot be written, none of the episodes can be exported, or the
            library that writes the format is not installed.
    """
    if out.exists():
        raise DsrlError(f"{out} exists already; give a name that does not")
    report = ExportReport()
    steps: list[EpisodeSteps] = []
    for episode, label in episodes:
        try:
            steps.append(steps_of(episode, label, policy, task))
            report.written.append(episode.number)
        except LeftOut as error:
            report.left_out.append(f"episode {episode.number} {error}")
    if not steps:
        raise DsrlError("\n  ".join(["there is nothing to export", *report.left_out]))
    with_images = bool(policy.cameras) and all(one.images is not None for one in steps)
    report.cameras_left_out = bool(policy.cameras) and not with_images
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that it appears there whole.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        part = Path(folder) / out.name
        try:
            writer = _WRITERS[format](part, policy, with_images)
            for index, one in enumerate(steps):
                writer.add(index, one)
            writer.finish()
            mapping = part.with_name(part.name + MAPPING_SUFFIX)
            mapping.write_text(_mapping_of(format, writer, steps))
            report.mapping = mapping.replace(out.with_name(mapping.name))
            part.rename(out)
        except OSError as error:
            raise DsrlError(f"{out} could not be written: {error}") from error
    return report


def _mapping_of(format: Format, writer: DatasetWriter, steps: Sequence[EpisodeSteps]) -> str:
    """The mapping file by which the dataset can be imported again."""
    mapping: dict[str, Any] = {"format": format, **writer.mapping()}
    if all(one.has_rewards for one in steps):
        mapping["reward"] = writer.reward
    return str(yaml.safe_dump(mapping, sort_keys=False))


def export_run(
    folder: Path, policy: PolicySpec, task: str, format: Format, out: Path
) -> ExportReport:
    """Export the run in `folder`; see `export_episodes`.

    Raises:
        DsrlError: as there, or `folder` holds no episodes.
    """
    if not (folder / EPISODES).is_dir():
        raise DsrlError(f"there are no episodes in {folder}: expected a folder {EPISODES} there")
    store = EpisodeStore(folder / EPISODES)
    labels = {label.episode: label for label in LedgerFollower(folder / LEDGER).new()}
    found = ((store.read(number), labels.get(number)) for number in store.numbers())
    return export_episodes(found, policy, task, format, out)
