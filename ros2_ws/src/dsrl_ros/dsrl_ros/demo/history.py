"""What a run has done so far, from what is on disk; and under which versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower, standing_labels
from dsrl_core.types import Mode, Outcome

_PACKAGES: Final = (
    "dsrl_core",
    "dsrl_ros",
    "dsrl_sim",
    "ros-rclpy",
    "mujoco",
    "mink",
    "torch",
    "numpy",
)


def training_outcomes(out: Path) -> tuple[Outcome, ...]:
    """Outcomes of the labelled training episodes in a run's folder, in order."""
    labels = standing_labels(LedgerFollower(out / LEDGER).new())
    store = EpisodeStore(out / EPISODES)
    episodes = (store.read(number) for number in store.numbers() if number in labels)
    return tuple(
        labels[episode.number].outcome
        for episode in episodes
        if episode.mode is Mode.TRAIN and episode.is_valid
    )


def latencies_s(out: Path, episodes: Iterable[int]) -> list[float]:
    """Decision latencies [s] of recorded episodes."""
    store = EpisodeStore(out / EPISODES)
    return [
        step.decision.latency_s
        for number in episodes
        for step in store.read(number).steps
        if not step.decision.is_final
    ]


def versions() -> dict[str, str]:
    """Of what the result depends on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    found["rmw"] = os.environ.get("RMW_IMPLEMENTATION", "default")
    found["machine"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return found
