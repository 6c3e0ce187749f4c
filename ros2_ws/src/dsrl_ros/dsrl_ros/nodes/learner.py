"""Learns beside the robot: recorded episodes and labels in, versioned weights out.

Updates run in slices on a timer, so that messages are served between them and the robot never
waits for a lock.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower
from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.ab_run import read_plans
from dsrl_core.health import learner_health
from dsrl_core.learning.alarms import NAMES
from dsrl_core.learning.checkpoints import Checkpoints
from dsrl_core.learning.feed import Attempt
from dsrl_core.learning.guard import GuardConfig
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.learning.prior import Prior
from dsrl_core.learning.run_record import CHECKPOINTS, RunRecord, about_run
from dsrl_core.learning.training_run import TrainingRun, Version
from dsrl_core.policies import load_policy
from dsrl_core.status import INVALID, ActorWeights, LearnerStatus
from dsrl_core.steering.kept_weights import KeepLimits, KeptWeights
from dsrl_core.types import Mode
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.learning import (
    health_to_message,
    learner_to_message,
    weights_to_message,
)
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import LearnerParameters
from dsrl_ros.paths import catalog

_DIAGNOSTICS_PERIOD_S = 1.0


class LearnerNode(DsrlNode[LearnerParameters]):
    """Adapter of `dsrl_core.learning.training_run`."""

    def __init__(self) -> None:
        super().__init__("learner", LearnerParameters)
        torch.set_num_threads(1)
        given = self.parameters
        known = catalog()
        task = known.task(given.task)
        self._robot = task.robot
        learned = LearnedTask(task, load_policy(known.policy_of(task, given.policy)))
        guard = GuardConfig(acts=given.guard, level=given.guard_level)
        priors = [Prior.of(Path(folder)) for folder in given.prior.split(":") if folder]
        out = Path(given.out)
        store = EpisodeStore(out / EPISODES)
        self._record = RunRecord(
            out, about_run(learned, given.seed, guard, [str(p.folder) for p in priors])
        )
        self._run = TrainingRun(
            Learner([learned], given.seed),
            store.read,
            store.numbers(),
            guard,
            Checkpoints(out / CHECKPOINTS),
            self._on_version,
        )
        self._out, self._kept = out, KeptWeights(out)
        self._keep_limits = KeepLimits(given.kept_versions, given.kept_megabytes)
        self._ledger = LedgerFollower(out / LEDGER)
        self._board = SummaryWriter(str(out / "tensorboard"))
        self._rate = 0.0
        self._told = LearnerStatus()
        self._told_at_s = 0.0
        self._published = 0
        self._warned: set[str] = set()
        self._weights = topics.ACTOR_WEIGHTS.publisher(self)
        self._status = topics.LEARNER_STATUS.publisher(self)
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        self._status.publish(learner_to_message(self._told))
        self._work = self.wall_timer(0.001, self._on_work)
        self.wall_timer(_DIAGNOSTICS_PERIOD_S, self._diagnose)
        topics.EPISODE_RECORDED.subscribe(self, self._on_recorded)
        topics.LABEL_LEDGER.subscribe(self, self._on_label)
        self._run.add_prior(priors)
        self._on_label(None)

    def _on_recorded(self, message: msg.EpisodeRecorded) -> None:
        attempt = Attempt(
            Mode(message.mode), message.weights_version, message.end_reason != INVALID
        )
        self._run.recorded(message.episode, attempt)
        self._go_on()

    def _on_label(self, _: msg.EpisodeLabel | None) -> None:
        """The file rules, the message only says that there is something new in it."""
        self._run.labelled(self._ledger.new())
        self._go_on()

    def _go_on(self) -> None:
        if self._run.is_busy:
            self._work.reset()
        else:
            self._hand_over()
        self._tell()

    def _on_work(self) -> None:
        """One slice of the pending updates; the timer sleeps while there are none."""
        learner = self._run.learner
        began_s, before = time.monotonic(), learner.updates
        while self._run.is_busy and time.monotonic() - began_s < self.parameters.slice_s:
            if metrics := self._run.work():
                self._log(metrics)
        done = learner.updates - before
        if done:
            self._rate = done / (time.monotonic() - began_s)
        if not self._run.is_busy:
            self._work.cancel()
            self._hand_over()
        self._tell()

    def _on_version(self, version: Version) -> None:
        if problem := self._record.add(version):
            self.get_logger().warning(problem)

    def _hand_over(self) -> None:
        """Publish new weights, before the status that says that they are there.

        Only what is left when all that is known was learned: versions that a new start goes through
        again are older than what the robot has.
        """
        version = self._run.present
        if version is None or version.number == self._published:
            return
        self._published = version.number
        self._keep(version)
        weights = ActorWeights(
            version.number, version.sha256, version.data, self.now_ns(), version.restored_from
        )
        self._weights.publish(weights_to_message(weights))

    def _keep(self, version: Version) -> None:
        """On disk before it goes to the robot: a comparison may name it."""
        try:
            self._kept.keep(version.number, version.data)
            needed = {number for plan in read_plans(self._out) for number in plan.weights_versions}
            self._kept.thin(self._keep_limits, self._run.guard.evaluated_versions(), needed)
        except DsrlError as error:
            # The robot need not wait for a disk.
            self.get_logger().error(str(error))

    def _log(self, metrics: dict[str, float]) -> None:
        learner = self._run.learner
        guard = self._run.guard.status()
        scalars = metrics | {
            "learner/episodes": learner.episodes,
            "learner/updates_per_s": self._rate,
            "guard/best_version": guard.best_version,
            "guard/restored_from": guard.restored_from,
            "guard/acts_as_base": float(guard.acts_as_base),
        }
        for name, (successes, trials) in (
            ("guard/evaluated", guard.evaluated),
            ("guard/trained", guard.trained),
            ("guard/base", guard.base),
        ):
            if trials:
                scalars[name] = successes / trials
        active = self._run.alarms.active
        scalars |= {f"alarm/{name}": float(name in active) for name in NAMES}
        for name, value in scalars.items():
            self._board.add_scalar(name, value, learner.updates)

    def _tell(self) -> None:
        """Report progress: at once when something is complete, otherwise now and then."""
        learner = self._run.learner
        status = LearnerStatus(
            learner.weights_version,
            learner.updates,
            learner.updates_pending,
            self._rate,
            learner.episodes,
            self._run.feed.entries,
            self._run.decision.reason,
            self._run.warnings(),
            guard=self._run.guard.status(),
        )
        is_step = status.updates_pending == 0 or status.ledger_entries != self._told.ledger_entries
        now_s = time.monotonic()
        if (is_step and status != self._told) or (
            now_s - self._told_at_s > self.parameters.status_period_s
        ):
            is_new = status.alarms != self._told.alarms
            self._told, self._told_at_s = status, now_s
            self._status.publish(learner_to_message(status))
            if is_new:
                self._diagnose()

    def _diagnose(self) -> None:
        """For robot monitors: every second, and at once when an alarm comes or goes."""
        health = learner_health(self._told, self._robot)
        self._diagnostics.publish(health_to_message(health, self.now_ns()))
        for text in self._told.alarms:
            if text not in self._warned:
                self.get_logger().warning(text)
        self._warned = set(self._told.alarms)

    def close(self) -> None:
        self._board.close()


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(LearnerNode, args)


if __name__ == "__main__":
    main()
