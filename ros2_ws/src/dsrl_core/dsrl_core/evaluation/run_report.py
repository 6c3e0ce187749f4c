"""`./dsrl report`: one HTML file that tells a run, or several side by side; it loads nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.ab_report import said_of
from dsrl_core.evaluation.budget import Activity, busy_s
from dsrl_core.evaluation.rate_difference import RateDifference
from dsrl_core.evaluation.rendering import rendered
from dsrl_core.evaluation.run_curves import EVALUATIONS, FROZEN, MINUTES, NOISE, SUCCESS, VALUE
from dsrl_core.evaluation.run_data import EpisodeFacts, RunData
from dsrl_core.evaluation.run_figures import (
    curve_figure,
    diagnostics_figure,
    film_strip,
    tool_path,
    tool_points,
)
from dsrl_core.evaluation.run_progress import RECENT
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Label, Mode, Outcome, UInt8Array

STRIPS: Final = 12
"""Failures, the latest, of which a film strip is shown."""
_PERSON: Final = (Activity.LABELLING, Activity.WAITING_PERSON)


@dataclass(frozen=True)
class RateRow:
    """A line of the table of rates."""

    name: str
    count: SuccessCount


@dataclass(frozen=True)
class TimeRow:
    """What a share of the time went into."""

    activity: Activity
    minutes: float
    share: float


@dataclass(frozen=True)
class Correction:
    """A word that another one replaced or took back."""

    episode: int
    before: Label
    after: Label


@dataclass(frozen=True)
class Strip:
    """A failure to look at."""

    episode: EpisodeFacts
    source: str
    """Data URI of its pictures; empty where none were recorded."""
    path: str
    """SVG of the tool's way; empty where that is not known either."""


@dataclass(frozen=True)
class Chapter:
    """What is told of one run."""

    run: RunData
    rates: Sequence[RateRow]
    times: Sequence[TimeRow]
    corrections: Sequence[Correction]
    marks: Sequence[Label]
    strips: Sequence[Strip]
    diagnostics: str
    separation: float
    """Probability that a success had a higher estimate than a failure; NaN: not known."""
    latency_ms: tuple[float, float] | None
    """Median and 99 % of the decisions."""
    preflight: Mapping[str, Any] | None

    @property
    def busy_minutes(self) -> float:
        return busy_s(self.run.seconds) / 60

    @property
    def person_minutes(self) -> float:
        return sum(self.run.seconds.get(activity, 0.0) for activity in _PERSON) / 60

    @property
    def labelled(self) -> int:
        return sum(episode.outcome in ("success", "failure") for episode in self.run.episodes)

    @property
    def episodes_per_hour(self) -> float:
        return 60 * self.labelled / self.busy_minutes if self.busy_minutes else math.nan

    @property
    def settings(self) -> dict[str, object]:
        """What the learner wrote of itself, each value under a name of its own."""
        return dict(_flat("", self.run.about))

    def outcomes(self, outcome: str) -> int:
        return sum(episode.outcome == outcome for episode in self.run.episodes)


def render_run_report(
    runs: Sequence[RunData], policies: Mapping[str, PolicySpec], versions: Mapping[str, str]
) -> str:
    """The report as HTML.

    `policies`: by name, so that the tool's way can be drawn where no pictures were recorded;
    `versions`: of what made the report.
    """
    chapters = [_chapter(run, policies) for run in runs]
    return rendered(
        "run_report.html.j2",
        chapters=chapters,
        curve=curve_figure(runs),
        latest=RECENT,
        success_names=[curve.name for curve in (SUCCESS, EVALUATIONS, FROZEN)],
        diagnostics_names=[curve.name for curve in (NOISE, VALUE)],
        minutes_names={activity: curve.name for activity, curve in MINUTES.items()},
        differences=[
            RateDifference.of(chapters[0].run.name, _end(runs[0]), run.name, _end(run))
            for run in runs[1:]
        ],
        versions=versions,
        isnan=math.isnan,
        said_of=said_of,
    )


