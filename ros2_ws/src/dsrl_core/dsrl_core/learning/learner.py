"""The training loop beside the robot: episodes and labels in, updates, versioned weights out.

It owes a fixed number of updates for every labelled episode, so that what is learned depends on the
episodes and not on how fast the machine or the robot is; whoever calls `update` decides when.
"""

from __future__ import annotations

from dsrl_core.data.replay import Replay
from dsrl_core.learning import make_algorithm
from dsrl_core.learning.dsrl_na import Metrics
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.specs import TaskSpec
from dsrl_core.steering.steering_model import ModelContext
from dsrl_core.types import Episode, Label, Mode


class Learner:
    """One task's learner; not thread-safe."""

    def __init__(self, task: TaskSpec, policy: PolicyBackend, run_seed: int) -> None:
        context = ModelContext.of(task, policy.spec)
        self.algorithm = make_algorithm(
            task.steering.algorithm, context, policy, task.reward, run_seed
        )
        self._warm_up = task.steering.warm_up_episodes
        self._replay = Replay(task.reward, policy.spec.horizon)
        self._stale = False
        self.updates = 0
        self.weights_version = 0
        self._published_updates = 0

    @property
    def episodes(self) -> int:
        """Labelled episodes that count."""
        return len(self._replay.trainable())

    @property
    def updates_due(self) -> int:
        """Updates that the episodes so far are worth: none before the warm-up is complete."""
        config, count = self.algorithm.config, self.episodes
        if count < self._warm_up:
            return 0
        return config.updates_first + config.updates_per_episode * (count - self._warm_up)

    @property
    def updates_pending(self) -> int:
        return max(0, self.updates_due - self.updates)

    def add_episode(self, episode: Episode) -> None:
        """Take a recorded training episode; those of other modes are measurements."""
        if episode.mode is Mode.TRAIN:
            self._replay.add(episode)
            self._stale = True

    def set_label(self, label: Label) -> None:
        """Follow one ledger entry; entries come in the ledger's order."""
        self._replay.label(label)
        self._stale = True

    def update(self, count: int) -> dict[str, float]:
        """Up to `count` of the pending updates; the last one's metrics, or none."""
        count = min(count, self.updates_pending)
        if count and self._stale:
            numbers = self._replay.trainable()
            self.algorithm.set_data({n: self._replay.transitions([n]) for n in numbers})
            self._stale = False
        metrics: Metrics = {}
        for _ in range(count):
            metrics = self.algorithm.update()
        self.updates += count
        return {name: float(value.detach()) for name, value in metrics.items()}

    def weights(self) -> tuple[int, bytes]:
        """Version and bytes for the noise actor; a new version only after new updates."""
        if self.updates > self._published_updates:
            self.weights_version += 1
            self._published_updates = self.updates
        return self.weights_version, self.algorithm.model.to_bytes()
