"""A training run of the small learner over episodes in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsrl_core.learning.checkpoints import Checkpoints
from dsrl_core.learning.feed import Attempt
from dsrl_core.learning.guard import GuardConfig
from dsrl_core.learning.training_run import TrainingRun, Version
from dsrl_core.types import Episode, Label, Mode, Outcome
from tests.core.steering_setup import SMALL_SETTINGS, random_episode, small_learner

STEERING: dict[str, Any] = {
    "settings": SMALL_SETTINGS["dsrl_na"] | {"updates_first": 12, "updates_per_episode": 4}
}


def episode_of(number: int, mode: Mode = Mode.TRAIN, version: int = 0) -> Episode:
    """A random episode that ran under this version of the weights."""
    episode = random_episode(number, mode=mode)
    steps = tuple(
        replace(step, decision=replace(step.decision, weights_version=version))
        for step in episode.steps
    )
    return replace(episode, steps=steps)


def label_of(number: int, success: bool = True) -> Label:
    outcome = Outcome.SUCCESS if success else Outcome.FAILURE
    return Label(number, outcome, float(success), "test", 0)


class Operator:
    """Records and labels one episode after the other, each under the newest weights."""

    def __init__(
        self,
        folder: Path,
        guard: GuardConfig | None = None,
        checkpoints: Checkpoints | None = None,
        on_version: Callable[[Version], None] = lambda version: None,
        **steering: Any,
    ) -> None:
        self.versions: list[Version] = []
        self.episodes: dict[int, Episode] = {}
        self.labels: list[Label] = []

        def hear(version: Version) -> None:
            self.versions.append(version)
            on_version(version)

        self.run = TrainingRun(
            small_learner(folder, **(STEERING | steering)),
            self.episodes.__getitem__,
            (),
            guard,
            checkpoints,
            hear,
        )

    def attempt(self, success: bool, mode: Mode = Mode.TRAIN) -> None:
        """One more episode, learned from to the end."""
        version = self.run.present.number if self.run.present else 0
        self.take(episode_of(len(self.episodes), mode, version), success)

    def take(self, episode: Episode, success: bool = True) -> None:
        self.episodes[episode.number] = episode
        self.run.recorded(episode.number, Attempt.of(episode))
        self.say(label_of(episode.number, success))

    def say(self, label: Label) -> None:
        self.labels.append(label)
        self.run.labelled([label])
        self.work()

    def work(self) -> None:
        while self.run.is_busy:
            self.run.work()
