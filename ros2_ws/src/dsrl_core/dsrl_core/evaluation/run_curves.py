"""The curves of a run: what they are called, and their points, in the report as in TensorBoard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.evaluation.budget import Activity
from dsrl_core.evaluation.run_data import EpisodeFacts, RunData
from dsrl_core.types import Mode

WINDOW: Final = 10
"""Steered episodes that a point of the curve of success is of."""

Points = tuple[tuple[int, float], ...]
"""Step and value, by rising step."""


@dataclass(frozen=True)
class Curve:
    """A curve of the report, and the scalar of TensorBoard of the same name."""

    name: str
    title: str
    step: str
    """What is counted along it."""
    points: Callable[[RunData], Points]


def _counted(run: RunData) -> list[EpisodeFacts]:
    return [e for e in run.steered if e.outcome in ("success", "failure")]


def _success(run: RunData) -> Points:
    wins = [float(episode.outcome == "success") for episode in _counted(run)]
    return tuple(
        (end, float(np.mean(wins[max(0, end - WINDOW) : end]))) for end in range(1, len(wins) + 1)
    )


def _evaluations(run: RunData) -> Points:
    return tuple(
        (place, float(episode.outcome == "success"))
        for place, episode in enumerate(_counted(run), 1)
        if episode.mode is Mode.EVAL
    )


def _frozen(run: RunData) -> Points:
    """The rate so far, at every number of labelled episodes."""
    wins = [float(e.outcome == "success") for e in run.base if e.outcome in ("success", "failure")]
    return tuple((end, float(np.mean(wins[:end]))) for end in range(1, len(wins) + 1))


def _of_episodes(value: Callable[[EpisodeFacts], float]) -> Callable[[RunData], Points]:
    """Of every episode that is labelled; none where the value is not known."""

    def points(run: RunData) -> Points:
        shown = [
            (episode.number, value(episode))
            for episode in run.episodes
            if not episode.code and episode.outcome in ("success", "failure")
        ]
        return tuple(point for point in shown if np.isfinite(point[1]))

    return points


def _minutes(activity: Activity) -> Callable[[RunData], Points]:
    """At the number of episodes so far: one point, as the time line has no other counts."""

    def points(run: RunData) -> Points:
        seconds = run.seconds.get(activity)
        return () if seconds is None else ((len(run.episodes), seconds / 60),)

    return points


SUCCESS: Final = Curve(
    "success/steered", "Success of steered episodes", "labelled steered episodes", _success
)
EVALUATIONS: Final = Curve(
    "success/evaluation", "Evaluations", "labelled steered episodes", _evaluations
)
FROZEN: Final = Curve(
    "success/frozen_policy", "Frozen policy by itself", "its labelled episodes", _frozen
)
NOISE: Final = Curve(
    "episode/noise_rms",
    "RMS of the executed noise",
    "episode",
    _of_episodes(lambda episode: episode.noise_rms),
)
VALUE: Final = Curve(
    "episode/value",
    "critic's estimate, first decision",
    "episode",
    _of_episodes(lambda episode: episode.value),
)
MINUTES: Final[Mapping[Activity, Curve]] = {
    activity: Curve(f"minutes/{activity}", str(activity), "episodes", _minutes(activity))
    for activity in Activity
}
CURVES: Final = (SUCCESS, EVALUATIONS, FROZEN, NOISE, VALUE, *MINUTES.values())
"""All of them."""
