"""Learns beside the robot: recorded episodes and labels in, versioned weights out.

Updates run in slices between turns of the executor, so that messages are served and the robot never
waits for a lock.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from rclpy.executors import Executor
from torch.utils.tensorboard import SummaryWriter

from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.ab_run import read_plans
from dsrl_core.evaluation.run_board import RunBoard
from dsrl_core.health import learner_health
from dsrl_core.learning.alarms import NAMES
from dsrl_core.learning.feed import Attempt
from dsrl_core.learning.guard import GuardConfig
from dsrl_core.learning.learner import LearnedTask
from dsrl_core.learning.live_run import LiveRun, LiveSettings
from dsrl_core.learning.prior import Prior
from dsrl_core.learning.training_run import Version
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
from dsrl_ros.learner_parameters import LearnerParameters
from dsrl_ros.namespaces import robot_names
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.paths import catalog

TENSORBOARD = "tensorboard"
_FLUSH_S = 5
"""Curves are on disk, where they are looked at while the run goes on."""
_DIAGNOSTICS_PERIOD_S = 1.0
_SERVED = 20
"""Callbacks between two slices of updates, at most."""


class LearnerNode(DsrlNode[LearnerParameters]):
    """Adapter of `dsrl_core.learning.live_run`."""

    def __init__(self) -> None:
        super().__init__("learner", LearnerParameters)
        torch.set_num_threads(1)
        given = self.parameters
        known = catalog()
        task = known.task(given.task)
        self._robot = task.robot
        learned = LearnedTask(task, load_policy(known.policy_of(task, given.policy)))
        guard = GuardConfig(acts=given.guard, level=given.guard_level)
        priors = tuple(Prior.of(Path(folder)) for folder in given.prior.split(":") if folder)
        out = Path(given.out)
        robots = robot_names(given.robots)
        self._live = LiveRun(
            out, learned, LiveSettings(given.seed, guard, priors, robots, given.resume)
        )
        self._run, self._intake = self._live.run, self._live.intake
        if self._live.resumed_at:
            self.get_logger().info(
                f"goes on from version {self._live.resumed_at} with {self._run.learner.episodes} "
                f"episodes and {self._run.learner.updates} updates"
            )
        self._out, self._kept = out, KeptWeights(out)
        self._keep_limits = KeepLimits(given.kept_versions, given.kept_megabytes)
        self._board = _board(out)
        # Each robot's run has a report of its own.
        boards = {out / robot: _board(out / robot) for robot in robots} or {out: self._board}
        self._curves = [RunBoard(folder, board.add_scalar) for folder, board in boards.items()]
        self._boards = {self._board, *boards.values()}
        self._rate = 0.0
        self._told = LearnerStatus()
        self._told_at_s = 0.0
        self._published, self._is_caught_up = 0, False
        self._warned: set[str] = set()
        self._weights = topics.ACTOR_WEIGHTS.publisher(self)
        # Each robot waits for its own labels only, and is told how far these are.
        self._status = {
            robot: topics.of_robot(topics.LEARNER_STATUS, robot).publisher(self)
            for robot in ("", *robots)
        }
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        self._publish_status()
        self.wall_timer(_DIAGNOSTICS_PERIOD_S, self._diagnose)
        for robot in robots or ("",):
            recorded = topics.of_robot(topics.EPISODE_RECORDED, robot)
            recorded.subscribe(self, partial(self._on_recorded, robot))
            topics.of_robot(topics.LABEL_LEDGER, robot).subscribe(self, self._on_label)
        self.wall_timer(given.checkpoint_period_s, self._remember)
        self._take()

    def _on_recorded(self, robot: str, message: msg.EpisodeRecorded) -> None:
        attempt = Attempt(
            Mode(message.mode), message.weights_version, message.end_reason != INVALID
        )
        self._intake.recorded(robot, message.episode, attempt)
        self._take()

    def _on_label(self, _: msg.EpisodeLabel | None) -> None:
        """The file rules, the message only says that there is something new in it."""
        self._take()

    def _take(self) -> None:
        self._live.take()
        for curves in self._curves:
            curves.nudge()
        self._hand_over()
        self._tell()

    def turn(self, executor: Executor) -> None:
        """Serve what has come in, and do a slice of the pending updates between two turns.

        Not by a timer: one that is always due keeps others waiting for seconds.
        """
        if not self._run.is_busy:
            super().turn(executor)
            return
        for _ in range(_SERVED):
            executor.spin_once(timeout_sec=0.0)
        self._work()

    def _work(self) -> None:
        """One slice of the pending updates."""
        learner = self._run.learner
        began_s, before = time.monotonic(), learner.updates
        while self._run.is_busy and time.monotonic() - began_s < self.parameters.slice_s:
            if metrics := self._run.work():
                self._log(metrics)
        done = learner.updates - before
        if done:
            self._rate = done / (time.monotonic() - began_s)
        self._hand_over()
        self._tell()

    def _remember(self) -> None:
        """On disk now and then: a learner that is started again goes on from there."""
        try:
            self._live.remember()
        except DsrlError as error:
            self.get_logger().error(str(error))

    def _hand_over(self) -> None:
        """Publish new weights, before the status that says that they are there.

        Only once all that was known at the start is learned: versions that a new start goes through
        again are older than what the robot has.
        """
        self._is_caught_up |= not self._run.is_busy
        version = self._run.present
        if not self._is_caught_up or version is None or version.number == self._published:
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
            self._publish_status()
            if is_new:
                self._diagnose()

    def _publish_status(self) -> None:
        told = self._told
        for robot, publisher in self._status.items():
            own = replace(
                told,
                ledger_entries=self._intake.entries_of(robot, told.ledger_entries),
                updates_pending=self._intake.pending_of(
                    robot, told.ledger_entries, told.updates_pending
                ),
            )
            publisher.publish(learner_to_message(own if robot else told))

    def _diagnose(self) -> None:
        """For robot monitors: every second, and at once when an alarm comes or goes."""
        health = learner_health(self._told, self._robot)
        self._diagnostics.publish(health_to_message(health, self.now_ns()))
        while self._live.problems:
            self.get_logger().warning(self._live.problems.pop(0))
        for text in self._told.alarms:
            if text not in self._warned:
                self.get_logger().warning(text)
        self._warned = set(self._told.alarms)

    def close(self) -> None:
        self._remember()
        for curves in self._curves:
            curves.close()
        for board in self._boards:
            board.close()


def _board(folder: Path) -> SummaryWriter:
    return SummaryWriter(str(folder / TENSORBOARD), flush_secs=_FLUSH_S)


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(LearnerNode, args)


if __name__ == "__main__":
    main()
