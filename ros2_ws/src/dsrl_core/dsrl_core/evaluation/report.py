"""report.html: one file that tells a run to somebody who was not there; nothing is loaded by it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.rendering import rendered
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.evaluation.summary import Measured, Settings, Summary
from dsrl_core.types import Outcome

REPORT_FILE: Final = "report.html"
CURVE: Final = "learning_curve"
FILM: Final = "before_and_after"
"""Keys of `Summary.files` that the report shows as pictures; the film is an animated one."""

EMBED_MAX_BYTES: Final = 6_000_000
"""A larger picture is linked beside the report instead of being put into it."""
GROUP: Final = 10
"""Training episodes per line of the table of training outcomes."""

_ROWS: Final = (
    (Measured.BASE, "Base policy", "noise from N(0, I): the frozen policy as it was made"),
    (Measured.ZERO_NOISE, "Zero noise", "always w = 0"),
    (Measured.STEERED, "Steered", "greedy search over noises, as deployed"),
    (Measured.ACTOR, "Distilled actor", "the actor's noise alone, without the search"),
    (
        Measured.ORACLE,
        "Oracle, best of 64",
        "64 noises decoded, the best chosen by the simulator's truth: is the policy steerable?",
    ),
)
_MIME: Final = {".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True)
class Row:
    """A line of the table of rates."""

    name: str
    meaning: str
    key: str
    count: SuccessCount | None


@dataclass(frozen=True)
class Group:
    """Some training episodes in a row."""

    first: int
    outcomes: Sequence[Outcome]

    @property
    def last(self) -> int:
        return self.first + len(self.outcomes) - 1

    @property
    def successes(self) -> int:
        return sum(outcome is Outcome.SUCCESS for outcome in self.outcomes)


@dataclass(frozen=True)
class Media:
    """A picture: `source` is a data URI or a file beside the report."""

    source: str
    name: str
    embedded: bool


def render_report(summary: Summary, folder: Path) -> str:
    """The report as HTML; pictures are read from `folder` by `summary.files`."""
    return rendered(
        "report.html.j2",
        s=summary,
        base=summary.count(Measured.BASE),
        steered=summary.count(Measured.STEERED),
        rows=[Row(name, meaning, what, summary.count(what)) for what, name, meaning in _ROWS],
        settings={f.name: getattr(summary.settings, f.name) for f in fields(Settings)},
        groups=_groups(summary.training_outcomes),
        curve=_media(summary, CURVE, folder),
        film=_media(summary, FILM, folder),
    )


def write_report(summary: Summary, folder: Path) -> Path:
    """Render report.html into the run's folder.

    Raises:
        DsrlError: it cannot be written.
    """
    path = folder / REPORT_FILE
    try:
        path.write_text(render_report(summary, folder))
    except OSError as error:
        raise DsrlError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _groups(outcomes: Sequence[Outcome]) -> list[Group]:
    return [Group(i + 1, outcomes[i : i + GROUP]) for i in range(0, len(outcomes), GROUP)]


def _media(summary: Summary, key: str, folder: Path) -> Media | None:
    name = summary.files.get(key)
    if name is None or not (folder / name).is_file():
        return None
    path = folder / name
    if path.stat().st_size > EMBED_MAX_BYTES:
        return Media(name, name, embedded=False)
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return Media(f"data:{_MIME[path.suffix]};base64,{data}", name, embedded=True)
