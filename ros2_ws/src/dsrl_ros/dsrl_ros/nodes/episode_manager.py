"""Runs episodes one after the other and keeps the label ledger."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path

from std_srvs.srv import Trigger

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LabelLedger
from dsrl_core.data.timeline import Timeline
from dsrl_core.disk_budget import DiskBudget, disk_health
from dsrl_core.episode_manager import EpisodeManager
from dsrl_core.episode_run import ResetWanted
from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.ab_rule import asked_rule
from dsrl_core.evaluation.ab_run import (
    ComparisonRun,
    requested_run,
    sealed_episodes,
    told_in_advance,
    write_plan,
)
from dsrl_core.evaluation.run_progress import RunProgress
from dsrl_core.layout import start_posture
from dsrl_core.start_check import StartCheck
from dsrl_core.status import INVALID, EpisodeStatus, Waits
from dsrl_core.steering.kept_weights import KeptWeights
from dsrl_core.types import Label
from dsrl_interfaces import msg
from dsrl_interfaces.srv import RunEpisodes
from dsrl_ros import topics
from dsrl_ros.conversions.decisions import request_from_message
from dsrl_ros.conversions.episodes import (
    budget_to_message,
    label_from_message,
    label_to_message,
    recorded_from_message,
    safety_from_message,
    status_to_message,
)
from dsrl_ros.conversions.learning import health_to_message, learner_from_message
from dsrl_ros.needed_processes import NeededProcesses
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.operator_services import OperatorServices
from dsrl_ros.parameters import EpisodeManagerParameters
from dsrl_ros.paths import catalog
from dsrl_ros.resets import ArmReset, Reset, Told, WorldReset
from dsrl_ros.wire_names import with_prefix

_BUDGET_S = 1.0


class EpisodeManagerNode(DsrlNode[EpisodeManagerParameters]):
    """Adapter of `dsrl_core.episode_manager`."""

    def __init__(self) -> None:
        super().__init__("episode_manager", EpisodeManagerParameters)
        known = catalog()
        task = known.task(self.parameters.task)
        out = Path(self.parameters.out)
        self._ledger = LabelLedger(out / LEDGER)
        if self._ledger.torn:
            self.get_logger().warning(self._ledger.torn)
        labelled = max((label.episode for label in self._ledger.entries), default=-1)
        self._manager = EpisodeManager(
            self._ledger,
            task.time_limit_ns,
            max(labelled + 1, EpisodeStore(out / EPISODES).next_number()),
            wait_for_learner=self.parameters.lock_step,
            evaluation_share=self.parameters.evaluation_share,
            # Who resets the world presses start already.
            auto_advance=self.parameters.auto_advance or not self.parameters.simulated,
        )
        limit, free = 1e9 * self.parameters.disk_gb, 1e9 * self.parameters.disk_free_gb
        self._disk = DiskBudget(out / EPISODES, limit, free)
        self._warned, self._diagnostics = "", topics.DIAGNOSTICS.publisher(self)
        self._place = (socket.gethostname(), str(out.absolute()))
        self._timeline, self._idle_s = Timeline(out), 0.0
        self._progress = RunProgress(task.success_target)
        self._progress.labelled(self._ledger.entries)
        self._progress.hide(sealed_episodes(out))
        self._published: EpisodeStatus | None = None
        self._hold = ""
        self._status = topics.EPISODE.publisher(self)
        self._budget = topics.RUN_BUDGET.publisher(self)
        self._entries = topics.LABEL_LEDGER.publisher(self)
        for label in self._ledger.entries:
            self._entries.publish(label_to_message(label))
        told = Told(self._on_ready, self._on_reset_failed, self._on_note)
        self._reset: Reset = WorldReset(self, told)
        if not self.parameters.lock_step:
            robot = with_prefix(known.robot(task.robot), self.parameters.arm_prefix)
            start = StartCheck(robot, start_posture(task.scene, robot))
            simulated = self.parameters.simulated
            self._reset = ArmReset(self, told, task, robot, start, simulated, self.now_ns)
        self.create_service(RunEpisodes, topics.RUN_SERVICE, self._on_run)
        self.create_service(Trigger, topics.STOP_SERVICE, self._on_stop)
        self.create_service(Trigger, topics.START_SERVICE, self._on_start)
        topics.LABEL.subscribe(self, self._on_label)
        topics.LEARNER_STATUS.subscribe(self, self._on_learner)
        topics.SAFETY.subscribe(self, self._on_safety)
        self._needed = NeededProcesses(
            self,
            {"chunk_player": self._on_request, "rollout_recorder": self._on_recorded},
            self._on_process,
        )
        if self.parameters.lock_step:
            # In real time the chunk player misses the robot's states, and holds the arm.
            topics.SIM_SUCCESS.subscribe(
                self, lambda _: None, on_lost=lambda: self._on_process("franka_sim")
            )
        OperatorServices(self, self._manager, self._ledger, self._say, self._after_event)
        self.wall_timer(0.1, self._on_timer)
        self.wall_timer(_BUDGET_S, self._tell_budget)
        self._after_event()

    # Services.

    def _on_run(
        self, request: RunEpisodes.Request, response: RunEpisodes.Response
    ) -> RunEpisodes.Response:
        try:
            wanted = requested_run(
                request.mode,
                request.count,
                request.seed,
                request.first_index,
                request.arms,
                KeptWeights(Path(self.parameters.out)).versions(),
                asked_rule(request.alpha, request.margin),
            )
            if isinstance(wanted, ComparisonRun):
                response.message = told_in_advance(wanted)
            if request.plan_only:
                response.accepted = True
                return response
            response.first_episode = self._manager.run(wanted)
            if isinstance(wanted, ComparisonRun):
                out, first = Path(self.parameters.out), response.first_episode
                path = write_plan(out, wanted, first, resets_match=self.parameters.simulated)
                response.message += f"; sealed in {path}"
            response.accepted = True
        except DsrlError as error:
            response.message = str(error)
        self._after_event()
        return response

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._manager.stop()
        self._reset.drop()
        self._after_event()
        response.success = True
        return response

    def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """A person says that the cell stands at its start, or that the run may go on."""
        if self._manager.status.waits_for == Waits.RESET or self._hold:
            response.message = self._hold or self._reset.press_start()
        else:
            response.message = self._manager.press_start(self.now_ns())
        response.success = not response.message
        self._after_event()
        return response

    # Topics.

    def _on_label(self, message: msg.EpisodeLabel) -> None:
        try:
            self._say(label_from_message(message))
        except (DsrlError, ValueError) as error:
            self.get_logger().error(f"label refused: {error}")
            self._manager.note(f"label refused: {error}")
            self._after_event()

    def _say(self, label: Label) -> Label:
        """Write a label and tell the graph.

        Raises:
            DsrlError: it is refused.
        """
        before = len(self._ledger.entries)
        written = self._manager.label(label)
        self._progress.labelled(self._ledger.entries[before:])
        self._entries.publish(label_to_message(written))
        self._after_event()
        return written

    def _on_learner(self, message: msg.LearnerStatus) -> None:
        self._manager.learner_progress(learner_from_message(message))
        self._after_event()

    def _on_recorded(self, message: msg.EpisodeRecorded) -> None:
        recorded = recorded_from_message(message)
        self._progress.recorded(recorded)
        self._look_at_disk()  # before another one begins
        self._manager.recorded(recorded)
        self._after_event()

    def _on_request(self, message: msg.ChunkRequest) -> None:
        if message.final:
            self._manager.requested(request_from_message(message))
            self._after_event()

    def _on_safety(self, message: msg.SafetyStatus) -> None:
        safety = safety_from_message(message)
        self._hold, self._idle_s = safety.hold, safety.idle_s
        self._progress.idle(safety.idle_s, time.monotonic())
        self._manager.safety(safety)
        if self._manager.is_held:
            self._reset.drop()
        self._after_event()

    def _on_process(self, who: str) -> None:
        self._needed.tell()
        self._manager.away(self._needed.away, self.now_ns())
        # Of the others the chunk player's watch knows more: what holds the arm.
        if who == "franka_sim" or (who == "chunk_player" and who in self._needed.away):
            self._manager.lost(f"{who} is gone")
        self._after_event()

    # What follows from an event.

    def _after_event(self) -> None:
        """Publish what changed, and see to a reset that is wanted."""
        if self._manager.status != self._published:
            before, self._published = self._published, self._manager.status
            host, folder = self._place
            stamped = replace(self._published, stamp_ns=self.now_ns(), host=host, folder=folder)
            self._progress.see(stamped, time.monotonic())
            # On disk before anybody hears of it.
            self._write_down(stamped)
            self._status.publish(status_to_message(stamped))
            is_told = before is not None and before.message == self._published.message
            if self._published.outcome == INVALID and not is_told:
                self.get_logger().error(self._published.message)
        if (wanted := self._manager.reset_wanted) is not None:
            self._manager.reset_wanted = None
            self._reset.begin(wanted)

    def _write_down(self, status: EpisodeStatus) -> None:
        try:
            self._timeline.add(status, self._idle_s)
        except OSError as error:
            # Reports will have a gap; the robot's work does not depend on it.
            self.get_logger().error(f"no timeline: {error}", throttle_duration_sec=60.0)

    def _tell_budget(self) -> None:
        budget = self._progress.snapshot(time.monotonic())
        self._budget.publish(budget_to_message(replace(budget, stamp_ns=self.now_ns())))
        self._needed.tell()
        self._look_at_disk()

    def _look_at_disk(self) -> None:
        state = self._disk.look()
        health = disk_health(state, self.get_namespace().strip("/"))
        self._diagnostics.publish(health_to_message(health, self.now_ns()))
        told = state.refusal or state.warning
        if bool(told) != bool(self._warned) or state.refusal:
            self.get_logger().warning(told or "the disk has room again", throttle_duration_sec=60.0)
            if told and not state.refusal and not self._manager.status.message:
                self._manager.note(told)
        self._warned = told
        self._manager.disk(state.refusal, self.now_ns())
        self._after_event()

    def _on_timer(self) -> None:
        self._manager.time_is(self.now_ns())
        self._reset.poll()
        self._after_event()

    def _on_ready(self, wanted: ResetWanted, started_ns: int) -> None:
        self._manager.world_ready(wanted.episode, started_ns)
        self._after_event()

    def _on_reset_failed(self, wanted: ResetWanted, reason: str) -> None:
        self._manager.reset_failed(wanted.episode, reason)
        self._after_event()

    def _on_note(self, text: str) -> None:
        self._manager.note(text)
        self._after_event()

    def close(self) -> None:
        self._ledger.close()


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(EpisodeManagerNode, args)


if __name__ == "__main__":
    main()
