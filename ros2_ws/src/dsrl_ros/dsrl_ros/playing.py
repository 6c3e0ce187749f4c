"""Episodes on the chunk player: what the graph says to it and hears, whatever drives its ticks.

A final request ends an episode; a hold ends it as invalid, and it stays until a person resumes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from dsrl_core.control.ahead import AnswerTimes
from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.safety import Safety
from dsrl_core.status import INVALID, EpisodeStatus, Phase, SafetyStatus
from dsrl_core.types import (
    NANOSECONDS_PER_SECOND,
    ChunkRequest,
    Float64Array,
    SetPoint,
)
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.decisions import decision_from_message, request_to_message
from dsrl_ros.conversions.episodes import safety_to_message, status_from_message
from dsrl_ros.node import DsrlNode
from dsrl_ros.pace import Pace
from dsrl_ros.parameters import ChunkPlayerParameters

_ASK_AGAIN_NS: Final = NANOSECONDS_PER_SECOND // 4
"""A request of which nothing came is repeated after this."""


class Playing:
    """Follows the episode manager with one chunk player."""

    def __init__(
        self,
        node: DsrlNode[ChunkPlayerParameters],
        player: ChunkPlayer,
        safety: Safety,
        period_ns: int,
        join_ns: int,
        answers: AnswerTimes,
        ahead_of: Callable[[int], int] | None = None,
    ) -> None:
        """`join_ns`: a running episode may be joined so late after its start. `answers`: learns how
        long they take. `ahead_of`: how many actions ahead the next chunk is asked for if they take
        up to so long [ns]; None: that is fixed."""
        self._node, self._player, self._safety = node, player, safety
        self._period_ns, self._join_ns, self._ahead_of = period_ns, join_ns, ahead_of
        self._answers = answers
        self.status = EpisodeStatus()
        self.pace = Pace(period_ns)
        self.unusable = ""
        """Why the answer to the pending request, come just now, was refused: none other follows by
        itself."""
        self._episode: int | None = None
        self._sent_ns = 0
        self._asked: ChunkRequest | None = None
        self._asked_ns = 0
        self._clamped: Counter[str] = Counter()
        self._told: tuple[str | None, str | None] = (None, None)
        self._request = topics.CHUNK_REQUEST.publisher(node)
        self._safety_status = topics.SAFETY.publisher(node)
        self.tell_safety()

    def waits_for(self, more_listeners: int = 0) -> str:
        return topics.CHUNK_REQUEST.missing_listeners(self._request, more_listeners)

    @property
    def is_playing(self) -> bool:
        return self._episode is not None

    @property
    def hold(self) -> str:
        """The rule that holds the arm; empty: none does."""
        rule = self._safety.hold_rule
        return "" if rule in (None, "start") else str(rule)

    # What the graph says.

    def follow(self, message: msg.EpisodeStatus) -> None:
        """Hear of an episode; one that is over here too is closed.

        Only the newest status is kept for who is busy: the next word may be that another one runs.
        """
        self.status = status = status_from_message(message)
        is_running = status.phase is Phase.RUNNING and status.episode == self._episode
        if not is_running and self._episode is not None:
            self._episode = None
            if not self._player.is_over:
                is_invalid = status.outcome == INVALID or not status.phase.is_over
                # Closed at the time that the last set-point led to.
                reason = INVALID if is_invalid else "ended"
                self._send_request(self._player.end(self._sent_ns + self._period_ns, reason))

    def take(self, message: msg.ActionChunk) -> bool:
        """Load a chunk that was asked for; whether it was accepted, else see `unusable`."""
        self.unusable = ""
        pending = self._player.pending
        if self._episode is None or pending is None:
            return False
        decision = decision_from_message(message)
        refused = self._player.load(decision)
        if refused is not None:
            self._node.get_logger().warning(f"chunk refused: {refused}")
            if (decision.episode, decision.sequence) == (pending.episode, pending.sequence):
                self.unusable = refused
        elif not decision.is_final:
            self._answers.took(pending, max(self._node.now_ns() - pending.stamp_ns, 0))
            if self._ahead_of is not None:
                self._player.ask_ahead(self._ahead_of(self._answers.slowest_ns))
        return refused is None

    def begin(self, now_ns: int, measured: Float64Array) -> bool:
        """Start the running episode if it has not been; whether it was."""
        status = self.status
        if status.phase is not Phase.RUNNING or self._episode == status.episode or self.hold:
            return False
        if not 0 <= now_ns - status.started_ns <= self._join_ns:
            return False
        self._episode = status.episode
        self._remember_clamps()
        self._player.start(now_ns, measured, status.episode, status.deadline_ns)
        self._sent_ns = now_ns - self._period_ns
        return True

    # What it does.

    def tick(self, now_ns: int, measured: Float64Array, ask_again: bool = False) -> SetPoint | None:
        """One set-point, and whatever is to be asked for; `ask_again`: at once."""
        tick = self._player.tick(now_ns, measured)
        if tick.request is not None:
            self._send_request(tick.request)
        elif self.is_playing and (ask_again or now_ns - self._asked_ns >= _ASK_AGAIN_NS):
            self._ask_again(now_ns)
        return tick.set_point

    def sent(self, set_point: SetPoint) -> None:
        """A set-point went out."""
        self._sent_ns = set_point.stamp_ns

    def halt(self, rule: str, reason: str, now_ns: int) -> None:
        """Hold the arm until a person resumes; the first reason stays."""
        self._player.hold(rule, reason)
        # Safety's word first: the episode manager can then say why the episode is invalid.
        self.tell_safety()
        if self.is_playing and not self._player.is_over:
            self._send_request(self._player.end(now_ns, INVALID))

    def resume(self) -> None:
        """A person lets the arm go on, with the next episode or return."""
        self._player.release()
        self.tell_safety()

    def begin_return(self, now_ns: int, measured: Float64Array, joints: Float64Array) -> None:
        """Bring the arm to rest at joints (joints,) [rad]."""
        self._remember_clamps()
        self._player.begin_return(now_ns, measured, joints)

    def _ask_again(self, now_ns: int) -> None:
        """Somebody may not have heard the last request: nothing came of it yet."""
        asked = self._asked
        if asked is not None and (self._player.pending is asked or asked.final):
            self._asked_ns = now_ns
            self._request.publish(request_to_message(asked))

    def _send_request(self, request: ChunkRequest) -> None:
        if request.final and self.hold:
            self.tell_safety()
        self._asked, self._asked_ns = request, request.stamp_ns
        self._request.publish(request_to_message(request))

    # What safety says.

    def _remember_clamps(self) -> None:
        """Add up what was clamped: a start of the player forgets it."""
        self._clamped.update(self._safety.report().clamped)

    def tell_safety(self, changed_only: bool = False) -> None:
        """Publish safety's status; `changed_only`: if the arm is newly held or let go."""
        rule, reason = self._safety.hold_rule, self._safety.hold_reason
        if changed_only and (rule, reason) == self._told:
            return
        if self.hold and (rule, reason) != self._told:
            self._node.get_logger().error(f"the arm is held ({rule}): {reason}")
        self._told = rule, reason
        clamped = self._clamped + Counter(self._safety.report().clamped)
        status = SafetyStatus(
            bool(self.hold),
            self.hold,
            (reason or "") if self.hold else "",
            tuple(sorted(clamped.items())),
            self.pace.set_points,
            self.pace.missed,
            self.pace.p99_s(),
            self._sent_ns,
            self._player.idleness.idle * self._period_ns * 1e-9,
        )
        self._safety_status.publish(safety_to_message(status))
