"""Pairs every decision with what became of it and puts whole episodes on disk."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from dsrl_core.data.decision_codec import own_codec
from dsrl_core.data.episode_assembly import EpisodeAssembly
from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.folder_lock import FolderLock
from dsrl_core.data.ledger import LEDGER, LedgerFollower
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.health import Recording, recorder_health
from dsrl_core.status import INVALID, EpisodeStatus, Phase, RecordedEpisode
from dsrl_core.types import Episode, Mode
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.decisions import (
    decision_from_message,
    request_from_message,
    step_to_message,
)
from dsrl_ros.conversions.episodes import recorded_to_message, status_from_message
from dsrl_ros.conversions.learning import health_to_message
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import RolloutRecorderParameters
from dsrl_ros.paths import catalog
from dsrl_ros.raw_topics import RawTopics, chosen_topics

_HEALTH_S: Final = 1.0


class RolloutRecorder(DsrlNode[RolloutRecorderParameters]):
    """Adapter of `dsrl_core.data.episode_assembly` and `episode_store`.

    An episode that is over and of which something was not heard is written as invalid, so that the
    graph goes on and nothing is lost without a word.
    """

    def __init__(self) -> None:
        super().__init__("rollout_recorder", RolloutRecorderParameters)
        folder = Path(self.parameters.out) / EPISODES
        self._lock = FolderLock(folder)
        self._store = EpisodeStore(folder)
        for path in self._store.set_aside:
            self.get_logger().warning(f"an interrupted write was moved to {path}")
        own_codec()  # takes a moment the first time
        self._stored = set(self._store.numbers())
        self._ledger, self._labelled = LedgerFollower(folder.parent / LEDGER), set[int]()
        self._announced: set[int] = set()
        self._unwritten: Episode | None = None
        self._recording = Recording(len(self._stored))
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        self._status = EpisodeStatus()
        self._over_since_s = 0.0
        self._assembly = EpisodeAssembly(-1)
        self._raw = self._raw_topics()
        self._steps = topics.DECISION_STEP.publisher(self)
        self._recorded = topics.EPISODE_RECORDED.publisher(self)
        topics.EPISODE.subscribe(self, self._on_episode, on_lost=self._on_manager_lost)
        topics.CHUNK_REQUEST.subscribe(self, self._on_request)
        topics.ACTION_CHUNK.subscribe(self, self._on_chunk)
        self.wall_timer(self.parameters.closing_timeout_s / 5, self._on_timer)
        self.wall_timer(_HEALTH_S, self._tell_health)

    def _raw_topics(self) -> RawTopics | None:
        """None: only decisions are recorded."""
        if not self.parameters.raw_topics:
            return None
        known = catalog()
        task = known.task(self.parameters.task)
        policy = known.policy_of(task, self.parameters.policy)
        chosen = chosen_topics(self.parameters.raw_topics, policy, known.robot(task.robot))
        return RawTopics(self, self._store, chosen)

    def _tell_health(self) -> None:
        waiting = self._unwritten.number if self._unwritten is not None else None
        now = replace(self._recording, episodes=len(self._stored), waiting=waiting)
        health = recorder_health(now, self.get_namespace().strip("/"))
        self._diagnostics.publish(health_to_message(health, self.now_ns()))

    def _on_episode(self, message: msg.EpisodeStatus) -> None:
        before, self._status = self._status, status_from_message(message)
        if self._status.phase is Phase.RUNNING:
            self._begin_raw(self._status.episode)
        if before.episode != self._status.episode or not before.phase.is_over:
            self._over_since_s = time.monotonic()
        if before.episode != self._status.episode:
            self._close_lost()
        self._write_if_complete()

    def _close_lost(self) -> None:
        """Earlier episodes that were labelled and are not on disk, because recorder and episode
        manager were killed together, are invalid: the learner would wait for them for ever."""
        try:
            self._labelled |= {label.episode for label in self._ledger.new()}
        except DsrlError as error:
            self.get_logger().error(str(error))
        for number in sorted(self._labelled - self._stored):
            if number < self._status.episode and self._unwritten is None:
                reason = "what happened in it was lost with its recorder"
                self.get_logger().error(f"episode {number} is invalid: {reason}")
                self._write(EpisodeAssembly(number).invalid(Mode.TRAIN, 0, reason))

    def _on_manager_lost(self) -> None:
        """Nobody will say how the running episode ends: it is invalid, and its number is taken."""
        status = self._status
        if status.phase is Phase.RUNNING and status.episode not in self._stored:
            reason = "the episode manager is gone"
            self.get_logger().error(f"episode {status.episode} is invalid: {reason}")
            assembly = self._assembly_of(status.episode)
            self._write(assembly.invalid(status.mode, status.seed, reason))
            # One that was only away for a moment, and ends the episode itself, waits for this word.
            self._announced.discard(status.episode)

    def _on_request(self, message: msg.ChunkRequest) -> None:
        self._assembly_of(message.episode).add_request(request_from_message(message))
        self._after_message()

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        self._assembly_of(message.episode).add_decision(decision_from_message(message))
        self._after_message()

    def _assembly_of(self, episode: int) -> EpisodeAssembly:
        if episode > self._assembly.number:
            self._assembly = EpisodeAssembly(episode)
        return self._assembly

    def _after_message(self) -> None:
        for step in self._assembly.new_steps():
            self._steps.publish(step_to_message(step))
        self._write_if_complete()

    def _write_if_complete(self) -> None:
        status = self._status
        if not status.phase.is_over or status.episode in self._announced or self._unwritten:
            return
        if status.episode in self._stored:
            self._announce(self._store.read(status.episode))
            return
        assembly = self._assembly_of(status.episode)
        if assembly.number != status.episode:
            return
        if status.outcome == INVALID:
            self._write(assembly.invalid(status.mode, status.seed, status.message))
        else:
            episode = assembly.complete(status.mode, status.seed)
            if episode is not None:
                self._write(episode)

    def _on_timer(self) -> None:
        """Give up waiting for what does not come, and not what the disk did not take."""
        if self._unwritten is not None:
            self._write(self._unwritten)
            return
        status = self._status
        waited = time.monotonic() - self._over_since_s
        if (
            status.phase.is_over
            and status.episode not in self._stored
            and waited > self.parameters.closing_timeout_s
        ):
            reason = "the recorder did not hear all of its decisions and requests"
            self.get_logger().error(f"episode {status.episode} is invalid: {reason}")
            assembly = self._assembly_of(status.episode)
            self._write(assembly.invalid(status.mode, status.seed, reason))

    def _begin_raw(self, episode: int) -> None:
        if self._raw is None or self._raw.episode == episode or episode in self._stored:
            return
        try:
            self._raw.begin(episode)
        except DsrlError as error:
            self.get_logger().error(str(error))

    def _finish_raw(self, episode: int) -> Path | None:
        """Folder of the raw topics of this episode, if they were recorded."""
        if self._raw is None or self._raw.episode != episode:
            return None
        folder, counts = self._raw.finish()
        before, lost = self._recording, self._raw.lost
        self._recording = replace(
            before,
            raw_written=before.raw_written + counts.written,
            raw_dropped=before.raw_dropped + counts.dropped,
            raw_lost=lost,
        )
        if counts.problem:
            self.get_logger().error(f"episode {episode} has no raw topics: {counts.problem}")
        elif counts.dropped:
            self.get_logger().warning(
                f"episode {episode}: {counts.dropped} of {counts.dropped + counts.written} raw "
                "messages were dropped: this machine is too slow for them"
            )
        return folder

    def _write(self, episode: Episode) -> None:
        """Where the disk refuses, the episode is kept and tried again: the next one, which begins
        only when this one is stored, waits for it."""
        try:
            self._store.write(episode, self._finish_raw(episode.number))
        except InvalidValue as error:
            self.get_logger().fatal(str(error))
            raise
        except DsrlError as error:
            self._unwritten = episode
            told = f"{error}; it is kept in memory and tried again"
            self.get_logger().error(told, throttle_duration_sec=10.0)
            return
        finally:
            # On a full disk its room is what decisions need.
            if self._raw is not None:
                self._raw.drop()
        self._unwritten = None
        self._stored.add(episode.number)
        self._announce(episode)

    def _announce(self, episode: Episode) -> None:
        self._announced.add(episode.number)
        decisions = [step for step in episode.steps if not step.decision.is_final]
        recorded = RecordedEpisode(
            episode.number,
            str(Path("episodes") / self._store.path_of(episode.number).name),
            len(decisions),
            sum(step.steps_executed for step in decisions),
            decisions[-1].decision.weights_version if decisions else 0,
            episode.end_reason,
            episode.mode,
            self.now_ns(),
        )
        self._recorded.publish(recorded_to_message(recorded))

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()
        self._lock.release()


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(RolloutRecorder, args)


if __name__ == "__main__":
    main()