def write_run_report(
    runs: Sequence[RunData],
    policies: Mapping[str, PolicySpec],
    versions: Mapping[str, str],
    path: Path,
) -> Path:
    """Render the report into a file.

    Raises:
        DsrlError: it cannot be written.
    """
    try:
        path.write_text(render_run_report(runs, policies, versions))
    except OSError as error:
        raise DsrlError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _chapter(run: RunData, policies: Mapping[str, PolicySpec]) -> Chapter:
    latencies = sorted(value for episode in run.episodes for value in episode.latencies_s)
    told = None
    if latencies:
        told = (1e3 * median(latencies), 1e3 * latencies[int(0.99 * (len(latencies) - 1))])
    return Chapter(
        run,
        _rates(run),
        _times(run),
        _corrections(run),
        [entry for entry in run.entries if entry.outcome is Outcome.MARK],
        _strips(run, policies.get(run.about.get("policy", ""))),
        diagnostics_figure(run) if run.episodes else "",
        _separation(run),
        told,
        _preflight(run.folder),
    )


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _end(run: RunData) -> SuccessCount:
    counted = [e for e in run.steered if e.outcome in ("success", "failure")]
    return run.count(counted[-RECENT:])


def _rates(run: RunData) -> list[RateRow]:
    steered = run.steered
    of_mode = {mode: [e for e in run.episodes if e.mode is mode and not e.code] for mode in Mode}
    rows = [
        RateRow("frozen policy by itself", run.count(run.base)),
        RateRow("zero noise", run.count(of_mode[Mode.ZERO])),
        RateRow(
            "steered, while it learned", run.count([e for e in steered if e.mode is Mode.TRAIN])
        ),
        RateRow("steered, evaluations", run.count([e for e in steered if e.mode is Mode.EVAL])),
        RateRow("distilled actor alone", run.count(of_mode[Mode.ACTOR])),
        RateRow(f"steered, latest {RECENT}", _end(run)),
    ]
    return [row for row in rows if row.count.trials]


def _times(run: RunData) -> list[TimeRow]:
    total = sum(run.seconds.values())
    return [
        TimeRow(activity, seconds / 60, seconds / total)
        for activity, seconds in sorted(run.seconds.items(), key=lambda item: -item[1])
    ]


def _corrections(run: RunData) -> list[Correction]:
    return [
        Correction(episode.number, before, after)
        for episode in run.episodes
        for before, after in pairwise(e for e in episode.said if e.outcome is not Outcome.MARK)
    ]


def _strips(run: RunData, policy: PolicySpec | None) -> list[Strip]:
    failures = [e for e in run.episodes if e.outcome == "failure" and not e.code][-STRIPS:]
    columns = _tool_columns(policy)
    strips = []
    for episode in failures:
        frames = _newest(episode.frames, policy) or episode.film
        source = film_strip(frames) if frames else ""
        has_way = not source and columns is not None and len(episode.observations) > 1
        path = tool_path(tool_points(episode, columns)) if has_way and columns else ""
        strips.append(Strip(episode, source, path))
    return strips


def _newest(frames: Sequence[UInt8Array], policy: PolicySpec | None) -> Sequence[UInt8Array]:
    """Without the observations before, which stand at the right."""
    steps = policy.observation_steps if policy else 1
    return [frame[:, : frame.shape[1] // steps] for frame in frames]


def _tool_columns(policy: PolicySpec | None) -> slice | None:
    """Of the tool's position in an observation."""
    offset = 0
    for part in policy.observation if policy else ():
        if part.name == "tool_position":
            return slice(offset, offset + part.size)
        offset += part.size
    return None


def _separation(run: RunData) -> float:
    """Of first estimates, successes against failures, ties counted half."""
    valued = [e for e in run.steered if math.isfinite(e.value)]
    good = [e.value for e in valued if e.outcome == "success"]
    bad = [e.value for e in valued if e.outcome == "failure"]
    if not good or not bad:
        return math.nan
    return fmean((g > b) + 0.5 * (g == b) for g in good for b in bad)


def _preflight(folder: Path) -> Mapping[str, Any] | None:
    path = folder / "preflight.json"
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
