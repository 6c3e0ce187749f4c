"""Learns beside the robot: recorded episodes and labels in, versioned weights out.

Updates run in slices on a timer, so that messages are served between them and the robot never
waits for a lock.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.ledger import LedgerFollower
from dsrl_core.learning.feed import LearnerFeed
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.status import ActorWeights, LearnerStatus
from dsrl_core.types import Mode
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.learning import learner_to_message, weights_to_message
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import LearnerParameters
from dsrl_ros.paths import catalog

_LOG_EVERY = 50
"""Updates between two points of a training curve."""


class LearnerNode(DsrlNode[LearnerParameters]):
    """Adapter of `dsrl_core.learning`."""

    def __init__(self) -> None:
        super().__init__("learner", LearnerParameters)
        torch.set_num_threads(1)
        known = catalog()
        task = known.task(self.parameters.task)
        policy = load_policy(known.policy(self.parameters.policy or task.policy))
        self._learner = Learner([LearnedTask(task, policy)], self.parameters.seed)
        out = Path(self.parameters.out)
        store = EpisodeStore(out / "episodes")
        self._feed = LearnerFeed(self._learner, store.read, store.numbers())
        self._ledger = LedgerFollower(out / "ledger.jsonl")
        self._board = SummaryWriter(str(out / "tensorboard"))
        self._logged = 0
        self._rate = 0.0
        self._told = LearnerStatus()
        self._told_at_s = 0.0
        self._weights = topics.ACTOR_WEIGHTS.publisher(self)
        self._status = topics.LEARNER_STATUS.publisher(self)
        self._status.publish(learner_to_message(self._told))
        self._work = self.wall_timer(0.001, self._on_work)
        topics.EPISODE_RECORDED.subscribe(self, self._on_recorded)
        topics.LABEL_LEDGER.subscribe(self, self._on_label)
        self._on_label(None)

    def _on_recorded(self, message: msg.EpisodeRecorded) -> None:
        self._feed.recorded(message.episode, Mode(message.mode))
        self._go_on()

    def _on_label(self, _: msg.EpisodeLabel | None) -> None:
        """The file rules, the message only says that there is something new in it."""
        self._feed.labelled(self._ledger.new())
        self._go_on()

    def _go_on(self) -> None:
        if self._learner.updates_pending:
            self._work.reset()
        self._tell()

    def _on_work(self) -> None:
        """One slice of the pending updates; the timer sleeps while there are none."""
        began_s, before = time.monotonic(), self._learner.updates
        metrics = {}
        while self._learner.updates_pending and (
            time.monotonic() - began_s < self.parameters.slice_s
        ):
            metrics = self._learner.update(1)
        done = self._learner.updates - before
        if done:
            self._rate = done / (time.monotonic() - began_s)
        if not self._learner.updates_pending:
            self._work.cancel()
            self._hand_over()
        self._log(metrics)
        self._tell()

    def _hand_over(self) -> None:
        """Publish new weights, before the status that says that they are there."""
        version, data = self._learner.weights()
        if version == self._told.weights_version:
            return
        weights = ActorWeights(version, hashlib.sha256(data).hexdigest(), data, self.now_ns())
        self._weights.publish(weights_to_message(weights))

    def _log(self, metrics: dict[str, float]) -> None:
        updates = self._learner.updates
        if metrics and (updates - self._logged >= _LOG_EVERY or not self._learner.updates_pending):
            self._logged = updates
            for name, value in metrics.items():
                self._board.add_scalar(name, value, updates)
            self._board.add_scalar("learner/episodes", self._learner.episodes, updates)
            self._board.add_scalar("learner/updates_per_s", self._rate, updates)

    def _tell(self) -> None:
        """Report progress: at once when something is complete, otherwise now and then."""
        learner = self._learner
        status = LearnerStatus(
            learner.weights_version,
            learner.updates,
            learner.updates_pending,
            self._rate,
            learner.episodes,
            self._feed.entries,
        )
        is_step = status.updates_pending == 0 or status.ledger_entries != self._told.ledger_entries
        now_s = time.monotonic()
        if (is_step and status != self._told) or (
            now_s - self._told_at_s > self.parameters.status_period_s
        ):
            self._told, self._told_at_s = status, now_s
            self._status.publish(learner_to_message(status))

    def close(self) -> None:
        self._board.close()


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(LearnerNode, args)


if __name__ == "__main__":
    main()
